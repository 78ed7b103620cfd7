"""Sessions that outlive their connection, for clients that come back.

Theory of operation. A session that can be resumed is known here from its start. While a connection
carries it, its attachment takes its results; once that has gone, they are collected here until the
client comes back or the window is over. Whoever comes back while an older connection still carries
it, which the server may not have found out about, takes it over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scribewire.log_line import LogLine
from scribewire.protocol.resuming import cannot_resume
from scribewire.runtime.observer import UNOBSERVED

if TYPE_CHECKING:
    from scribewire.errors import ClientFault
    from scribewire.protocol.resuming import ComeBack
    from scribewire.runtime.observer import NotResumed, Observer
    from scribewire.server.attachment import Attachment
    from scribewire.server.session import Session

_log = logging.getLogger("scribewire.session")


@dataclass(slots=True, kw_only=True, eq=False)
class KeptSession:
    """One that can be resumed, and what carries it now."""

    session: Session
    key_id: str
    """Whose it is."""
    owned: AsyncExitStack
    """What ends with it."""
    most_of_key: int | None = None
    """How many of its key may be kept at once."""
    take_place: Callable[[], AbstractContextManager[None]]
    """Counts it among those that are carried, for while it is kept and heard on."""
    leave: Callable[[], Awaitable[None]] | None = None
    """Writes where it is, for another process to go on from; None: it is written nowhere."""
    attachment: Attachment | None = None
    """What takes its results."""
    while_kept: ExitStack = field(default_factory=ExitStack)
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def end(self, fault: ClientFault) -> None:
        """End it because its key may not go on."""
        if self.attachment is not None:
            self.attachment.reject(fault)
        else:
            self.session.end_audio()


class KeptSessions:
    """Those of one server. It belongs to the event loop; the last to be called is `aclose`."""

    def __init__(self, *, window_s: float, most: int, observer: Observer = UNOBSERVED) -> None:
        self._window_s, self._most = window_s, most
        self._observer = observer
        self._known: dict[str, KeptSession] = {}
        self._kept: dict[str, KeptSession] = {}  # of these, those nobody carries; oldest first
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def is_on(self) -> bool:
        """Whether sessions can be resumed at all."""
        return self._window_s > 0

    @property
    def count(self) -> int:
        """How many are kept that no connection carries."""
        return len(self._kept)

    @property
    def count_ended(self) -> int:
        """How many of them are over: they are kept for who has not been told of it."""
        return sum(one.session.has_ended for one in self._kept.values())

    @property
    def count_going_on(self) -> int:
        """How many of them are not."""
        return self.count - self.count_ended

    def add(self, one: KeptSession) -> None:
        """Know a session that begins; its attachment carries it."""
        self._known[one.session.id] = one

    def is_known(self, back: ComeBack, key_ids: Collection[str]) -> bool:
        """Tell whether a session of one of these keys could be gone on with."""
        one = self._known.get(back.session_id)
        return one is not None and one.key_id in key_ids

    async def take(self, back: ComeBack, key_id: str, attachment: Attachment) -> KeptSession:
        """Have a session carried by this attachment, whatever carries it or keeps it now.

        Raises ClientFault where there is none of this key, or none to go on with from there.
        """
        one = self._known.get(back.session_id)
        if one is None or one.key_id != key_id:
            raise cannot_resume()
        one.session.check_come_back(back)
        async with one.taking:
            carrier = one.attachment
            is_over = carrier is not None and carrier.is_abandoned  # and ends it in a moment
            if is_over or self._known.get(back.session_id) is not one:
                raise cannot_resume()
            one.attachment = attachment
            self._kept.pop(back.session_id, None)
            one.while_kept.close()
            if carrier is not None:
                await self._take_over(one, carrier)
        return one

    async def _take_over(self, one: KeptSession, carrier: Attachment) -> None:
        try:
            await carrier.hand_over()
        except BaseException:  # whoever wanted it was cancelled: another one may
            one.attachment = None
            self._keep(one)
            raise

    def lose(self, session_id: str) -> None:
        """End a session that another server has taken; its client is told nothing."""
        self._have_ended(self.move_away(session_id, is_lost=True))

    async def move_away(self, session_id: str, *, is_lost: bool = False) -> None:
        """Let go of a session that another server goes on with.

        Where it is is written before, unless that server has it already.
        """
        one = self._known.get(session_id)
        if one is None:
            return
        async with one.taking:
            carrier = one.attachment
            is_over = carrier is not None and carrier.is_abandoned  # and ends it in a moment
            if is_over or self._known.get(session_id) is not one:
                return
            self._forget(one)
            one.attachment = None
            try:
                if carrier is not None:
                    await carrier.hand_over(is_told=not is_lost)
                if one.leave is not None and not is_lost:
                    await one.leave()
            finally:
                await one.owned.aclose()
        _log.info(LogLine("moved", "= goes on at another server", session=session_id))
        self._observer.note_moved()

    async def release(self, one: KeptSession, attachment: Attachment) -> None:
        """Keep a session that its attachment has let go of, unless it is over or another has it."""
        if one.attachment is not attachment:
            return
        one.attachment = None
        if attachment.is_abandoned:
            self._forget(one)
            await one.owned.aclose()
            return
        _log.info(LogLine("kept", "= kept for its client to come back", session=one.session.id))
        self._keep(one)
        while (leaving := self._next_to_go(one)) is not None:
            await self._end(leaving, "no room")

    async def aclose(self) -> None:
        """End all that is kept."""
        while self._kept:
            await self._end(next(iter(self._kept.values())), "server down")
        await asyncio.gather(*self._ending)

    def _keep(self, one: KeptSession) -> None:
        session = one.session
        self._kept[session.id] = one
        if not session.has_ended:
            self._observer.note_kept()
        collecting = asyncio.create_task(session.collect())
        one.while_kept.callback(collecting.cancel)
        # One that costs nothing takes no room from others.
        context = one.take_place() if session.is_hearing else session.at_rest()
        one.while_kept.enter_context(context)
        timer = asyncio.get_running_loop().call_later(self._window_s, self._expire, one)
        one.while_kept.callback(timer.cancel)

    def _next_to_go(self, latest: KeptSession) -> KeptSession | None:
        """Return one that has to go for the latest; None where there is room for all.

        It is one that has ended, if there is one, else the one that was lost first.
        """
        of_key = [one for one in self._kept.values() if one.key_id == latest.key_id]
        for kept, most in ((of_key, latest.most_of_key), (list(self._kept.values()), self._most)):
            if most is not None and len(kept) > most:
                return next((one for one in kept if one.session.has_ended), kept[0])
        return None

    def _expire(self, one: KeptSession) -> None:
        self._give_up(one, "window over")  # now: nobody may come back to what is being ended
        self._have_ended(one.owned.aclose())

    def _have_ended(self, call: Coroutine[None, None, None]) -> None:
        """Have one end while others go on; `aclose` waits for it."""
        ending = asyncio.create_task(call)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, one: KeptSession, reason: NotResumed) -> None:
        self._give_up(one, reason)
        await one.owned.aclose()

    def _give_up(self, one: KeptSession, reason: NotResumed) -> None:
        """Keep it no longer, though nobody has come back to it."""
        session = one.session
        is_journaled = session.replay_from is not None and session.settled is not None
        if reason == "server down" and is_journaled:
            words = "= what its client has not got is in the journal, for it to come back elsewhere"
            _log.info(LogLine("left", words, session=session.id))
        elif not session.has_ended:
            words = "x its client has not come back: what it had not got is lost"
            _log.warning(LogLine("not_resumed", words, session=session.id))
            self._observer.note_not_resumed(reason)
        self._forget(one)

    def _forget(self, one: KeptSession) -> None:
        self._known.pop(one.session.id, None)
        self._kept.pop(one.session.id, None)
        one.while_kept.close()

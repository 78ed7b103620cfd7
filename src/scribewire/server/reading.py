"""One reader of what is said in a session, wherever that is carried.

Theory of operation. What is told is read from the server that carries the session, this one or
another of the cluster. Where none does, the journal says what was told and how it ended; or that
its client may come back, and then it is looked for again until it does or may no more. By the
numbers of finals one source goes on where another has ended: none comes twice, and one that nobody
has any more is told as missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from scribewire.errors import ServerFault
from scribewire.journal.entries import JournalFault
from scribewire.runtime.told import FinalsMissed, FinalTold, TellingEnded, TellingLeft

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from scribewire.grants import Grant
    from scribewire.journal.reader import JournaledSession
    from scribewire.runtime.told import ToldEvent, ToldEvents, ToldReader
    from scribewire.server.services import Services

ALIVE_EVERY_S: Final = 15.0
"""How soon a reader hears something, though nothing is said: proxies give up after 30 s or more."""

LOOK_AGAIN_S: Final = 1.0
"""How often is looked for a session that nobody carries."""

_AWAY = "the other servers of the cluster cannot be asked now"
_ALIVE_MS = 15_000  # a session that is open writes where it is more often than that
_MAY_GO_ON = frozenset({"open", "cut off", "drained"})


class SessionReading:
    """A session that somebody wants to read along."""

    def __init__(self, session_id: str, services: Services) -> None:
        self._session_id, self._services = session_id, services
        self._last = 0  # the number of the last final that was read, or is known to be missing
        self._is_over = False

    async def is_allowed(self, grant: Grant) -> bool:
        """Tell whether there is such a session, and whether it is one of this key.

        An admin's key reads no others: it manages keys. Raises ServerFault where that cannot be
        found out now.
        """
        return await self._find_owner() == grant.key_id

    async def events(
        self, after: int, *, with_partials: bool
    ) -> AsyncGenerator[ToldEvent | None, None]:
        """Yield what was told behind a final, and then what is, until the session is over.

        None where nothing has come for a while. It is for one reader, once.
        """
        self._last = after
        while not self._is_over:
            async with contextlib.aclosing(self._look(with_partials=with_partials)) as found:
                async for event in found:
                    self._note(event)
                    yield event
            if not self._is_over:
                await asyncio.sleep(LOOK_AGAIN_S)
                yield None

    def _note(self, event: ToldEvent | None) -> None:
        match event:
            case FinalTold(number, _):
                self._last = number
            case FinalsMissed(_, last):
                self._last = last
            case TellingEnded():
                self._is_over = True

    async def _find_owner(self) -> str | None:
        """Return whose session it is; None: there is none."""
        carried = self._services.readable.find(self._session_id)
        if carried is not None:
            return carried.key_id
        cluster = self._services.cluster
        is_away = cluster is not None and not cluster.connection.is_up
        if cluster is not None and not is_away:
            key_id = await cluster.events.owner_of(self._session_id)
            if key_id is not None:
                return key_id
        recorded = await self._find_shared()
        if recorded is not None and recorded.head is not None:
            return recorded.head.key_id
        if is_away:
            raise ServerFault(_AWAY)
        return None

    async def _find_shared(self) -> JournaledSession | None:
        """Return what journals have of it, as whoever reads it too has found it a moment ago."""
        look_ups = self._services.readable.look_ups
        return await look_ups.find(self._session_id, self._find_journaled)

    async def _find_journaled(self) -> JournaledSession | None:
        for journal in self._services.journals:
            recorded = await journal.find(self._session_id)
            if recorded is not None:
                return recorded
        return None

    # Where it is read from.

    async def _look(self, *, with_partials: bool) -> AsyncGenerator[ToldEvent | None, None]:
        """Yield what can be had now, from whoever carries it or else from the journal."""
        async with (
            self._carried(with_partials=with_partials) as told,
            contextlib.aclosing(self._read(told, with_partials=with_partials)) as events,
        ):
            async for event in events:
                yield event
        if not self._is_over:
            for event in await self._recorded():
                yield event

    @contextlib.asynccontextmanager
    async def _carried(self, *, with_partials: bool) -> AsyncIterator[ToldEvents | None]:
        here = self._services.readable.find(self._session_id)
        if here is not None:
            yield here.told
        elif (cluster := self._services.cluster) is not None:
            reading = cluster.events.reading(self._session_id, with_partials=with_partials)
            async with reading as told:
                yield told
        else:
            yield None

    async def _read(
        self, told: ToldEvents | None, *, with_partials: bool
    ) -> AsyncGenerator[ToldEvent | None, None]:
        if told is None:
            return
        with told.read(self._last, with_partials=with_partials) as reader:
            while not isinstance(event := await _next_of(reader), TellingLeft):
                for one in await self._find_missed(event):
                    yield one
                if isinstance(event, TellingEnded):
                    return

    async def _find_missed(self, event: ToldEvent | None) -> list[ToldEvent | None]:
        """Return what to tell for an event: of finals that are not kept what the journal has."""
        if not isinstance(event, FinalsMissed):
            return [event]
        try:
            recorded = await self._find_journaled()
        except JournalFault:
            recorded = None
        if recorded is None:
            return [event]
        return [*_finals(recorded, event.first - 1, event.last)]

    async def _recorded(self) -> list[ToldEvent]:
        """Return what the journal has behind what was read, and the end if it is over."""
        try:
            recorded = await self._find_shared()
        except JournalFault:
            return []  # it can be read again some day
        if recorded is None:
            return [TellingEnded("dropped")]
        newest = recorded.finals[-1].number if recorded.finals else 0
        found = _finals(recorded, self._last, newest)
        if not _may_go_on(recorded, now_ms=int(time.time() * 1000)):
            state = recorded.state
            found.append(TellingEnded("cut off" if state == "open" else state))
        return found


async def _next_of(reader: ToldReader) -> ToldEvent | None:
    """Wait for the next event; None where a client would begin to doubt that there is a server."""
    try:
        async with asyncio.timeout(ALIVE_EVERY_S):
            while (event := reader.next_event()) is None:
                await reader.has_news.wait()
            return event
    except TimeoutError:
        return None


def _finals(recorded: JournaledSession, after: int, last: int) -> list[ToldEvent]:
    """Return the finals of a journal behind one, up to another, and those that are missing."""
    found: list[ToldEvent] = []
    wanted = after + 1
    for one in recorded.finals_after(after):
        if one.number > last:
            break
        if one.number > wanted:
            found.append(FinalsMissed(wanted, one.number - 1))
        found.append(FinalTold(one.number, one.final))
        wanted = one.number + 1
    if wanted <= last:
        found.append(FinalsMissed(wanted, last))
    return found


def _may_go_on(recorded: JournaledSession, *, now_ms: int) -> bool:
    """Tell whether a session that nobody is known to carry may be gone on with, or is."""
    window_ms = 0 if recorded.head is None else recorded.head.resume_window_ms
    patience_ms = max(window_ms, _ALIVE_MS if recorded.state == "open" else 0)
    return recorded.state in _MAY_GO_ON and now_ms - recorded.written_at_ms <= patience_ms

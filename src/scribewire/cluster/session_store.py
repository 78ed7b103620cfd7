"""The sessions of several servers, on NATS JetStream: what one has left, another goes on with.

Theory of operation. A session belongs to the server that has written its latest owner message, and
every other message of it is written on the condition, which NATS checks, that this is still so.
Whoever takes a session over asks its owner to let go of it, if that lives, then writes an owner
message, and reads only then: nothing can be added behind what it reads. Whose message is refused
has lost the session.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import nats.errors

from scribewire.cluster.connection import ClusterFault, translated
from scribewire.cluster.session_messages import (
    OWNER,
    SessionMessage,
    SessionOwner,
    assemble_session,
    write_message,
)
from scribewire.cluster.session_stream import (
    KEPT_FINALS,
    NotOwnedError,
    Owned,
    SessionStream,
)
from scribewire.journal.entries import JournalFault
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from nats.aio.msg import Msg

    from scribewire.cluster.connection import ClusterConnection
    from scribewire.journal.entries import JournalEntry, SessionHead, SessionPosition
    from scribewire.journal.reader import JournaledSession
    from scribewire.journal.store import SessionCheck

MAX_MESSAGE_BYTES: Final = 512 * 1024
"""Half of what NATS takes unless it is told otherwise; a long final has some 20 KB."""

RELEASE_PATIENCE_S: Final = 1.0
"""With a server that is to let go of a session: what it still writes is refused then."""

UNUSED_S: Final = 60.0
"""After this without anything written it is not kept in mind that a session is this server's."""

_RELEASE: Final = "scribewire.server.{server_id}.release"
_RENEWED_AFTER_S: Final = 43_200.0  # well before its messages are too old to be kept
_READ_TRIES: Final = 20
_READ_PAUSE_S: Final = 0.05

_log = logging.getLogger("scribewire.cluster")


@dataclass(slots=True)
class _Claim:
    """A session that this server has."""

    run: int
    sequence: int  # of its latest owner message
    at: float  # when that was written
    used_at: float  # when something of it was written last
    head: SessionHead | None = None  # that was written


class SessionStore:
    """A `JournalStore` that other servers find sessions in. For the event loop's thread.

    Only what can be gone on with is in it.
    """

    name = "the cluster"
    is_busy = False

    def __init__(
        self, connection: ClusterConnection, *, resume_window_s: float, unused_s: float = UNUSED_S
    ) -> None:
        self._connection = connection
        self._unused_s = unused_s
        self._stream = SessionStream(connection, resume_window_s=resume_window_s)
        self._let_go: Callable[[str], Awaitable[None]] | None = None
        self._claims: dict[str, _Claim] = {}
        self._releasing: set[asyncio.Task[None]] = set()
        self._listens = False  # to others that want a session of this server
        self._now = asyncio.get_running_loop().time
        self._forget = connection.on_up(self._declare)

    async def prepare(self) -> Sequence[str]:
        """Declare the stream, if NATS is there; else that is done when it is."""
        if self._connection.is_up:
            with _explained():
                await self._declare()
        return ()

    async def write(
        self, entries: Sequence[JournalEntry], note_lost: Callable[[str], None]
    ) -> None:
        """Add entries, but for sessions that another server has taken: `note_lost` is told."""
        of_session: dict[str, list[JournalEntry]] = defaultdict(list)
        for entry in entries:
            if entry.head.epoch is not None:
                of_session[entry.head.session_id].append(entry)
        with _explained():
            self._check_up()
            if not entries:
                self._drop_unused()
                await self._stream.check()
            written = (self._write(one, note_lost) for one in of_session.values())
            for outcome in await asyncio.gather(*written, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome

    async def sync(self) -> None:
        """Do nothing: NATS has taken it."""

    async def catch_up(self) -> None:
        """Do nothing: what is read has been written."""

    async def find(self, session_id: str) -> JournaledSession | None:
        """Return what there is of a session, whoever carries it; None: there is none."""
        with _explained():
            self._check_up()
            owned = await self._stream.owner(session_id)
            return None if owned is None else await self._read(session_id, owned.sequence)

    async def take_over(self, session_id: str, check: SessionCheck) -> JournaledSession | None:
        """Return what there is of a session, which is this server's from now on.

        None: there is none. Raises JournalFault, also where another server has just taken it, and
        what `check` raises.
        """
        self._drop_unused()
        with _explained():
            self._check_up()
            owned = await self._stream.owner(session_id)
            if owned is None:
                return None
            known = await self._read(session_id, owned.sequence)
            if known is None:
                return None
            check(known)
            await self._ask_release(owned.owner, session_id)
            claim = await self._claim(session_id, after=owned.sequence)
            if claim is None:
                raise JournalFault("another server has just gone on with this session")
            return await self._read(session_id, claim.sequence)

    async def _read(self, session_id: str, owned: int) -> JournaledSession | None:
        """Return a session as it is where this was its last owner message.

        One of several NATS servers answers, and it may be a moment behind.
        """
        for _ in range(_READ_TRIES):
            messages = await self._stream.messages(session_id)
            words = [one for one in messages if one.name == OWNER and one.sequence >= owned]
            if words:
                break
            await asyncio.sleep(_READ_PAUSE_S)
        else:
            raise JournalFault("NATS is behind")
        [word] = words
        if word.sequence != owned:
            raise JournalFault("another server goes on with this session")
        # Nobody knows how late it is at NATS but by what it has just stored.
        return assemble_session(session_id, messages, stored_now=word.stored_at, now=time.time())

    async def has_lost(self, session_id: str) -> bool:
        """Tell whether another server has taken a session that goes on here."""
        with _explained():
            self._check_up()
            owned = await self._stream.owner(session_id)
        return owned is not None and not self._is_ours(owned)

    def on_wanted(self, let_go: Callable[[str], Awaitable[None]]) -> None:
        """Have this called with a session that goes on at another server, before it does there."""
        self._let_go = let_go

    async def close(self) -> None:
        """Let nobody ask for sessions any more."""
        self._forget()
        for one in self._releasing:
            one.cancel()
        await asyncio.gather(*self._releasing, return_exceptions=True)

    def abandon(self) -> None:
        """Do nothing more: it is closed, or NATS is away."""

    # Writing.

    async def _write(
        self, entries: Sequence[JournalEntry], note_lost: Callable[[str], None]
    ) -> None:
        """Write entries of one session, with its head where that is not there."""
        head = entries[-1].head
        session_id = head.session_id
        claim = self._claims.get(session_id)
        if claim is None:
            claim = await self._claim(session_id)
            claim = claim or await self._claim_again(head, None)
        elif self._now() - claim.at > _RENEWED_AFTER_S:
            claim = await self._claim_again(head, claim)
        for _ in range(2):
            if claim is None:
                self._claims.pop(session_id, None)
                note_lost(session_id)
                return
            try:
                await self._add_all(claim, entries)
            except NotOwnedError:
                claim = await self._claim_again(head, claim)
            else:
                if entries[-1].end is not None:
                    self._claims.pop(session_id, None)
                return
        raise JournalFault("the cluster refuses what is written")

    async def _add_all(self, claim: _Claim, entries: Sequence[JournalEntry]) -> None:
        """Add what entries say, one after the other: NATS takes no two of a session at once.

        Raises NotOwnedError.
        """
        head = entries[-1].head
        if claim.head is not head:
            message = SessionMessage(run=claim.run, head=head)
            await self._add(head.session_id, f"head.{claim.run}", message, owned=claim.sequence)
            claim.head = head
        for name, message in _messages_of(entries, claim.run):
            await self._add(head.session_id, name, message, owned=claim.sequence)
        claim.used_at = self._now()

    async def _add(
        self, session_id: str, name: str, message: SessionMessage, *, owned: int
    ) -> None:
        content = write_message(session_id, message)
        if len(content) > MAX_MESSAGE_BYTES:
            words, size = "! {name} has {size:d} bytes: it is left out", len(content)
            _log.warning(LogLine("too_large", words, session=session_id, name=name, size=size))
            return
        await self._stream.add(session_id, name, content, owned=owned)

    # Whose it is.

    async def _claim(self, session_id: str, *, after: int = 0, run: int = 0) -> _Claim | None:
        """Have a session whose last owner message is this one, 0 for none; None: it is not."""
        at = self._now()
        owner = SessionOwner(server_id=self._connection.server_id, run=run)
        try:
            sequence = await self._stream.claim(session_id, owner, after=after)
        except NotOwnedError:
            return None
        claim = _Claim(run=run or sequence, sequence=sequence, at=at, used_at=at)
        self._claims[session_id] = claim
        return claim

    async def _claim_again(self, head: SessionHead, claim: _Claim | None) -> _Claim | None:
        """Have a session that is not known to be ours, or not any more; None: another has it."""
        owned = await self._stream.owner(head.session_id)
        if owned is None:  # NATS has begun anew: the rest is gone as well
            return await self._claim(head.session_id)
        if not self._is_ours(owned):
            return None
        run = owned.owner.run if claim is None else claim.run  # our claim's answer had not come
        return await self._claim(head.session_id, after=owned.sequence, run=run)

    def _is_ours(self, owned: Owned) -> bool:
        return owned.owner.server_id == self._connection.server_id

    def _drop_unused(self) -> None:
        """Forget sessions whose clients have not begun then, or whose end could not be written.

        What is written all the same finds out again that they are ours.
        """
        before = self._now() - self._unused_s
        for session_id in [key for key, one in self._claims.items() if one.used_at < before]:
            del self._claims[session_id]

    # What servers ask of each other.

    async def _ask_release(self, owner: SessionOwner, session_id: str) -> None:
        """Have its owner write where it is and let go, if it lives and does so in time."""
        if owner.server_id == self._connection.server_id:
            return
        subject = _RELEASE.format(server_id=owner.server_id)
        with contextlib.suppress(nats.errors.NoRespondersError, nats.errors.TimeoutError):
            await self._connection.nats.request(
                subject, session_id.encode(), timeout=RELEASE_PATIENCE_S
            )

    async def _receive_release(self, asked: Msg) -> None:
        releasing = asyncio.create_task(self._give_away(asked))  # they do not wait for each other
        self._releasing.add(releasing)
        releasing.add_done_callback(self._releasing.discard)

    async def _give_away(self, asked: Msg) -> None:
        session_id = asked.data.decode("ascii", "replace")
        if self._let_go is not None:
            await self._let_go(session_id)
        self._claims.pop(session_id, None)
        with contextlib.suppress(ClusterFault), translated():
            await asked.respond(b"")

    async def _declare(self) -> None:
        await self._stream.declare()
        if not self._listens:  # a subscription lasts over lost connections
            subject = _RELEASE.format(server_id=self._connection.server_id)
            await self._connection.nats.subscribe(subject, cb=self._receive_release)
            self._listens = True

    def _check_up(self) -> None:
        if not self._connection.is_up:
            raise JournalFault("the cluster cannot be reached now")


def _messages_of(entries: Sequence[JournalEntry], run: int) -> Iterator[tuple[str, SessionMessage]]:
    """Yield messages that say what entries of one session do, each with its name."""
    position: SessionPosition | None = None
    for entry in entries:
        told = SessionMessage(run=run, position=entry.position, end=entry.end)
        if entry.final is not None:
            yield f"final.{entry.final.number % KEPT_FINALS}", replace(told, final=entry.final)
        elif entry.end is not None:
            yield "end", told
        else:
            position = entry.position or position
    if position is not None:
        yield "position", SessionMessage(run=run, position=position)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Let what fails of the cluster be a fault of the journal."""
    try:
        with translated():
            yield
    except ClusterFault as fault:
        raise JournalFault(str(fault)) from fault

"""Keeps the journal of a server's sessions: what is told to a client is in it before.

Theory of operation. Entries wait in memory and are written in batches, to a store. A final has a
batch begun at once, unless one is being written; then it goes with the next one. Until its batch is
written it is not told to its client: whatever then becomes of the process, the journal has every
final that was told. Positions are asked for once a second, and wait for no one.

Where the store does not take a batch, or not in time, the journal is off, which is told once:
finals wait for nothing, and are in no journal. A while later it is tried again. A session that
another process has taken over is lost here: what was to be written of it is never told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from scribewire.errors import ServerFault
from scribewire.journal.entries import JournalFault
from scribewire.journal.writer import JournalWriter, prepare_folder
from scribewire.log_line import LogLine
from scribewire.server.disk_store import DiskStore

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Collection,
        Coroutine,
        Iterator,
        Sequence,
    )

    from scribewire.journal.entries import JournalEntry
    from scribewire.journal.reader import JournaledSession
    from scribewire.journal.store import JournalStore, SessionCheck
    from scribewire.settings import Settings

POSITIONS_EVERY_S: Final = 1.0
"""How often is written where sessions are."""

SYNC_EVERY_S: Final = 10.0
"""What a power cut takes along is no older; the disk is not waited for more often."""

CALL_PATIENCE_S: Final = 2.0
"""With the store: so long a final may wait for it, then it is told all the same."""

RETRY_EVERY_S: Final = 60.0
"""How long the journal is off before it is tried again."""

MENDING_PATIENCE_S: Final = 30.0
"""With the store, before there are sessions: what earlier runs have left may be much."""

LAST_PATIENCE_S: Final = 5.0
"""With the store, when the server ends and there is something to be written."""

READ_PATIENCE_S: Final = 5.0
"""With the store, when a client comes back to what another process has left."""

MAX_WAITING_ENTRIES = 20_000
"""A final and two positions of as many sessions as a machine can hold: beyond, something hangs."""

STOOD_STILL_S: Final = 0.5
"""So much too late is no time-out noticed, unless this process itself was stopped."""

_HANGS = "{store} has not taken a batch in {patience_s:g} s"
_UNREAD = "the journal has not been read in {patience_s:g} s"

Result = TypeVar("Result")

_log = logging.getLogger("scribewire.server")


class Receipt:
    """What is waited for before a final is told."""

    __slots__ = ("_wake", "is_settled")

    def __init__(self, wake: Callable[[], object]) -> None:
        self.is_settled = False
        """Whether it may be told: it is written, or there is no journal any more."""
        self._wake = wake

    def settle(self) -> None:
        """Let it be told. Again does nothing."""
        if not self.is_settled:
            self.is_settled = True
            self._wake()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """What waits to be written, and who wants to hear of it."""

    entry: JournalEntry
    receipt: Receipt | None
    written: Callable[[], None] | None
    lost: Callable[[], None] | None


class JournalKeeper:
    """A journal of one server. All of it belongs to the event loop's thread.

    `prepare` comes first, then `run` for as long as there are sessions, `aclose` at last.
    """

    def __init__(
        self,
        store: JournalStore,
        *,
        positions_every_s: float = POSITIONS_EVERY_S,
        call_patience_s: float = CALL_PATIENCE_S,
        retry_every_s: float = RETRY_EVERY_S,
        last_patience_s: float = LAST_PATIENCE_S,
        read_patience_s: float = READ_PATIENCE_S,
    ) -> None:
        self.is_up = True
        """Whether what happens is written."""
        self._store = store
        self._positions_every_s = positions_every_s
        self._call_patience_s = call_patience_s
        self._retry_every_s = retry_every_s
        self._last_patience_s = last_patience_s
        self._read_patience_s = read_patience_s
        self._waiting: list[_Waiting] = []
        self._taking_turns = asyncio.Lock()  # one batch is written after the other
        self._writing: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()  # something waits that is urgent
        self._positions: set[Callable[[], None]] = set()  # who writes one when it is asked to
        self._synced_at = 0.0
        self._retry_at = 0.0

    async def prepare(self) -> None:
        """Mend what earlier runs have left, and say what there was."""
        with self._off_at_fault():
            for words in await self._call(self._store.prepare(), MENDING_PATIENCE_S):
                _log.warning(LogLine("journal_mended", "! {text}", text=words))

    def on_wanted(self, let_go: Callable[[str], Awaitable[None]]) -> None:
        """Have this called with a session that goes on at another process, before it does there."""
        self._store.on_wanted(let_go)

    def follow(self, write_position: Callable[[], None]) -> None:
        """Have the position of a session written now and then."""
        self._positions.add(write_position)

    def forget(self, write_position: Callable[[], None]) -> None:
        """Ask for it no more."""
        self._positions.discard(write_position)

    def write(
        self,
        entry: JournalEntry,
        *,
        written: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> None:
        """Have something written in its turn; then `written` is called.

        Or `lost`, and nothing else, where another process has taken over the session.
        """
        self._add(_Waiting(entry=entry, receipt=None, written=written, lost=lost))

    def write_soon(
        self,
        entry: JournalEntry,
        wake: Callable[[], object],
        *,
        written: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> Receipt | None:
        """Have something written at once; `wake` is called when it is, or never will be.

        The rest is as for `write`. None: nobody writes it.
        """
        receipt = Receipt(wake)
        self._add(_Waiting(entry=entry, receipt=receipt, written=written, lost=lost))
        if not self.is_up:
            return None
        self._wake.set()
        return receipt

    async def find(self, session_id: str) -> JournaledSession | None:
        """Return what it has of a session, whoever carries it; None: nothing that can be read.

        Raises JournalFault where that cannot be found out now.
        """
        await self._catch_up()
        return await self._call(self._store.find(session_id), self._read_patience_s, _UNREAD)

    async def take_over(self, session_id: str, check: SessionCheck) -> JournaledSession | None:
        """Return what it has of a session that is to go on here; None: nothing that can be read.

        Raises JournalFault where that cannot be found out now, and what `check` raises, if it is
        asked.
        """
        await self._catch_up()
        taking = self._store.take_over(session_id, check)
        return await self._call(taking, self._read_patience_s, _UNREAD)

    async def _catch_up(self) -> None:
        """Have what is being written behind it: a head, or an end."""
        with self._off_at_fault():
            await self._write_waiting()
            await self._call(self._store.catch_up())

    async def has_lost(self, session_id: str) -> bool:
        """Tell whether another process has taken over a session of this one, as far as known."""
        with contextlib.suppress(JournalFault):
            return await self._call(self._store.has_lost(session_id))
        return False

    async def run(self) -> None:
        """Write what comes, until it is cancelled."""
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_at):
                    await self._wake.wait()
            self._wake.clear()
            with self._off_at_fault():
                if loop.time() >= next_at:
                    next_at = loop.time() + self._positions_every_s
                    await self._try_again(loop.time())
                    self._ask_positions()
                await self._write_waiting()

    async def aclose(self) -> None:
        """Write what still waits, and close the journal; say what the store does not take."""
        with self._off_at_fault():
            try:
                async with asyncio.timeout(self._last_patience_s):
                    await self._write_waiting()
                    await self._store.close()
            except TimeoutError:
                raise self._hangs(_HANGS, self._last_patience_s) from None
        for one in self._writing:
            one.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)
        self._settle(self._waiting)
        self._store.abandon()

    def _ask_positions(self) -> None:
        if self.is_up:
            for write_position in tuple(self._positions):
                write_position()

    def _add(self, one: _Waiting) -> None:
        if not self.is_up:
            return
        self._waiting.append(one)
        if (count := len(self._waiting)) > MAX_WAITING_ENTRIES:
            self._turn_off(JournalFault(f"{count} entries wait for {self._store.name}"))

    async def _write_waiting(self) -> None:
        """Write what waits, behind what is being written; it goes on where whoever waits leaves."""
        if self._waiting or self._taking_turns.locked():
            writing = asyncio.create_task(self._write_in_turn())
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)
            await asyncio.shield(writing)

    async def _write_in_turn(self) -> None:
        async with self._taking_turns:
            with self._off_at_fault():
                await self._write_batch()

    async def _write_batch(self) -> None:
        if not self.is_up or not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        lost = set[str]()
        try:
            await self._call(self._store.write([one.entry for one in waiting], lost.add))
            for one in waiting:
                if one.written is not None and one.entry.head.session_id not in lost:
                    one.written()
        finally:
            self._settle(waiting, lost)
        await self._sync()

    async def _sync(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._synced_at >= SYNC_EVERY_S:
            self._synced_at = now
            await self._call(self._store.sync())

    async def _call(
        self,
        call: Coroutine[None, None, Result],
        patience_s: float | None = None,
        words: str = _HANGS,
    ) -> Result:
        """Return what a call of the store brings; raise JournalFault if it does not in time.

        Whoever is cancelled while it waits has made the call all the same.
        """
        made, loop = asyncio.ensure_future(call), asyncio.get_running_loop()
        patience_s = patience_s or self._call_patience_s
        while True:
            due_at = loop.time() + patience_s
            try:
                async with asyncio.timeout_at(due_at):
                    return await asyncio.shield(made)
            except TimeoutError:
                if made.done():
                    return made.result()
                if loop.time() - due_at < STOOD_STILL_S:
                    made.cancel()
                    raise self._hangs(words, patience_s) from None
                # This process was stopped: an answer may have come meanwhile, and is not read yet.

    def _hangs(self, words: str, patience_s: float) -> JournalFault:
        return JournalFault(words.format(store=self._store.name, patience_s=patience_s))

    @contextlib.contextmanager
    def _off_at_fault(self) -> Iterator[None]:
        """Be off where something fails: sessions go on all the same, and whoever waits is told."""
        try:
            yield
        except JournalFault as fault:
            self._turn_off(fault)
        except Exception:  # noqa: BLE001 - ours
            _log.exception(LogLine("journal_failed", "! the journal: a fault of ours"))
            self._turn_off(JournalFault("a fault of ours"))

    def _turn_off(self, fault: ServerFault) -> None:
        if self.is_up:
            words = "! the journal is off, sessions go on without: {reason}"
            _log.error(LogLine("journal_off", words, reason=str(fault)))
        self.is_up = False
        self._retry_at = asyncio.get_running_loop().time() + self._retry_every_s
        waiting, self._waiting = self._waiting, []
        self._settle(waiting)

    async def _try_again(self, now: float) -> None:
        """Be on again if the store takes something."""
        if self.is_up or now < self._retry_at or self._store.is_busy:
            return
        await self._call(self._store.write((), lambda _: None))  # else it is off for another while
        self.is_up = True
        _log.warning(LogLine("journal_on", "= the journal goes on; it has a gap"))

    @staticmethod
    def _settle(waiting: Sequence[_Waiting], lost: Collection[str] = ()) -> None:
        """Let finals be told, but for those of lost sessions."""
        for one in waiting:
            if one.entry.head.session_id in lost:
                if one.lost is not None:
                    one.lost()
            elif one.receipt is not None:
                one.receipt.settle()


@contextlib.asynccontextmanager
async def keep_journal(
    settings: Settings, *, now: Callable[[], float] = time.time
) -> AsyncIterator[JournalKeeper | None]:
    """Keep a journal for as long as the context is open; None: nobody has asked for one.

    Raises JournalFault where there can be no folder for it.
    """
    if settings.journal is None:
        yield None
        return
    prepare_folder(settings.journal)
    writer = JournalWriter(settings.journal, days=settings.journal_days, now=now)
    async with keeping(JournalKeeper(DiskStore(writer))) as keeper:
        yield keeper


@contextlib.asynccontextmanager
async def keeping(keeper: JournalKeeper) -> AsyncIterator[JournalKeeper]:
    """Run a keeper for as long as the context is open."""
    await keeper.prepare()
    running = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await keeper.aclose()

"""Keeps what a server knows of keys as their database has it, and the database as they are used.

Theory of operation. All that is asked in the middle of a session lies in memory and belongs to the
event loop: the ring of valid keys, the ledger of their use, who has a session. Every second a
thread of its own takes what was counted to the database and brings back what has changed there. A
call that fails is made again, with the same batch; until one succeeds the server goes on with
what it knows. Beside it, sessions are ended each second by what is known, whatever a call does; one
that hangs is not waited for longer than it may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from scribewire.errors import ServerFault
from scribewire.keys.access import KeyAccess
from scribewire.keys.configured import ConfiguredKeys
from scribewire.keys.place import database_of
from scribewire.keys.records import OutcomeUnknown
from scribewire.keys.ring import KeyRing
from scribewire.keys.tokens import make_secret
from scribewire.keys.usage import UsageLedger
from scribewire.log_line import LogLine
from scribewire.runtime.one_thread import OneThread

if TYPE_CHECKING:
    from scribewire.keys.books import KeyBooks
    from scribewire.keys.records import KeySnapshot
    from scribewire.keys.usage import KeyUsage
    from scribewire.settings import Settings

INTERVAL_S: Final = 1.0
"""Changes act, and use is written, within this and what the database takes."""

CALL_PATIENCE_S: Final = 15.0
"""With one call: longer than the database itself lets one of its steps take."""

LAST_PATIENCE_S: Final = 5.0
"""With the database, when the server ends and there is use to be written."""

_HANGS = "key database: a call to it hangs"
_PAUSE_S = 0.1  # before the last use is tried again

Result = TypeVar("Result")

_log = logging.getLogger("scribewire.server")


class KeyKeeper:
    """The keys of one server. All of it belongs to the event loop's thread."""

    def __init__(
        self,
        configured: ConfiguredKeys,
        books: KeyBooks | None = None,
        *,
        now: Callable[[], float] = time.time,
        interval_s: float = INTERVAL_S,
        call_patience_s: float = CALL_PATIENCE_S,
        last_patience_s: float = LAST_PATIENCE_S,
    ) -> None:
        self.ring = KeyRing(configured, now=now)
        self._ledger = None if books is None else UsageLedger()
        self.access = KeyAccess(self.ring, self._ledger, now=now)
        self.books = books
        self.token_secret = make_secret() if books is None else books.token_secret()
        self._now = now
        self._interval_s = interval_s
        self._call_patience_s = call_patience_s
        self._last_patience_s = last_patience_s
        self._thread = None if books is None else OneThread("keys")
        self._revision: int | None = None
        self._is_down = False
        self._is_hung = False  # a call has taken too long, and the thread may still be in it
        self._reason = ""  # why the last use could not be written
        self._synchronising = asyncio.Lock()

    async def call(self, function: Callable[[KeyBooks], Result]) -> Result:
        """Do something with the database, and let what has changed act here at once.

        Raises what the function raises, as DatabaseFault; ServerFault where the database hangs:
        then it has not been done and will not be, but for OutcomeUnknown. Only with `books`.
        """
        result = await self._call(function)
        await self._try_to_synchronise()  # it has been done, whatever comes of this
        return result

    async def synchronise(self) -> None:
        """Write what was counted, and know what has changed. Raises DatabaseFault."""
        assert self._ledger is not None
        async with self._synchronising:
            now = self._now()
            batch = self._ledger.next_batch(now=now)
            snapshot: KeySnapshot = await self._call(
                lambda books: books.synchronise(batch, revision=self._revision, now=now)
            )
            self._ledger.acknowledge(batch, snapshot.used)
            self._revision = snapshot.revision
            if snapshot.known is not None:
                self.ring.replace(snapshot.known)
            self.access.end_lost()

    async def run(self) -> None:
        """Synchronise, and end what may not go on, again and again, until it is cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._follow())
            both.create_task(self._watch())

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self._try_to_synchronise()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                self.access.end_lost()
            except Exception:  # noqa: BLE001 - ours: the other sessions must end all the same
                words = "! a session of a key that is lost may go on: a fault of ours"
                _log.warning(LogLine("key_watch_failed", words), exc_info=True)

    async def aclose(self) -> None:
        """Write what has not been written yet, and say what the database does not take in time."""
        if self._thread is None or self._ledger is None or self.books is None:
            return
        self._reason = "the key database does not answer"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._last_patience_s):
                await self._write_all(self._ledger)
        self._note_lost(self._ledger.maybe_written(), "may not be written")
        self._note_lost(self._ledger.unwritten(), "are not written")
        self._thread.call_last(self.books.close)

    def _note_lost(self, counts: Iterable[KeyUsage], what: str) -> None:
        words = "! {audio_s:.3f} s of audio and {sessions} sessions of key {key} on {day} {what}"
        for lost in counts:
            _log.warning(
                LogLine(
                    "use_not_written",
                    words + ": {reason}",
                    audio_s=lost.audio_ms / 1000,
                    sessions=lost.sessions,
                    key=lost.key_id,
                    day=lost.day.isoformat(),
                    what=what,
                    reason=self._reason,
                )
            )

    async def _write_all(self, ledger: UsageLedger) -> None:
        """Write batch after batch: one that failed before comes first, then what came since."""
        while ledger.next_batch(now=self._now()) is not None:
            try:
                await self.synchronise()
            except ServerFault as fault:
                self._reason = str(fault)
                await asyncio.sleep(_PAUSE_S)

    async def _try_to_synchronise(self) -> None:
        try:
            await self.synchronise()
        except ServerFault as fault:
            self._note_down(str(fault))
        except Exception:  # noqa: BLE001 - ours: without the next one no key would end any more
            self._note_down("a fault of ours", is_ours=True)
        else:
            if self._is_down:
                _log.info(LogLine("keys_back", "= the key database answers again"))
            self._is_down = False

    def _note_down(self, reason: str, *, is_ours: bool = False) -> None:
        """Say once that the database is not followed."""
        if not self._is_down:
            words = "! {reason}; the keys that were known last stay in force"
            _log.warning(LogLine("keys_away", words, reason=reason), exc_info=is_ours)
        self._is_down = True

    async def _call(self, function: Callable[[KeyBooks], Result]) -> Result:
        assert self._thread is not None
        assert self.books is not None
        if self._is_hung and self._thread.is_busy:
            raise ServerFault(_HANGS)  # or calls would pile up behind it
        self._is_hung = False
        call = self._thread.submit(partial(function, self.books))
        try:
            async with asyncio.timeout(self._call_patience_s):
                return await asyncio.wrap_future(call)
        except TimeoutError:
            self._is_hung = True
            has_begun = not call.cancel()
            raise (OutcomeUnknown if has_begun else ServerFault)(_HANGS) from None


@contextlib.asynccontextmanager
async def keep_keys(
    settings: Settings, *, now: Callable[[], float] = time.time
) -> AsyncIterator[KeyKeeper]:
    """Know the keys of a server for as long as the context is open.

    Raises DatabaseFault where there is a database and it cannot be used.
    """
    configured, url = ConfiguredKeys(settings.keys), database_of(settings)
    if url is None:
        yield KeyKeeper(configured, now=now)
        return
    from scribewire.keys.books import KeyBooks  # noqa: PLC0415 - loads SQLAlchemy

    keeper = KeyKeeper(configured, KeyBooks.open(url), now=now)
    running: asyncio.Task[None] | None = None
    try:
        await keeper.synchronise()
        if keeper.ring.is_empty:
            words = "! no key can connect yet: make one with `scribewire keys create`"
            _log.warning(LogLine("no_keys", words))
        running = asyncio.create_task(keeper.run())
        yield keeper
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await keeper.aclose()

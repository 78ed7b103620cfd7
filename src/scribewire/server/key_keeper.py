"""Keeps what a server knows of keys as their database has it, and the database as they are used.

Theory of operation. All that is asked in the middle of a session lies in memory and belongs to the
event loop: the ring of valid keys, the ledger of their use, who has a session. Every second a
thread of its own takes what was counted to the database and brings back what has changed there. A
call that fails is made again, with the same batch; until one succeeds the server goes on with
what it knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from scribewire.errors import ServerFault
from scribewire.keys.access import KeyAccess
from scribewire.keys.configured import ConfiguredKeys
from scribewire.keys.place import database_of
from scribewire.keys.ring import KeyRing
from scribewire.keys.tokens import make_secret
from scribewire.keys.usage import UsageLedger
from scribewire.log_line import LogLine
from scribewire.runtime.one_thread import OneThread

if TYPE_CHECKING:
    from scribewire.keys.books import KeyBooks
    from scribewire.keys.records import KeySnapshot
    from scribewire.settings import Settings

INTERVAL_S: Final = 1.0
"""Changes act, and use is written, within this and what the database takes."""

_LAST_PATIENCE_S = 5.0  # with the database, when the server ends

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
    ) -> None:
        self.ring = KeyRing(configured, now=now)
        self._ledger = None if books is None else UsageLedger()
        self.access = KeyAccess(self.ring, self._ledger, now=now)
        self.books = books
        self.token_secret = make_secret() if books is None else books.token_secret()
        self._now = now
        self._interval_s = interval_s
        self._thread = None if books is None else OneThread("keys")
        self._revision: int | None = None
        self._is_down = False
        self._synchronising = asyncio.Lock()

    async def call(self, function: Callable[[KeyBooks], Result]) -> Result:
        """Do something with the database, and let what has changed act here at once.

        Raises DatabaseFault, and what the function raises. Only with `books`.
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
        """Synchronise again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            await self._try_to_synchronise()

    async def aclose(self) -> None:
        """Write what has not been written yet, if the database takes it now."""
        if self._thread is None:
            return
        try:
            async with asyncio.timeout(_LAST_PATIENCE_S):
                await self.synchronise()
        except (ServerFault, TimeoutError) as fault:
            words = "! the last use of keys is not written: {reason}"
            _log.warning(LogLine("use_not_written", words, reason=fault))
        if self.books is not None:
            self._thread.call_last(self.books.close)

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
        """Say once that the database is not followed; what ends by time ends all the same."""
        if not self._is_down:
            words = "! {reason}; the keys that were known last stay in force"
            _log.warning(LogLine("keys_away", words, reason=reason), exc_info=is_ours)
        self._is_down = True
        self.access.end_lost()

    async def _call(self, function: Callable[[KeyBooks], Result]) -> Result:
        assert self._thread is not None
        assert self.books is not None
        return await self._thread.call(partial(function, self.books))


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

"""A journal on the disk, as an event loop uses it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from scribewire.journal.reader import read_session
from scribewire.runtime.one_thread import OneThread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from scribewire.journal.entries import JournalEntry
    from scribewire.journal.reader import JournaledSession
    from scribewire.journal.store import SessionCheck
    from scribewire.journal.writer import JournalWriter

_FOUND_AGAIN: Final = timedelta(days=1)  # longer than any window in which clients come back


class DiskStore:
    """A `JournalStore` that has files written by one thread of its own, and read by another.

    A call that is cancelled before its thread has begun with it is never made.
    """

    name = "the disk"

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self._thread = OneThread("journal")
        self._reading = OneThread("journal-reader")  # no final waits for who comes back

    @property
    def is_busy(self) -> bool:
        """Whether the disk still holds a call up."""
        return self._thread.is_busy

    async def prepare(self) -> Sequence[str]:
        """Mend what earlier runs have left, and return what there was."""
        return await asyncio.wrap_future(self._thread.submit(self._writer.mend))

    async def write(
        self, entries: Sequence[JournalEntry], note_lost: Callable[[str], None]
    ) -> None:
        """Add entries; when it returns the system has them. None is ever lost to others."""
        await asyncio.wrap_future(self._thread.submit(lambda: self._writer.write(entries)))

    async def sync(self) -> None:
        """Have what was written on the disk itself."""
        await asyncio.wrap_future(self._thread.submit(self._writer.sync))

    async def catch_up(self) -> None:
        """Wait behind what is being written."""
        await asyncio.wrap_future(self._thread.submit(lambda: None))

    async def find(self, session_id: str) -> JournaledSession | None:
        """Return what there is of a session since yesterday."""
        folder, since = self._writer.folder, datetime.now(UTC).date() - _FOUND_AGAIN
        reading = self._reading.submit(lambda: read_session(folder, session_id, since=since))
        return await asyncio.wrap_future(reading)

    async def take_over(self, session_id: str, check: SessionCheck) -> JournaledSession | None:
        """Return the same: nothing has to be checked before."""
        return await self.find(session_id)

    async def has_lost(self, session_id: str) -> bool:
        """Tell that it has not: of what two processes write, the reader knows which counts."""
        return False

    def on_wanted(self, let_go: Callable[[str], Awaitable[None]]) -> None:
        """Do nothing: processes that share a disk do not talk."""

    async def close(self) -> None:
        """Close the file."""
        await asyncio.wrap_future(self._thread.submit(self._writer.close))

    def abandon(self) -> None:
        """Have the file closed, if it has not been, and the threads end, whenever they can."""
        self._thread.call_last(self._writer.close)  # again does nothing
        self._reading.call_last(lambda: None)

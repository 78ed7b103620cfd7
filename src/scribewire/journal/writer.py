"""The journal of one run of a server: its folder, a segment a day, what is old removed.

Theory of operation. A segment is begun with the first entry of a run, of a day of UTC, and of the
time after a fault; each has the heads of its sessions, so that any other may be removed. What an
earlier run has left unclosed is mended before: SQLite takes the batches that are whole out of the
write-ahead log, and drops the torn one behind them, which is told.
"""

from __future__ import annotations

import contextlib
import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scribewire.journal.entries import JournalFault
from scribewire.journal.mending import find_segments, mend_segment
from scribewire.journal.segment import JournalSegment, day_of, name_segment, remove_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from scribewire.journal.entries import JournalEntry


def prepare_folder(folder: Path) -> None:
    """Make the folder of a journal if there is none. Raises JournalFault where none can be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalFault(f"--journal {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise JournalFault(f"--journal {folder}: nothing may be written there")


class JournalWriter:
    """Writes entries where they belong. It is for one thread at a time."""

    def __init__(self, folder: Path, *, days: int, now: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._days, self._now = days, now
        self._segment: JournalSegment | None = None
        self._day: date | None = None  # of UTC, that the segment is of

    def mend(self) -> list[str]:
        """Close what earlier runs have left, and remove what is old; return what there is to say.

        Raises JournalFault where the folder cannot be read.
        """
        self._remove_old()
        told = (mend_segment(path) for path in find_segments(self.folder))
        return [words for words in told if words is not None]

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Add entries; when it returns the system has them. Raises JournalFault, in a moment.

        After a fault the next call begins another segment.
        """
        segment = self._segment_of_today()
        with self._abandoned_at_fault(segment):
            segment.write(entries)

    def sync(self) -> None:
        """Have what was written on the disk itself. Raises JournalFault, as `write` does."""
        segment = self._segment
        if segment is not None:
            with self._abandoned_at_fault(segment):
                segment.sync()

    def close(self) -> None:
        """Close the segment. Raises JournalFault."""
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.close()

    def _segment_of_today(self) -> JournalSegment:
        today = datetime.fromtimestamp(self._now(), UTC).date()
        if self._segment is not None and today == self._day:
            return self._segment
        if self._segment is not None:
            # Nothing is written to it any more, whether or not it can be closed.
            ending, self._segment = self._segment, None
            ending.close("continued")
            self._remove_old()
        self._segment = JournalSegment(self.folder / name_segment(self._now()))
        self._day = today
        return self._segment

    @contextlib.contextmanager
    def _abandoned_at_fault(self, segment: JournalSegment) -> Iterator[None]:
        """Let go of a segment at any fault: what it knows of its rows may be wrong then."""
        try:
            yield
        except BaseException:
            segment.abandon()
            self._segment = None
            raise

    def _remove_old(self) -> None:
        oldest = datetime.fromtimestamp(self._now(), UTC).date() - timedelta(days=self._days)
        for path in find_segments(self.folder):
            day = day_of(path.name)
            assert day is not None
            if day < oldest:
                remove_segment(path)

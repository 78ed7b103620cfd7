"""What has been told of one session, for those who read along.

Theory of operation. A session puts in what it tells its client, and waits for nobody. A reader
takes from there at its own pace: finals in order by their numbers, of partials the latest alone. A
reader that is so far behind that finals are not kept any more is told which; whoever reads for it
may have them from elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scribewire.events import Final, Partial, TranscriptEvent


@dataclass(frozen=True, slots=True)
class FinalTold:
    """A final, and its number from 1."""

    number: int
    final: Final


@dataclass(frozen=True, slots=True)
class PartialTold:
    """The latest partial of what follows the finals."""

    partial: Partial


@dataclass(frozen=True, slots=True)
class FinalsMissed:
    """Finals that are not kept any more, from the first to the last number."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TellingEnded:
    """Nothing follows: the session is over."""

    outcome: str
    """How it ended."""


@dataclass(frozen=True, slots=True)
class TellingLeft:
    """Nothing follows here; the session may go on elsewhere."""


ToldEvent: TypeAlias = FinalTold | PartialTold | FinalsMissed | TellingEnded | TellingLeft


class ToldEvents:
    """What was told of a session. It belongs to the event loop's thread.

    `most` finals are kept, the latest; `before` are those of before, up to number `last`.
    """

    def __init__(self, most: int, before: Sequence[Final] = (), last: int = 0) -> None:
        self.last = last
        """The number of the newest final."""
        self.outcome: str | None = None
        """How it ended, once it has."""
        self.is_left = False
        """Whether nothing more is told here."""
        self.partial: Partial | None = None
        """What is said since the newest final, as far as it is known."""
        self.partials = 0
        """How many there were."""
        self._finals: deque[Final] = deque(before, maxlen=most)
        self._woken: set[asyncio.Event] = set()

    @property
    def first_kept(self) -> int:
        """The number of the first final that is kept; one beyond the last where none is."""
        return self.last - len(self._finals) + 1

    def final_of(self, number: int) -> Final:
        """Return one that is kept."""
        return self._finals[number - self.first_kept]

    # Who tells.

    def tell(self, event: TranscriptEvent) -> None:
        """Take what has been told next."""
        if isinstance(event, Final):
            self.last += 1
            self._finals.append(event)
            self.partial = None
        elif isinstance(event, Partial):
            self.partials += 1
            self.partial = event
        self._wake()

    def miss(self, last: int) -> None:
        """Take note that the finals up to this number cannot be had."""
        if last > self.last:
            self.last = last
            self._finals.clear()
            self._wake()

    def end(self, outcome: str) -> None:
        """Take note that the session is over. Only the first counts."""
        if self.outcome is None:
            self.outcome = outcome
            self._wake()

    def leave(self) -> None:
        """Take note that nothing more is told here."""
        self.is_left = True
        self._wake()

    def _wake(self) -> None:
        for one in self._woken:
            one.set()

    # Who reads.

    @contextlib.contextmanager
    def read(self, after: int, *, with_partials: bool) -> Iterator[ToldReader]:
        """Read from behind a final on, for as long as the context is open."""
        reader = ToldReader(self, min(after, self.last), with_partials=with_partials)
        self._woken.add(reader.has_news)
        try:
            yield reader
        finally:
            self._woken.discard(reader.has_news)


class ToldReader:
    """One who reads what is told of a session."""

    def __init__(self, told: ToldEvents, after: int, *, with_partials: bool) -> None:
        self.has_news = asyncio.Event()
        """Set whenever it has to look."""
        self.last = after
        """The number of the last final that it has, or was told that it misses."""
        self._told = told
        self._with_partials = with_partials
        self._partials = 0

    def next_event(self) -> ToldEvent | None:
        """Return what it is told next; None: wait for `has_news`, which is clear now."""
        self.has_news.clear()
        told, wanted = self._told, self.last + 1
        if wanted <= told.last:
            if wanted < told.first_kept:
                self.last = told.first_kept - 1
                return FinalsMissed(wanted, self.last)
            self.last = wanted
            return FinalTold(wanted, told.final_of(wanted))
        if self._with_partials and told.partial is not None and self._partials != told.partials:
            self._partials = told.partials
            return PartialTold(told.partial)
        if told.outcome is not None:
            return TellingEnded(told.outcome)
        return TellingLeft() if told.is_left else None

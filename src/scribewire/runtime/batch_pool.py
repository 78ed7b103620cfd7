"""Which calls run next, and which of them together: decisions only, without threads or clocks.

Theory of operation. Calls wait here for a worker, each with its owner (a server, where several
share the workers) and with a key if it may share a batch with others of the same key. They stand in
four lines, in the order of job_queue.py: required calls of live streams, their partials, and the
same of streams ahead. While one waits, even for its window to end, none of a later line begins.
Among equals the owners take turns, the one that was served longest ago first, and each owner's
calls keep their order. A call that may have company waits for it until its window is over, counted
from when the first of its batch came, or until the batch is full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from scribewire.recognition.requests import is_for_partial

if TYPE_CHECKING:
    from collections.abc import Hashable

    from scribewire.engines.protocols import SpeechEngine
    from scribewire.recognition.requests import Request

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Waiting(Generic[Item]):
    """One call that waits for its turn."""

    item: Item
    """What its owner knows it by."""
    owner: Hashable
    """Whose it is."""
    request: Request
    speech: SpeechEngine
    is_ahead: bool = False
    """Whether those that are not go before it."""
    key: Hashable | None
    """What those have in common that may be one batch; None: it runs alone."""
    since: float
    """When it came."""


class BatchPool(Generic[Item]):
    """The calls that wait. Not safe for threads by itself.

    `window_s` is how long one waits for company, `most` how many a batch may hold. Times are
    seconds of one clock.
    """

    def __init__(self, *, window_s: float, most: int) -> None:
        self.most = most
        self._window_s = window_s
        # The most urgent first; each in the order in which its calls came.
        self._lines: tuple[list[Waiting[Item]], ...] = ([], [], [], [])
        self._served: dict[Hashable, int] = {}  # each owner's latest turn
        self._turns = 0

    def __len__(self) -> int:
        return sum(map(len, self._lines))

    @property
    def is_gathering(self) -> bool:
        """Whether some call may have company."""
        return any(one.key is not None for line in self._lines for one in line)

    def put(self, waiting: Waiting[Item]) -> None:
        """Add a call."""
        place = 2 * waiting.is_ahead + is_for_partial(waiting.request)
        self._lines[place].append(waiting)

    def drop(self, owner: Hashable) -> None:
        """Forget an owner and its calls."""
        for line in self._lines:
            line[:] = [one for one in line if one.owner != owner]
        self._served.pop(owner, None)

    def clear(self) -> None:
        """Forget all calls."""
        for line in self._lines:
            line.clear()

    def take(self, now: float) -> list[Waiting[Item]]:
        """Remove and return what is to run now as one batch; nothing while all wait for company."""
        line = self._first_line()
        for batch in self._batches(line):
            if self._ready_at(batch) <= now:
                for one in batch:
                    line.remove(one)
                    self._turns += 1
                    self._served[one.owner] = self._turns
                return batch
        return []

    def next_at(self) -> float | None:
        """Return from when on `take` has something; None while nothing waits."""
        batches = self._batches(self._first_line())
        return min((self._ready_at(batch) for batch in batches), default=None)

    def _first_line(self) -> list[Waiting[Item]]:
        return next((line for line in self._lines if line), self._lines[0])

    def _batches(self, line: list[Waiting[Item]]) -> list[list[Waiting[Item]]]:
        """Return what would run together, the batch of the most urgent call first."""
        batches: list[list[Waiting[Item]]] = []
        open_ones: dict[Hashable, list[Waiting[Item]]] = {}
        for one in self._in_turn(line):
            batch = None if one.key is None else open_ones.get(one.key)
            if batch is None or len(batch) == self.most:
                batch = []
                batches.append(batch)
                if one.key is not None:
                    open_ones[one.key] = batch
            batch.append(one)
        return batches

    def _in_turn(self, line: list[Waiting[Item]]) -> list[Waiting[Item]]:
        """Return the calls of a line in the order in which they are due: one of each owner ..."""
        counts: dict[Hashable, int] = {}
        ranks: list[tuple[int, int, int, Waiting[Item]]] = []
        for place, one in enumerate(line):
            rank = counts[one.owner] = counts.get(one.owner, -1) + 1
            ranks.append((rank, self._served.get(one.owner, 0), place, one))
        return [one for *_, one in sorted(ranks, key=lambda ranked: ranked[:3])]

    def _ready_at(self, batch: list[Waiting[Item]]) -> float:
        first = min(one.since for one in batch)
        is_full = batch[0].key is None or len(batch) == self.most
        return first if is_full else first + self._window_s

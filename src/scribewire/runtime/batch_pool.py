"""Which calls run next, and which of them together: decisions only, without threads or clocks.

Theory of operation. Calls wait here for a worker, each with its owner (a server, where several
share the workers) and with a key if it may share a batch with others of the same key. Required
calls go before partials: while one waits, even for its window to end, no partial begins. Among
equals the owners take turns, the one that was served longest ago first, and each owner's calls keep
their order. A call that may have company waits for it until its window is over, counted from when
the first of its batch came, or until the batch is full.
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
        self._required: list[Waiting[Item]] = []  # in the order in which they came
        self._partials: list[Waiting[Item]] = []
        self._served: dict[Hashable, int] = {}  # each owner's latest turn
        self._turns = 0

    def __len__(self) -> int:
        return len(self._required) + len(self._partials)

    @property
    def is_gathering(self) -> bool:
        """Whether some call may have company."""
        return any(one.key is not None for one in (*self._required, *self._partials))

    def put(self, waiting: Waiting[Item]) -> None:
        """Add a call."""
        line = self._partials if is_for_partial(waiting.request) else self._required
        line.append(waiting)

    def drop(self, owner: Hashable) -> None:
        """Forget an owner and its calls."""
        self._required = [one for one in self._required if one.owner != owner]
        self._partials = [one for one in self._partials if one.owner != owner]
        self._served.pop(owner, None)

    def clear(self) -> None:
        """Forget all calls."""
        self._required.clear()
        self._partials.clear()

    def take(self, now: float) -> list[Waiting[Item]]:
        """Remove and return what is to run now as one batch; nothing while all wait for company."""
        line = self._required or self._partials
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
        batches = self._batches(self._required or self._partials)
        return min((self._ready_at(batch) for batch in batches), default=None)

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

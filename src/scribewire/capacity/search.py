"""When a machine carries its streams, and how the largest number of them is found.

A machine carries N streams when all four hold over the window in which they all speak:

* 95 of 100 utterances have their final within 1.5 s of the end of speech (`quality`, which waits
  1 s longer to be sure of that end: 2.5 s),
* half of the speaking time lies between partials that are at most 1.5 s apart,
* 95 of 100 utterances longer than 2 s are announced by a partial,
* speech-to-final does not grow, finals are not missing, and every stream ends well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scribewire.capacity.latency import Latencies, distribution
from scribewire.types import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEECH_TO_FINAL_P95_MS: Final[dict[Mode, int]] = {"fast": 1_500, "quality": 2_500}
PARTIAL_INTERVAL_MS = 1_500
PARTIAL_COVERAGE = 0.95
MISSING_SHARE = 0.05  # of utterances: a cough is one for the voice detector and has no text
# A queue that never empties grows by the share of the work that does not fit: 5 ms per second is
# one half of a per cent. Sentences differ by more than that, so all of the interval must be above.
LAG_GROWTH_MS_PER_S = 5.0


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One way in which a load was not carried."""

    what: str
    """For a person: what was measured, and what is allowed."""


def find_shortfalls(latencies: Latencies, *, mode: Mode = "fast") -> tuple[Shortfall, ...]:
    """Return everything that keeps this load from being carried; nothing when it is."""
    found = []
    allowed_ms = SPEECH_TO_FINAL_P95_MS[mode]
    final = distribution(latencies.speech_to_final_ms)
    if final is None:
        found.append("no final was measured")
    elif final.p95 > allowed_ms:
        found.append(f"p95 speech-to-final {final.p95:.0f} ms, allowed {allowed_ms}")
    interval = latencies.partial_interval_ms
    if interval is not None and interval > PARTIAL_INTERVAL_MS:
        found.append(f"partial interval {interval} ms, allowed {PARTIAL_INTERVAL_MS}")
    coverage = latencies.partial_coverage
    if coverage is not None and coverage < PARTIAL_COVERAGE:
        found.append(f"partials for {coverage:.1%} of long utterances, wanted 95 %")
    growth = latencies.lag_growth
    if growth is not None and growth.low > LAG_GROWTH_MS_PER_S:
        found.append(f"lag grows by {growth.low:.1f} ms per second or more")
    if latencies.missing_finals > max(1.0, MISSING_SHARE * latencies.finals):
        found.append(f"{latencies.missing_finals} utterances without a final")
    if latencies.unfinished:
        found.append(f"{latencies.unfinished} streams did not end well")
    return tuple(map(Shortfall, found))


class CapacitySearch:
    """Find the largest number that passes: grow until one fails, then halve the gap.

    Call `next_streams`, try that many, and tell `receive` whether it passed; None is the end.
    A number that passes by chance ends the search higher than it should, and the other way round:
    the answer is as sure as one trial.
    """

    def __init__(
        self,
        *,
        first: int = 1,
        carried: int = 0,
        growth: float = 2.0,
        most_trials: int = 8,
        most_streams: int = 512,
    ) -> None:
        self.carried = carried  # the most that passed
        self.refused: int | None = None  # the fewest that failed; None while none has
        self._next = min(max(first, carried + 1), most_streams)
        self._growth = growth
        self._trials = most_trials
        self._most_streams = most_streams

    def next_streams(self) -> int | None:
        """Return how many to try next; None when the answer is known or the trials are used up."""
        is_known = self.refused is not None and self.refused - self.carried <= 1
        is_done = is_known or not self._trials or self.carried >= self._most_streams
        return None if is_done else self._next

    def receive(self, streams: int, *, is_carried: bool) -> None:
        """Take note of a trial."""
        self._trials -= 1
        if is_carried:
            self.carried = max(self.carried, streams)
        else:
            self.refused = min(self.refused or streams, streams)
        if self.refused is None:
            grown = max(self.carried + 1, round(self.carried * self._growth))
            self._next = min(grown, self._most_streams)
        else:
            self._next = (self.carried + self.refused) // 2


def plan_starts(streams: int, *, spread_s: float) -> Sequence[float]:
    """Return when each stream starts: spread evenly, so that neither chunks nor partials meet."""
    return [spread_s * index / streams for index in range(streams)]

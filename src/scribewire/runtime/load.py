"""How busy the workers are, and what that leaves for partials."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

WINDOW_S = 5.0  # load is an average over about this long: an utterance, not a breath
PARTIAL_SHARE = 0.95  # of the workers, finals included: the rest absorbs what comes together
MAX_PARTIAL_INTERVAL_S = 3.0  # how far partials are thinned out before finals crowd them out
LATENCY_S = 60.0  # over which late finals are remembered
MIN_LATENCIES = 20  # of fewer, the 95th percentile would be the latest one
_MAX_LATENCIES = 4096


class Rate:
    """An amount per second, averaged over the recent past with exponential weights."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._rate = 0.0
        self._at = 0.0

    def add(self, amount: float, now: float) -> None:
        """Note that so much happened at `now`."""
        self._rate = self.at(now) + amount / self._window_s
        self._at = max(self._at, now)

    def at(self, now: float) -> float:
        """Return the amount per second."""
        return self._rate * math.exp(-max(now - self._at, 0.0) / self._window_s)


@dataclass(frozen=True, slots=True)
class Load:
    """What the workers were busy with lately. Shares are of all workers together, 0 to 1."""

    required_share: float
    """Finals, speech probabilities and speakers of live streams."""
    partial_share: float
    """Partials of live streams."""
    ahead_share: float
    """Streams that come faster than they are spoken, in what the others leave over."""
    live_streams: float
    """Streams that bring audio as it is spoken: seconds of audio received per second."""
    final_latency_s: float | None
    """95th percentile of the finals of live streams in the last minute; None: too few."""
    final_call_s: float | None
    """What decoding a final takes, on average; None: none was decoded yet."""


class LoadMeter:
    """Add up what calls take. Times are seconds of one monotonic clock."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._required, self._partial, self._ahead = Rate(), Rate(), Rate()
        self._judged = Rate()
        self._final_call_s: float | None = None
        self._partial_s = 0.03  # a typical partial, until some have been measured
        self._latencies: deque[tuple[float, float]] = deque(maxlen=_MAX_LATENCIES)

    def note_required(self, busy_s: float, now: float) -> None:
        """Note a call that a final of a live stream needs."""
        self._required.add(busy_s, now)

    def note_final_call(self, busy_s: float) -> None:
        """Note the decode of a final, which `note_required` counts too."""
        known_s = busy_s if self._final_call_s is None else self._final_call_s
        self._final_call_s = known_s + (busy_s - known_s) / 32

    def note_partial(self, busy_s: float, now: float) -> None:
        """Note a partial of a live stream."""
        self._partial.add(busy_s, now)
        self._partial_s += (busy_s - self._partial_s) / 16

    def note_ahead(self, busy_s: float, now: float) -> None:
        """Note any call for a stream that is ahead of its speaking."""
        self._ahead.add(busy_s, now)

    def note_judged(self, seconds: float, now: float) -> None:
        """Note audio of a live stream that has been judged."""
        self._judged.add(seconds, now)

    def note_final(self, latency_s: float, now: float) -> None:
        """Note how long after the end of its silence a live stream's final came."""
        self._latencies.append((now, latency_s))

    def partial_interval_s(self, speaking: int, now: float) -> float:
        """Return how far apart the partials of each of so many speaking streams should be.

        All get the same share of what finals leave over; 0: as often as they are asked for.
        """
        left = self._workers * PARTIAL_SHARE - self._required.at(now)
        if left <= 0:
            return MAX_PARTIAL_INTERVAL_S
        return min(speaking * self._partial_s / left, MAX_PARTIAL_INTERVAL_S)

    def at(self, now: float) -> Load:
        """Return the figures."""
        return Load(
            required_share=self._required.at(now) / self._workers,
            partial_share=self._partial.at(now) / self._workers,
            ahead_share=self._ahead.at(now) / self._workers,
            live_streams=self._judged.at(now),
            final_latency_s=self._final_latency_s(now),
            final_call_s=self._final_call_s,
        )

    def _final_latency_s(self, now: float) -> float | None:
        recent = sorted(latency for at, latency in self._latencies if at >= now - LATENCY_S)
        if len(recent) < MIN_LATENCIES:
            return None
        return recent[math.ceil(0.95 * len(recent)) - 1]

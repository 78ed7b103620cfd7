"""How busy the workers are, and what that leaves for partials."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine

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


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """What the live streams of one speech engine need of the workers."""

    required_share: float
    """As in `Load`: of all workers."""
    live_streams: float
    """As in `Load`."""
    final_call_s: float | None
    """As in `Load`."""


@dataclass(frozen=True, slots=True)
class Loads:
    """What the workers were busy with lately, and for which speech engine's streams."""

    total: Load
    by_engine: Mapping[SpeechEngine, EngineLoad]
    """Of each engine that has had live streams."""

    def of(self, engine: SpeechEngine) -> EngineLoad:
        """Return what the streams of `engine` need."""
        return self.by_engine.get(engine, _NOTHING)


_NOTHING = EngineLoad(required_share=0.0, live_streams=0.0, final_call_s=None)


class _StreamMeter:
    """What live streams need of the workers: all streams, or those of one engine."""

    def __init__(self) -> None:
        self.required, self.judged = Rate(), Rate()
        self.final_call_s: float | None = None

    def note_final_call(self, busy_s: float) -> None:
        known_s = busy_s if self.final_call_s is None else self.final_call_s
        self.final_call_s = known_s + (busy_s - known_s) / 32


class LoadMeter:
    """Add up what calls take. Times are seconds of one monotonic clock."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._all = _StreamMeter()
        self._by_engine: defaultdict[SpeechEngine, _StreamMeter] = defaultdict(_StreamMeter)
        self._partial, self._ahead = Rate(), Rate()
        self._partial_s = 0.03  # a typical partial, until some have been measured
        self._latencies: deque[tuple[float, float]] = deque(maxlen=_MAX_LATENCIES)

    def note_required(self, busy_s: float, now: float, *, speech: SpeechEngine) -> None:
        """Note a call that a final of a live stream needs, which `speech` serves."""
        self._all.required.add(busy_s, now)
        self._by_engine[speech].required.add(busy_s, now)

    def note_final_call(self, busy_s: float, *, speech: SpeechEngine) -> None:
        """Note the decode of a final, which `note_required` counts too."""
        self._all.note_final_call(busy_s)
        self._by_engine[speech].note_final_call(busy_s)

    def note_partial(self, busy_s: float, now: float) -> None:
        """Note a partial of a live stream."""
        self._partial.add(busy_s, now)
        self._partial_s += (busy_s - self._partial_s) / 16

    def note_ahead(self, busy_s: float, now: float) -> None:
        """Note any call for a stream that is ahead of its speaking."""
        self._ahead.add(busy_s, now)

    def note_judged(self, seconds: float, now: float, *, speech: SpeechEngine) -> None:
        """Note audio of a live stream that has been judged."""
        self._all.judged.add(seconds, now)
        self._by_engine[speech].judged.add(seconds, now)

    def note_final(self, latency_s: float, now: float) -> None:
        """Note how long after the end of its silence a live stream's final came."""
        self._latencies.append((now, latency_s))

    def partial_interval_s(self, speaking: int, now: float) -> float:
        """Return how far apart the partials of each of so many speaking streams should be.

        All get the same share of what finals leave over; 0: as often as they are asked for.
        """
        left = self._workers * PARTIAL_SHARE - self._all.required.at(now)
        if left <= 0:
            return MAX_PARTIAL_INTERVAL_S
        return min(speaking * self._partial_s / left, MAX_PARTIAL_INTERVAL_S)

    def at(self, now: float) -> Load:
        """Return the figures."""
        return Load(
            required_share=self._all.required.at(now) / self._workers,
            partial_share=self._partial.at(now) / self._workers,
            ahead_share=self._ahead.at(now) / self._workers,
            live_streams=self._all.judged.at(now),
            final_latency_s=self._final_latency_s(now),
            final_call_s=self._all.final_call_s,
        )

    def loads_at(self, now: float) -> Loads:
        """Return the figures, and those of each engine."""
        return Loads(
            self.at(now),
            {
                speech: EngineLoad(
                    required_share=meter.required.at(now) / self._workers,
                    live_streams=meter.judged.at(now),
                    final_call_s=meter.final_call_s,
                )
                for speech, meter in self._by_engine.items()
            },
        )

    def _final_latency_s(self, now: float) -> float | None:
        recent = sorted(latency for at, latency in self._latencies if at >= now - LATENCY_S)
        if len(recent) < MIN_LATENCIES:
            return None
        return recent[math.ceil(0.95 * len(recent)) - 1]

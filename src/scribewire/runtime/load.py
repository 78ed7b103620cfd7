"""How busy the workers are, and what that leaves for partials."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.runtime.rate import Rate
from scribewire.runtime.stream_costs import OpenStreams, StreamCost, TypicalCost

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine

WINDOW_S = 5.0  # load is an average over about this long: an utterance, not a breath
PARTIAL_SHARE = 0.95  # of the workers, finals included: the rest absorbs what comes together
MAX_PARTIAL_INTERVAL_S = 3.0  # how far partials are thinned out before finals crowd them out
LATENCY_S = 60.0  # over which late finals are remembered
MIN_LATENCIES = 20  # of fewer, the 95th percentile would be the latest one
_MAX_LATENCIES = 4096


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Audio in which speech has been looked for, in seconds."""

    seconds: float
    """Of audio."""
    spoken_s: float
    """Of those in which somebody spoke."""
    is_ahead: bool
    """Whether it came faster than it is spoken."""


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """What the streams of one speech engine need of the workers."""

    final_call_s: float | None
    """As in `Load`."""
    typical_share: float | None
    """Worker's time per second that one who speaks without a break needs; None: not known yet."""
    streams: OpenStreams
    """Those that are open."""


@dataclass(frozen=True, slots=True)
class Loads:
    """What the workers were busy with lately, and for which speech engine's streams."""

    total: Load
    by_engine: Mapping[SpeechEngine, EngineLoad]
    """Of each engine that has had streams."""
    others_share: float = 0.0
    """Of all workers together: what others take who share them."""

    def of(self, engine: SpeechEngine) -> EngineLoad:
        """Return what the streams of `engine` need."""
        return self.by_engine.get(engine, _NOTHING)


_NOTHING = EngineLoad(None, None, OpenStreams(0, 0.0, 0.0))


class _FinalCalls:
    """What decoding a final takes, on average."""

    def __init__(self) -> None:
        self.average_s: float | None = None

    def add(self, busy_s: float) -> None:
        known_s = busy_s if self.average_s is None else self.average_s
        self.average_s = known_s + (busy_s - known_s) / 32


class _EngineMeter:
    """What the streams of one engine need."""

    def __init__(self) -> None:
        self.final_calls = _FinalCalls()
        self.typical = TypicalCost()
        self.streams: set[StreamCost] = set()


class LoadMeter:
    """Add up what calls take. Times are seconds of one monotonic clock.

    `others_share` tells what part of the workers' time is not to be had.
    """

    def __init__(self, workers: int, *, others_share: Callable[[], float] = lambda: 0.0) -> None:
        self._workers = workers
        self._others_share = others_share
        self._engines: defaultdict[SpeechEngine, _EngineMeter] = defaultdict(_EngineMeter)
        self._final_calls = _FinalCalls()
        self._required, self._judged = Rate(WINDOW_S), Rate(WINDOW_S)
        self._partial, self._ahead = Rate(WINDOW_S), Rate(WINDOW_S)
        self._partial_s = 0.03  # a typical partial, until some have been measured
        self._latencies: deque[tuple[float, float]] = deque(maxlen=_MAX_LATENCIES)

    def open_stream(self, now: float, *, speech: SpeechEngine) -> StreamCost:
        """Count one more stream, which `speech` serves, until `close_stream`."""
        stream = StreamCost(now)
        self.count_stream(stream, speech=speech)
        return stream

    def count_stream(self, stream: StreamCost, *, speech: SpeechEngine) -> None:
        """Count one again that was closed, until it is closed again."""
        self._engines[speech].streams.add(stream)

    def close_stream(self, stream: StreamCost, *, speech: SpeechEngine) -> None:
        """Count it no more. Again does nothing."""
        self._engines[speech].streams.discard(stream)

    def note_required(self, busy_s: float, now: float) -> None:
        """Note a call that a final of a live stream needs, of any kind."""
        self._required.add(busy_s, now)

    def note_stream_work(
        self, stream: StreamCost, busy_s: float, now: float, *, speech: SpeechEngine, is_ahead: bool
    ) -> None:
        """Note a worker's time that finals of a stream need; one ahead waits for the others."""
        self._engines[speech].typical.add(busy_s)
        if not is_ahead:
            stream.add(busy_s, now)

    def note_final_call(
        self, stream: StreamCost, busy_s: float, *, speech: SpeechEngine, is_ahead: bool
    ) -> None:
        """Note the decode of a final, which the other figures count too."""
        self._engines[speech].typical.hear_speech(stream.take_spoken())
        if not is_ahead:
            self._final_calls.add(busy_s)
            self._engines[speech].final_calls.add(busy_s)

    def note_partial(self, busy_s: float, now: float) -> None:
        """Note a partial of a live stream."""
        self._partial.add(busy_s, now)
        self._partial_s += (busy_s - self._partial_s) / 16

    def note_ahead(self, busy_s: float, now: float) -> None:
        """Note any call for a stream that is ahead of its speaking."""
        self._ahead.add(busy_s, now)

    def note_judged(self, stream: StreamCost, judged: Judged, now: float) -> None:
        """Note audio of a stream that has been judged."""
        if not judged.is_ahead:
            self._judged.add(judged.seconds, now)
        stream.hear(judged.seconds, spoken_s=judged.spoken_s)

    def note_final(self, latency_s: float, now: float) -> None:
        """Note how long after the end of its silence a live stream's final came."""
        self._latencies.append((now, latency_s))

    def partial_interval_s(self, speaking: int, now: float) -> float:
        """Return how far apart the partials of each of so many speaking streams should be.

        All get the same share of what finals leave over; 0: as often as they are asked for.
        """
        share = PARTIAL_SHARE - self._others_share()
        left = self._workers * share - self._required.at(now)
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
            final_call_s=self._final_calls.average_s,
        )

    def loads_at(self, now: float) -> Loads:
        """Return the figures, and those of each engine."""
        return Loads(
            self.at(now),
            {
                speech: EngineLoad(
                    meter.final_calls.average_s, meter.typical.share, _add_up(meter.streams, now)
                )
                for speech, meter in self._engines.items()
            },
            self._others_share(),
        )

    def _final_latency_s(self, now: float) -> float | None:
        recent = sorted(latency for at, latency in self._latencies if at >= now - LATENCY_S)
        if len(recent) < MIN_LATENCIES:
            return None
        return recent[math.ceil(0.95 * len(recent)) - 1]


def _add_up(streams: Iterable[StreamCost], now: float) -> OpenStreams:
    open_ones = list(streams)
    return OpenStreams(
        len(open_ones),
        sum(stream.known_share(now) for stream in open_ones),
        sum(stream.unknown_part(now) for stream in open_ones),
    )

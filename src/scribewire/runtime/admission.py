"""Whether one more session can be carried: decided by what the open ones are measured to cost.

Theory of operation. Finals are what must not come late, so the question is what one more stream
would do to them. The work that finals need is measured per second of audio; until there is any, a
measurement at the start stands in. Sessions let in a moment ago count in full, less what already
shows in the figures, until they end. What a stream needs and how long its finals take depends on
the engine that serves it, so both are kept for each; the workers, and so the wait, are of all
together. The wait at that load is Sakasegawa's approximation for a
queue with several workers (1977, exact for one): W = s * r^(sqrt(2(c+1))-1) / (c(1-r)), where s is
what a final takes, c the workers and r their share of busy time. Waits are about exponentially
distributed, so the 95th percentile of the latency is taken as s + 3 W, with the engine's own s in
front.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from scribewire.runtime.load import WINDOW_S

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.runtime.load import EngineLoad, Loads

MIN_MEASURED_STREAMS = 0.5  # with less audio than that, the cost of a stream is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCosts:
    """What this machine takes for the work of one engine's streams, in seconds."""

    final_s: float
    """From asking for a typical final to having it, on an idle machine."""
    stream_share: float
    """Worker time that the finals of one live stream need, per second of its audio."""


_NOT_MEASURED = CallCosts(final_s=0.0, stream_share=0.0)


class Admission:
    """Let sessions in while the finals of all of them stay in time.

    `costs` are those of each speech engine; of one that is missing nothing is known before its
    streams are measured. `max_final_latency_s` 0 lets in any number, `max_sessions` None sets no
    limit of its own. Times are seconds of one monotonic clock.
    """

    def __init__(
        self,
        costs: Mapping[SpeechEngine, CallCosts],
        *,
        workers: int,
        max_final_latency_s: float,
        max_sessions: int | None = None,
    ) -> None:
        self._costs = costs
        self._workers = workers
        self._max_final_latency_s = max_final_latency_s
        self._max_sessions = max_sessions
        self._open: dict[object, _Session] = {}  # the one first let in first

    def refusal(self, loads: Loads, now: float, *, speech: SpeechEngine) -> str | None:
        """Return why `speech` cannot serve one more session now; None if it can."""
        if self._max_sessions is not None and len(self._open) >= self._max_sessions:
            return f"all {self._max_sessions} sessions of this server are taken"
        if not self._max_final_latency_s or not self._open:  # there is nobody who would wait
            return None
        measured_s = loads.total.final_latency_s or 0.0
        expected_s = self.expected_latency_s(loads, now, speech=speech)
        if max(measured_s, expected_s) > self._max_final_latency_s:
            return "this server is busy: one more session would make the others wait for their text"
        return None

    @contextmanager
    def session(self, now: float, *, speech: SpeechEngine) -> Iterator[None]:
        """Count a session of `speech` that is let in at `now` until the context is left."""
        session = object()
        self._open[session] = _Session(now, speech)
        try:
            yield
        finally:
            del self._open[session]

    def expected_latency_s(self, loads: Loads, now: float, *, speech: SpeechEngine) -> float:
        """Return the final latency, 95th percentile, to be expected with one more live stream."""
        coming = self._unmeasured_streams(now)
        coming[speech] += 1.0
        busy = loads.total.required_share
        for engine, streams in coming.items():
            busy += streams * self._stream_share(engine, loads.of(engine)) / self._workers
        if busy >= 1:
            return math.inf
        own_s, any_s = loads.of(speech).final_call_s, loads.total.final_call_s
        expected_s = self._costs_of(speech).final_s
        final_s = expected_s if own_s is None else own_s
        power = math.sqrt(2 * (self._workers + 1)) - 1
        call_s = expected_s if any_s is None else any_s
        wait_s: float = call_s * busy**power / (self._workers * (1 - busy))
        return final_s + 3 * wait_s

    def _stream_share(self, engine: SpeechEngine, load: EngineLoad) -> float:
        if load.live_streams < MIN_MEASURED_STREAMS:
            return self._costs_of(engine).stream_share
        return load.required_share * self._workers / load.live_streams

    def _costs_of(self, engine: SpeechEngine) -> CallCosts:
        return self._costs.get(engine, _NOT_MEASURED)

    def _unmeasured_streams(self, now: float) -> defaultdict[SpeechEngine, float]:
        """Return for how many streams the recent sessions count that no figure shows yet.

        A rate averaged over `WINDOW_S` has taken in all but this share of what began then.
        """
        streams: defaultdict[SpeechEngine, float] = defaultdict(float)
        sessions = reversed(self._open.values())
        for session in takewhile(lambda one: now - one.since < 5 * WINDOW_S, sessions):
            streams[session.speech] += math.exp(-(now - session.since) / WINDOW_S)
        return streams


@dataclass(frozen=True, slots=True)
class _Session:
    since: float
    speech: SpeechEngine

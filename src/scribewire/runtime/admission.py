"""Whether one more session can be carried: decided by what the open ones are measured to cost.

Theory of operation. Finals are what must not come late, so the question is what one more stream
would do to them. What the open streams cost is added up, each by itself (stream_costs.py); one that
is new counts as somebody who speaks without a break, and so does the one that asks. Partials do not
count: they are thinned out first, and so take up a burst of arrivals.

The wait at the share of time that the workers are then busy is Allen and Cunneen's approximation
for a queue with several workers (1978), over Sakasegawa's for exponential times (1977):
W = v * s * r^(sqrt(2(c+1))-1) / (c(1-r)), where s is what a final takes, c the workers and r their
busy share. v is the mean of the squared coefficients of variation of arrivals and of service times;
it is fitted to simulations of the real scheduler, to which utterances come more evenly than by
chance. Waits are about exponentially distributed, so the 95th percentile of the latency is taken as
that of what finals take, which is about 2 s, and 3 W.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.runtime.load import Loads

LONG_FINAL = 2.0  # the 95th percentile of what finals take, beside the mean
BUSY_SHARE = 0.5  # with less to do, finals that came late lately say nothing of the next minute
VARIABILITY = 0.25  # v, see above; `python -m bench admission` shows what comes of it
MOST_ROOM = 1000  # nobody counts further: a server without a bound has room for so many at least


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCosts:
    """What this machine takes for the work of one engine's streams, in seconds."""

    final_s: float
    """From asking for a typical final to having it, on an idle machine."""
    stream_share: float
    """Worker time that the finals of one who speaks without a break need, per second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRefusal:
    """Why one more session is not let in."""

    message: str
    """For the client."""
    figures: str
    """For the log: what it was decided by."""


ASSUMED_COSTS = CallCosts(final_s=0.2, stream_share=0.06)
"""What stands for an engine whose model is not loaded yet: about Whisper base, on a core of 2024.
"""
ASSUMED_PARAMETERS = 72_600_000  # those of Whisper base

NO_COSTS = CallCosts(final_s=0.0, stream_share=0.0)
_BUSY = "this server is busy: one more session would make the others wait for their text"
_TAKEN = "all places of this server are taken"


def assumed_costs(parameters: int | None) -> CallCosts:
    """Return what stands for the costs of a model with so many parameters that is not loaded yet.

    They grow with the parameters, each of which is multiplied by. None: nobody has counted.
    """
    scale = max((parameters or 0) / ASSUMED_PARAMETERS, 1.0)
    return CallCosts(
        final_s=scale * ASSUMED_COSTS.final_s, stream_share=scale * ASSUMED_COSTS.stream_share
    )


class Admission:
    """Let sessions in while the finals of all of them stay in time.

    `costs` are those of each speech engine; of one that is missing nothing is known before its
    streams are measured. `max_final_latency_s` 0 lets in any number, `max_sessions` None sets no
    limit of its own.
    """

    def __init__(
        self,
        costs: Mapping[SpeechEngine, CallCosts],
        *,
        workers: int,
        max_final_latency_s: float,
        max_sessions: int | None = None,
    ) -> None:
        self._costs = dict(costs)
        self._workers = workers
        self._max_final_latency_s = max_final_latency_s
        self._max_sessions = max_sessions
        self._open: Counter[SpeechEngine] = Counter()

    def learn(self, speech: SpeechEngine, costs: CallCosts) -> None:
        """Take note of what the streams of an engine cost, which has just been measured."""
        self._costs[speech] = costs

    @property
    def open_sessions(self) -> int:
        """How many count now."""
        return self._open.total()

    def room(self, loads: Loads, *, speech: SpeechEngine) -> int:
        """Return how many more sessions of `speech` would be let in now; no more than MOST_ROOM."""

        def is_refused(beside: int) -> bool:
            return self.refusal(loads, speech=speech, beside=beside) is not None

        return bisect_left(range(MOST_ROOM), True, key=is_refused)  # noqa: FBT003 - what is sought

    def refusal(
        self, loads: Loads, *, speech: SpeechEngine, beside: int = 0
    ) -> SessionRefusal | None:
        """Return why `speech` cannot serve one more session now; None if it can.

        It comes with so many others `beside` it, of the same engine, that do not count yet.
        """
        count = self.open_sessions + beside
        if self._max_sessions is not None and count >= self._max_sessions:
            figures = f"{count} sessions open, {self._max_sessions} allowed"
            return SessionRefusal(message=_TAKEN, figures=figures)
        if not self._max_final_latency_s or not count:  # there is nobody who would wait
            return None
        share = self.expected_share(loads, speech=speech, beside=beside)
        measured_s = (loads.total.final_latency_s or 0.0) if share > BUSY_SHARE else 0.0
        limits = [  # all engines share the workers, and so the wait
            (
                self.expected_latency_s(loads, share, speech=engine, asking=speech),
                self.allowed_s(loads, speech=engine),
            )
            for engine in {speech, *+self._open}
        ]
        expected_s, allowed_s = max(limits, key=lambda one: one[0] - one[1])
        if expected_s <= allowed_s and measured_s <= max(allowed for _, allowed in limits):
            return None
        figures = (
            f"{count} sessions open, a stream takes {self._typical_share(loads, speech):.3f} of "
            f"{self._workers} workers, all with this one {share:.0%}; 95 of 100 finals within "
            f"{measured_s * 1000:.0f} ms lately, {expected_s * 1000:.0f} ms expected, "
            f"{allowed_s * 1000:.0f} ms allowed"
        )
        return SessionRefusal(message=_BUSY, figures=figures)

    @contextmanager
    def session(self, *, speech: SpeechEngine) -> Iterator[None]:
        """Count a session of `speech` until the context is left."""
        self._open[speech] += 1
        try:
            yield
        finally:
            self._open[speech] -= 1

    def expected_share(self, loads: Loads, *, speech: SpeechEngine, beside: int = 0) -> float:
        """Return how busy the workers will be with finals, with one more stream of `speech`.

        It comes with so many others `beside` it.
        """
        busy = self._typical_share(loads, speech)
        open_ones = self._open + Counter({speech: beside})
        for engine in {*open_ones, *loads.by_engine}:
            streams = loads.of(engine).streams
            not_begun = max(open_ones[engine] - streams.count, 0)
            unknown = streams.unknown_streams + not_begun
            busy += streams.known_share + unknown * self._typical_share(loads, engine)
        return busy / self._workers + loads.others_share

    def expected_latency_s(
        self,
        loads: Loads,
        share: float,
        *,
        speech: SpeechEngine,
        asking: SpeechEngine | None = None,
    ) -> float:
        """Return the final latency, 95th percentile, to be expected with workers so busy.

        It is of finals of `speech`, which wait for those of one more stream of `asking` too.
        """
        if share >= 1:
            return math.inf
        any_s = loads.total.final_call_s
        final_s = self._final_s(loads, speech)
        call_s = self._final_s(loads, asking or speech)
        if any_s is not None:
            call_s = max(call_s, any_s)
        power = math.sqrt(2 * (self._workers + 1)) - 1
        wait_s: float = VARIABILITY * call_s * share**power / (self._workers * (1 - share))
        return LONG_FINAL * final_s + 3 * wait_s

    def allowed_s(self, loads: Loads, *, speech: SpeechEngine) -> float:
        """Return how late finals of `speech` may come.

        One that takes long by itself may wait for a while too: else a slow model, or machine, would
        serve one session, whatever is idle.
        """
        alone_s = LONG_FINAL * self._final_s(loads, speech)
        return max(self._max_final_latency_s, alone_s + self._max_final_latency_s / 2)

    def _final_s(self, loads: Loads, engine: SpeechEngine) -> float:
        """Return what a typical final takes by itself: as lately, else as it was measured."""
        lately_s = loads.of(engine).final_call_s
        return self._costs_of(engine).final_s if lately_s is None else lately_s

    def _typical_share(self, loads: Loads, engine: SpeechEngine) -> float:
        learnt = loads.of(engine).typical_share
        return self._costs_of(engine).stream_share if learnt is None else learnt

    def _costs_of(self, engine: SpeechEngine) -> CallCosts:
        return self._costs.get(engine, NO_COSTS)

"""Whether one more session can be carried: decided by what the open ones are measured to cost.

Theory of operation. Finals are what must not come late, so the question is what one more stream
would do to them. The work that finals need is measured per second of audio; until there is any, a
measurement at the start stands in. Sessions let in a moment ago count in full, less what already
shows in the figures, until they end. The wait at that load is Sakasegawa's approximation for a
queue with several workers (1977, exact for one): W = s * r^(sqrt(2(c+1))-1) / (c(1-r)), where s is
what a final takes, c the workers and r their share of busy time. Waits are about exponentially
distributed, so the 95th percentile of the latency is taken as s + 3 W.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from scribewire.runtime.load import WINDOW_S

if TYPE_CHECKING:
    from scribewire.runtime.load import Load

MIN_MEASURED_STREAMS = 0.5  # with less audio than that, the cost of a stream is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCosts:
    """What this machine takes for the work of streams, in seconds."""

    final_s: float
    """From asking for a typical final to having it, on an idle machine."""
    stream_share: float
    """Worker time that the finals of one live stream need, per second of its audio."""


NOT_MEASURED = CallCosts(final_s=0.0, stream_share=0.0)


class Admission:
    """Let sessions in while the finals of all of them stay in time.

    `max_final_latency_s` 0 lets in any number, `max_sessions` None sets no limit of its own.
    Times are seconds of one monotonic clock.
    """

    def __init__(
        self,
        costs: CallCosts,
        *,
        workers: int,
        max_final_latency_s: float,
        max_sessions: int | None = None,
    ) -> None:
        self._costs = costs
        self._workers = workers
        self._max_final_latency_s = max_final_latency_s
        self._max_sessions = max_sessions
        self._open: dict[object, float] = {}  # when each session was let in, the first one first

    def refusal(self, load: Load, now: float) -> str | None:
        """Return why one more session cannot be let in now; None if it can."""
        if self._max_sessions is not None and len(self._open) >= self._max_sessions:
            return f"all {self._max_sessions} sessions of this server are taken"
        if not self._max_final_latency_s or not self._open:  # there is nobody who would wait
            return None
        measured_s = load.final_latency_s or 0.0
        if max(measured_s, self.expected_latency_s(load, now)) > self._max_final_latency_s:
            return "this server is busy: one more session would make the others wait for their text"
        return None

    @contextmanager
    def session(self, now: float) -> Iterator[None]:
        """Count a session that is let in at `now` until the context is left."""
        session = object()
        self._open[session] = now
        try:
            yield
        finally:
            del self._open[session]

    def expected_latency_s(self, load: Load, now: float) -> float:
        """Return the final latency, 95th percentile, to be expected with one more live stream."""
        stream_share = self._costs.stream_share
        if load.live_streams >= MIN_MEASURED_STREAMS:
            stream_share = load.required_share * self._workers / load.live_streams
        more = 1.0 + self._unmeasured_streams(now)
        busy = load.required_share + more * stream_share / self._workers
        if busy >= 1:
            return math.inf
        final_s = self._costs.final_s if load.final_call_s is None else load.final_call_s
        power = math.sqrt(2 * (self._workers + 1)) - 1
        wait_s: float = final_s * busy**power / (self._workers * (1 - busy))
        return final_s + 3 * wait_s

    def _unmeasured_streams(self, now: float) -> float:
        """Return for how many streams the recent sessions count that no figure shows yet.

        A rate averaged over `WINDOW_S` has taken in all but this share of what began then.
        """
        recent = takewhile(lambda at: now - at < 5 * WINDOW_S, reversed(self._open.values()))
        return sum(math.exp(-(now - at) / WINDOW_S) for at in recent)

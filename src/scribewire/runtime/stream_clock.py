"""When the audio of a stream is due: what comes faster than it is spoken can wait."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque

from scribewire.types import SAMPLE_RATE

FIRST_S = 5.0  # of what comes at the very start, no more can have been spoken before
MAX_CREDIT_S = 30.0  # a network that stalled, or a server that was overloaded, may be made up for
AHEAD_S = 1.0  # further ahead of its speaking than jitter explains: a file
FORGET_LEAD_S = 10.0  # how a lead fades once audio comes as it is spoken
FORGET_LAG_S = 60.0  # and a lag: who was held back is not taken for a file when he catches up
ARRIVAL_S = 0.05  # how exactly arrivals are known: small chunks would fill the memory of them
_MAX_ARRIVALS = 512


class StreamClock:
    """Where a stream is, in its audio and in time.

    A live stream brings each second of audio as it is spoken, so all of its work is due now. A
    file brings minutes in a moment; it is due as if it were played, and until then it yields to
    those who speak. A lead or a lag is forgotten after a while, unless audio goes on to come faster
    than it is spoken: so a network that stalled makes no file of a speaker. Times are seconds of
    one monotonic clock, positions samples of the stream.
    """

    def __init__(self, *, received: int = 0, again_s: float = 0.0) -> None:
        self._received = received
        self._again_s = again_s  # of what comes first, so much has come elsewhere before
        self._played_at: float | None = None  # when the last sample is played to who listens
        self._received_at = 0.0  # when the latest audio came
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=_MAX_ARRIVALS)

    @property
    def received_samples(self) -> int:
        """How many samples have arrived."""
        return self._received

    def receive(self, sample_count: int, now: float) -> None:
        """Note that so many samples have arrived."""
        if not sample_count:
            return
        length_s = sample_count / SAMPLE_RATE
        if self._played_at is None:
            begun_at = now - min(length_s, FIRST_S) - self._again_s
        else:
            lead_s = self._played_at - self._received_at
            fades_in_s = FORGET_LEAD_S if lead_s > 0 else FORGET_LAG_S
            remembered = math.exp(-(now - self._received_at) / fades_in_s)
            # Played while nothing came, and what is left of how early or late it was.
            played_at = self._received_at + lead_s * remembered
            begun_at = max(played_at, now - length_s - MAX_CREDIT_S)
        self._played_at = begun_at + length_s
        self._received += sample_count
        self._received_at = now
        self._note_arrival(now)

    def _note_arrival(self, now: float) -> None:
        if self._arrivals and now < self._arrivals[-1][1] + ARRIVAL_S:
            _, now = self._arrivals.pop()
        self._arrivals.append((self._received, now))

    def due_at(self, position: int) -> float:
        """Return when the audio up to `position` is played to one who listens as it is spoken."""
        if self._played_at is None:
            return 0.0
        return self._played_at - (self._received - position) / SAMPLE_RATE

    def arrived_at(self, position: int) -> float | None:
        """Return when the sample before `position` arrived; None when that was too long ago."""
        index = bisect_left(self._arrivals, (position, float("-inf")))
        if index == len(self._arrivals) or (index == 0 and len(self._arrivals) == _MAX_ARRIVALS):
            return None
        return self._arrivals[index][1]

    def is_ahead(self, now: float) -> bool:
        """Whether it brings its audio faster than it can have been spoken."""
        return self._played_at is not None and self._played_at > now + AHEAD_S

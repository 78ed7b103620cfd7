"""What streams cost: each that is open, and the one that may come.

A stream that was let in a moment ago has cost nothing yet, so for the part of the recent past in
which it was not there it counts as a typical one: somebody who speaks without a break, of whom the
same engine has heard enough to know. What a stream then really costs takes the place of that, so
who listens most of the time leaves room for others, and who leaves makes room at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scribewire.runtime.rate import Rate

STREAM_WINDOW_S = 30.0  # six utterances: each stream by itself is uneven, all of them are not
FIRST_FINAL_S = 5.0  # before that, a stream has cost nothing: its first words are still going on
SPEAKING_SHARE = 0.8  # of the time of somebody who reads aloud: the rest is breath
LEARNT_FROM_S = 60.0  # of speech; less, and a few long words would be taken for all
_REMEMBERED_S = 1800.0  # of speech; a language model that is changed is not forgotten sooner


class StreamCost:
    """What one open stream needs of the workers."""

    def __init__(self, now: float) -> None:
        self._opened_at = now
        self._rate = Rate(STREAM_WINDOW_S)
        self._heard_s = 0.0
        self._spoken_s = 0.0

    def add(self, busy_s: float, now: float) -> None:
        """Note a call that one of its finals needed."""
        self._rate.add(busy_s, now)

    def hear(self, seconds: float, *, spoken_s: float) -> None:
        """Note audio that was judged: a file grows old as fast as it is read."""
        self._heard_s += seconds
        self._spoken_s += spoken_s

    def take_spoken(self) -> float:
        """Return the speech heard since this was last called: what a final was decoded for."""
        spoken_s, self._spoken_s = self._spoken_s, 0.0
        return spoken_s

    def known_share(self, now: float) -> float:
        """Return the worker's time that it is known to need, per second."""
        return self._rate.at(now)

    def unknown_part(self, now: float) -> float:
        """Return the part of the recent past, 0 to 1, for which only a guess can stand."""
        known_s = max(now - self._opened_at, self._heard_s) - FIRST_FINAL_S
        return math.exp(-max(known_s, 0.0) / STREAM_WINDOW_S)


class TypicalCost:
    """What somebody who speaks without a break needs of the workers, learnt from all speech."""

    def __init__(self) -> None:
        self._busy_s = 0.0
        self._spoken_s = 0.0

    def add(self, busy_s: float) -> None:
        """Note a call that a final needed, of a live stream or of a file."""
        self._busy_s += busy_s

    def hear_speech(self, seconds: float) -> None:
        """Note speech that has its final now; sooner, it would have cost nothing yet."""
        self._spoken_s += seconds
        if self._spoken_s > _REMEMBERED_S:
            self._busy_s /= 2
            self._spoken_s /= 2

    @property
    def share(self) -> float | None:
        """Worker's time per second; None while too little was heard."""
        if self._spoken_s < LEARNT_FROM_S:
            return None
        return SPEAKING_SHARE * self._busy_s / self._spoken_s


@dataclass(frozen=True, slots=True)
class OpenStreams:
    """The streams of one engine that are open."""

    count: int
    """How many."""
    known_share: float
    """Worker's time per second that they are known to need."""
    unknown_streams: float
    """For how many typical streams they count besides, because they are new."""

"""Segments that continue each other and share a decoder: what of them was heard."""

from __future__ import annotations

from collections import deque

UNHEARD_SEGMENTS = 2
"""No more are on their way to a decoder and in it."""


class Run:
    """One decoder's work."""

    def __init__(self) -> None:
        self.heard_s = 0.0
        """With what the decoder itself has told missing."""
        self._all_fed_s = 0.0
        # What the playlist says of the last segments fed: the others have been heard.
        self._last_fed_s: deque[float] = deque(maxlen=UNHEARD_SEGMENTS)

    def note_fed(self, duration_s: float) -> None:
        """Take note of a segment."""
        self._all_fed_s += duration_s
        self._last_fed_s.append(duration_s)

    @property
    def missed_s(self) -> float:
        """How much of it was not heard, when its decoder has given up.

        Durations are often rounded: over hours of a run they would not add up.
        """
        return max(min(self._all_fed_s - self.heard_s, sum(self._last_fed_s)), 0.0)

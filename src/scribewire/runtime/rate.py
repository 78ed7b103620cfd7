"""An average of the recent past."""

from __future__ import annotations

import math


class Rate:
    """An amount per second, averaged over the recent past with exponential weights."""

    def __init__(self, window_s: float) -> None:
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

"""How much faster than it plays what is pulled is taken."""

from __future__ import annotations

LIVE_AHEAD_S = 30.0
"""Of a live source that is taken at once: few servers send more of what was said before."""
LIVE_SPEED = 4.0
"""Nobody speaks faster; a file that no one called one does, and what is made to keep us busy."""


class AudioHold:
    """Says when audio may pass: `ahead_s` of it at once, the rest at `speed` times its own."""

    def __init__(self, now: float, *, ahead_s: float = 0.0, speed: float = 1.0) -> None:
        self._begun_at, self._ahead_s, self._speed = now, ahead_s, speed
        self._passed_s = 0.0

    def wait_s(self, seconds: float, now: float) -> float:
        """Return how long the next audio has to wait; it counts as passed."""
        due_at = self._begun_at + (self._passed_s - self._ahead_s) / self._speed
        self._passed_s += seconds
        return max(due_at - now, 0.0)

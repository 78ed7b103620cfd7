"""How soon a program that has died is started again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.5
LONGEST_S: Final = 30.0
SOUND_S: Final = 60.0
"""Who has run for so long had no fault that comes at each start."""


class Restarts:
    """The starts of one program; each that did not last makes the next pause twice as long."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._started_at = now()
        self._next_s = FIRST_S

    def note_start(self) -> None:
        """Take note that it has been started."""
        self._started_at = self._now()

    def pause_s(self) -> float:
        """Return how long to wait now that it has died."""
        if self._now() - self._started_at >= SOUND_S:
            self._next_s = FIRST_S
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_S)
        return pause_s

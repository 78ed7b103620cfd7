"""When a source that was lost is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How patient we are with a live source."""

    give_up_after_s: float = 300.0
    """Without audio for so long, it is given up; 0 never tries again."""
    first_wait_s: float = 1.0
    """Before the first try: most losses are over at once."""
    max_wait_s: float = 15.0
    """Between two tries: a source that is back should not be waited for."""


class Backoff:
    """Decide when to try again: waits double, with jitter, until patience is used up.

    Jitter takes up to half of a wait away, so that many sessions on one source do not come back
    in the same moment. `random` returns a number from 0 to 1. Times are seconds of one
    monotonic clock.
    """

    def __init__(self, rules: RetryRules, random: Callable[[], float]) -> None:
        self._rules = rules
        self._random = random
        self._lost_at: float | None = None
        self._wait_s = rules.first_wait_s

    def note_audio(self) -> None:
        """Note that the source gives audio again: the next loss is a new one."""
        self._lost_at = None
        self._wait_s = self._rules.first_wait_s

    def next_wait_s(self, now: float) -> float | None:
        """Return how long to wait before the next try; None: it is given up."""
        if self._lost_at is None:
            self._lost_at = now
        left_s = self._lost_at + self._rules.give_up_after_s - now
        if left_s <= 0:
            return None
        wait_s = self._wait_s * (1 - self._random() / 2)
        self._wait_s = min(2 * self._wait_s, self._rules.max_wait_s)
        return min(wait_s, left_s)

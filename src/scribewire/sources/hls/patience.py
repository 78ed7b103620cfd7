"""How long what a playlist needs is asked for again, and when the client hears of it.

Theory of operation. What fails is tried again, with growing waits. A segment is given up when it
is nowhere to be had: its time is missed. Everything else is given up by `RetryRules`, from the
first failure in a row on. Before anything was had there is little patience: somebody waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from scribewire.sources.events import SourceEvent, SourceGap, SourceLost
from scribewire.sources.faults import NOT_FOUND, SourceFault
from scribewire.sources.retry import Backoff

if TYPE_CHECKING:
    from scribewire.sources.rules import PullRules

MISSING: Final = frozenset({403, NOT_FOUND, 410})
"""What storage answers for a segment that is not there; some say 403 so as not to tell."""
MAX_TRIES = 4
"""Of a segment that may be gone: with the usual waits some 5 s."""
MAX_MISSING_IN_A_ROW = 3
"""In a finite playlist: then it is not the playlist of what is there."""
FAILURES_TOLD = 2
"""In a row, before the client hears of it: one failed request is nothing."""
BREAK_AFTER_S = 5.0
"""Lost for so long, what was being said gets its final; sooner, it goes on as if nothing was."""


@dataclass(frozen=True, slots=True)
class Again:
    """It is to be tried once more."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Skip:
    """The segment is given up."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The source is given up."""

    fault: SourceFault


Verdict: TypeAlias = Again | Skip | GiveUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What failed."""

    is_segment: bool
    """Else it is the playlist."""
    is_live: bool
    has_left: bool = False
    """The playlist has moved on past that segment."""


class Patience:
    """The failures of one playlist. Times are seconds of one monotonic clock."""

    def __init__(self, rules: PullRules) -> None:
        self._backoff = Backoff(rules.retry, rules.random)
        self._failures = 0  # in a row
        self._tries = 0  # of the current segment, failed
        self._missing_in_a_row = 0
        self._lost_at: float | None = None  # when it was told that nothing comes
        self._has_broken_off = False  # and that has been told too
        self.has_begun = False
        """Whether there was ever a segment."""
        self.last_fault: SourceFault | None = None
        """Why there is nothing yet."""

    @property
    def is_lost(self) -> bool:
        """Whether it was told that nothing comes."""
        return self._lost_at is not None

    def note_success(self) -> None:
        """Take note of a segment."""
        self.has_begun = True
        self._backoff.note_audio()
        self._failures = self._tries = self._missing_in_a_row = 0
        self._lost_at, self._has_broken_off, self.last_fault = None, False, None

    def judge(self, fault: SourceFault, asked: Asked, now: float) -> Verdict:
        """Return what a failed request means."""
        self.last_fault = fault
        if asked.is_segment and self._is_gone(fault, asked):
            self._tries = 0
            self._missing_in_a_row += 1
            if not asked.is_live and self._missing_in_a_row >= MAX_MISSING_IN_A_ROW:
                return GiveUp(fault)
            return Skip()
        if not self._may_come(fault, asked):
            return GiveUp(fault)
        self._failures += 1
        return self.wait(fault, now)

    def wait(self, fault: SourceFault, now: float) -> Again | GiveUp:
        """Return how long to wait before the next try, if there is one."""
        wait_s = self._backoff.next_wait_s(now)
        return GiveUp(fault.given_up()) if wait_s is None else Again(wait_s)

    def news(self, cause: str, now: float, *, is_sure: bool = False) -> tuple[SourceEvent, ...]:
        """Return what to tell, nothing of it twice; `is_sure`: it is more than a failed request."""
        if not self.has_begun or not (is_sure or self._failures >= FAILURES_TOLD):
            return ()
        told: list[SourceEvent] = []
        if self._lost_at is None:
            self._lost_at = now
            told.append(SourceLost(cause))
        if not self._has_broken_off and now - self._lost_at >= BREAK_AFTER_S:
            self._has_broken_off = True
            told.append(SourceGap(0.0))
        return tuple(told)

    def _is_gone(self, fault: SourceFault, asked: Asked) -> bool:
        """Note a failure of the current segment; tell whether it will not come any more."""
        self._tries += 1
        has_waited = self._tries >= MAX_TRIES
        is_missing = fault.status in MISSING
        if asked.is_live:
            return asked.has_left and (has_waited or is_missing)
        return is_missing and has_waited

    def _may_come(self, fault: SourceFault, asked: Asked) -> bool:
        may_pass = fault.is_transient and (self.has_begun or fault.status is not None)
        if asked.is_segment:  # before the first one, the time to open is the limit
            return may_pass or fault.status in MISSING
        return self.has_begun and (may_pass or fault.status == NOT_FOUND)

"""Where the sound of a track stands by the clock of its media, and how much of it is missing.

Theory of operation. A file says of each frame when it is to be heard. What was put out has come to
a position of that clock, and a frame that begins behind it leaves a hole: its sound was broken, was
never there, or begins later than the picture. Small differences are rounding, and stay until they
have added up. A frame that begins earlier takes nothing back: the time was filled already, or the
clock is slow. Larger jumps are no time that passed: the clock was set, as where a station joins
recordings, and is followed from there; until it has run evenly for a while its holes are not
believed. Where there is no clock, the time of broken packets is what they say of themselves.
"""

from __future__ import annotations

JITTER_S = 0.1
"""Below this a difference is rounding: containers count in milliseconds, encoders in frames."""
MOST_SET_BACK_S = 10.0
"""Further back than this the clock was set."""
MOST_UNPROVEN_S = 60.0
"""A longer hole is believed only where what the file says of its length has room for it."""
MOST_MISSING_S = 12 * 3600.0
"""A longer hole is no recording, whatever the file says of its length."""
STEADY_S = 5.0
"""A clock that was set has to run evenly for so long before its holes are believed."""


class Timeline:
    """Follows one track. All times are seconds of its media's clock."""

    def __init__(self, *, begins_at_s: float | None = None, ends_at_s: float | None = None) -> None:
        self._position_s = begins_at_s  # to where all was put out; None: not known yet
        self._ends_at_s = ends_at_s
        self._broken_s = 0.0  # of the packets that were broken since the last frame
        self._steady_s = STEADY_S  # sound since the clock was set

    @property
    def position_s(self) -> float | None:
        """To where all has been put out or found missing; None where there was no clock yet."""
        return self._position_s

    def receive_broken(self, seconds: float) -> None:
        """Note a packet of which nothing was heard; 0 where it does not say how long it is."""
        self._broken_s += seconds

    def receive_frame(self, at_s: float | None, seconds: float) -> float:
        """Note a frame and return how much is missing before it."""
        missing_s = self._missing_before(at_s)
        self._broken_s = 0.0
        self._steady_s += seconds
        if self._position_s is not None:
            self._position_s += missing_s + seconds
        elif at_s is not None:
            self._position_s = at_s + seconds
        return missing_s

    def change_track(self, at_s: float | None, ends_at_s: float | None) -> float:
        """Note that what follows is another track, from `at_s` on, whose end may be known.

        Return what is to be filled to its first frame: tracks are cut at different places, and no
        rounding.
        """
        self._ends_at_s = ends_at_s
        if at_s is None or self._position_s is None:
            return 0.0
        ahead_s = at_s - self._position_s
        if not 0 < ahead_s < JITTER_S:  # nothing, or it is missing as anywhere else
            return 0.0
        self._position_s = at_s
        return ahead_s

    def receive_end(self) -> float:
        """Return how much is missing behind the last frame."""
        missing_s, self._broken_s = self._broken_s, 0.0
        if self._position_s is not None:
            self._position_s += missing_s
        return missing_s

    def _missing_before(self, at_s: float | None) -> float:
        if at_s is None or self._position_s is None:
            return self._broken_s
        ahead_s = at_s - self._position_s
        if -MOST_SET_BACK_S < ahead_s < JITTER_S:
            return 0.0
        if ahead_s > 0 and self._is_believed(ahead_s, at_s):
            return ahead_s
        self._position_s = at_s - self._broken_s
        self._steady_s = 0.0
        return self._broken_s

    def _is_believed(self, ahead_s: float, at_s: float) -> bool:
        if self._steady_s < STEADY_S:
            return False
        if ahead_s <= MOST_UNPROVEN_S:
            return True
        has_room = self._ends_at_s is not None and at_s <= self._ends_at_s
        return has_room and ahead_s <= MOST_MISSING_S

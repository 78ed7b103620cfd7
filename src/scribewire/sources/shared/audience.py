"""Those who hear one source together: what each is given, and when the next piece may come.

Theory of operation. Who is alone is given one event after the other, as each is asked for, so that
a slow one slows its source, as without others. As soon as there are several, each holds what it has
not taken yet, up to `HELD_S`. Nobody waits for another: while anyone has nothing left, the next
piece comes, and who is full is cut off: what it held is lost to it, and told as a gap of that
length. While nobody is in need, the slowest is waited for: a source that sends faster than it
plays costs nobody anything.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceGap,
    SourceLost,
    SourceOpened,
    SourceTrack,
)
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable

HELD_S = 60.0
"""Of audio, for each who hears: 2 MB. A radio server sends 22 s at once to who connects, a playlist
three segments of 10 s: that is no reason to be cut off."""
MOST_HELD = 6_000
"""Events: the shortest pieces of audio are of 10 ms."""


class Seat:
    """What has come for one who hears, and was not taken yet."""

    def __init__(self, position_samples: int = 0) -> None:
        self._held: deque[SourceEvent] = deque()
        self._audio_s = 0.0  # in it
        self._has_begun = False
        self.is_waiting = False
        """Whether it was asked for more than there was."""
        self.position_samples = position_samples
        """On the source's own timeline: where what is taken next begins."""

    @property
    def is_full(self) -> bool:
        """Whether whatever else comes cuts it off."""
        return self._audio_s >= HELD_S or len(self._held) >= MOST_HELD

    def put(self, event: SourceEvent, position_samples: int) -> None:
        """Add what came there; nothing before the source is open, or is so again."""
        if not self._has_begun:
            if not isinstance(event, SourceOpened):
                return
            self._has_begun = True
            self.position_samples = position_samples
        if self.is_full:
            self._cut_off()
        self._held.append(event)
        self.is_waiting = False
        if isinstance(event, SourceAudio):
            self._audio_s += event.seconds

    def take(self) -> SourceEvent | None:
        """Return the next, if there is one."""
        if not self._held:
            self.is_waiting = True
            return None
        event = self._held.popleft()
        if isinstance(event, SourceAudio):
            self._audio_s -= event.seconds
        if not self._held:
            self._audio_s = 0.0  # sums of fractions are not quite right
        self.position_samples += samples_of(event)
        return event

    def _cut_off(self) -> None:
        """Make one gap of what was missed, behind what became of the source meanwhile."""
        states = [event for event in self._held if isinstance(event, SourceOpened | SourceLost)]
        opened = [event for event in states if isinstance(event, SourceOpened)][-1:]
        lost = [event for event in states[-1:] if isinstance(event, SourceLost)]
        missed = SourceGap(sum(map(samples_of, self._held)) / SAMPLE_RATE)
        self._held = deque([*opened, *lost, missed])
        self._audio_s = 0.0


class Audience:
    """All who hear one source."""

    def __init__(self) -> None:
        self._seats: list[Seat] = []
        self._opened: SourceOpened | None = None
        self.is_lost = False
        """Whether it has stopped giving audio: who comes now is told once it gives some again."""
        self.position_samples = 0
        """How much time of the source was told, from its first audio on."""

    @property
    def opened(self) -> SourceOpened | None:
        """What it is, once that is known."""
        return self._opened

    @property
    def seats(self) -> Iterable[Seat]:
        """All there are."""
        return tuple(self._seats)

    @property
    def wants_more(self) -> bool:
        """Whether the next piece may come."""
        if len(self._seats) == 1:
            return self._seats[0].is_waiting
        is_anyone_in_need = any(seat.is_waiting for seat in self._seats)
        return is_anyone_in_need or not any(seat.is_full for seat in self._seats)

    def join(self) -> Seat:
        """Return a seat for one more, who hears what comes from now on."""
        seat = Seat(self.position_samples)
        if self._opened is not None and not self.is_lost:
            seat.put(self._opened, self.position_samples)
        self._seats.append(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """Let one go, who may have gone before."""
        if seat in self._seats:
            self._seats.remove(seat)

    def put(self, event: SourceEvent) -> None:
        """Give it to all."""
        match event:
            case SourceOpened():
                self._opened, self.is_lost = event, False
            case SourceLost():
                self.is_lost = True
            case SourceTrack(info) if self._opened is not None:
                self._opened = replace(self._opened, info=info)
            case _:
                pass
        for seat in self._seats:
            seat.put(event, self.position_samples)
        self.position_samples += samples_of(event)


def samples_of(event: SourceEvent) -> int:
    """Return how much time it is, as whoever hears it counts."""
    if isinstance(event, SourceAudio):
        return len(event.pcm) // 2
    return round(event.seconds * SAMPLE_RATE) if isinstance(event, SourceGap) else 0

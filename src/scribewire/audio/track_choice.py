"""Which of several tracks is heard: the first, unless it is silent while another has sound.

Theory of operation. Recorders and stations have tracks that nobody has plugged anything into, and
often one of them comes first. So the others are decoded beside the first until any has sound, and
then one is settled on for good. The first has a second from when another begins to sound, for two
languages of a film do not begin in the same frame. That is counted by the clock of the media, not
by the order in which packets lie in the file: what another is heard to say meanwhile is held, and
so is the silence of the first, which is put out as far as all are known to be silent. So nothing of
the one that is moved to is missing, and what was put out until then stands for the time before it.
Who speaks on the first waits for nobody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

SILENCE_PEAK: Final = 0.001
"""-60 dBFS. What A-law makes of nothing is at -72, what codecs leave of it lower still, and a
microphone that is open is above, whoever speaks."""
MOST_TRACKS: Final = 16
"""More are not listened to: a digital video line carries as many (SMPTE 299)."""
PROOF_S: Final = 1.0
"""The first track must be silent for so long while another is not."""
LEAST_SOUND_S: Final = 0.2
"""Of that second: a syllable. What sounds for less is a click, and decides nothing."""
HOLD_S: Final = 12.0
"""Held of each track, beyond which those that are behind are not waited for. In a fragment of MP4
one track comes after the other, segments of HLS last up to ten seconds, and who is heard has to
prove himself."""
_HOLD_FRAMES: Final = 4800
"""Likewise, whatever they say of their length: Opus has the shortest, of 2.5 ms."""
_ROUNDED_S: Final = 0.001  # containers count in milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFrame:
    """A frame, and when it is heard by the clock of its media."""

    track: int
    """Counted from 0, the one that is heard if it has sound."""
    at_s: float
    seconds: float
    has_sound: bool
    frame: AudioFrame

    @property
    def ends_at_s(self) -> float:
        """When it is over."""
        return self.at_s + self.seconds


class _Held:
    """Frames of one track that follow each other, and how long they are."""

    def __init__(self) -> None:
        self.frames: deque[TrackFrame] = deque()
        self.seconds = 0.0
        self.sounding_s = 0.0

    @property
    def is_full(self) -> bool:
        return self.seconds > HOLD_S or len(self.frames) > _HOLD_FRAMES

    def append(self, frame: TrackFrame) -> None:
        self.frames.append(frame)
        self.seconds += frame.seconds
        self.sounding_s += frame.seconds if frame.has_sound else 0.0

    def popleft(self) -> TrackFrame:
        frame = self.frames.popleft()
        self.seconds -= frame.seconds
        self.sounding_s -= frame.seconds if frame.has_sound else 0.0
        return frame


class TrackChoice:
    """Frames of all tracks in, in the order of each; those that are heard out.

    Once `settled` is known, all frames of that track are heard, and nothing is received any more.
    """

    def __init__(self, tracks: int) -> None:
        assert 1 < tracks <= MOST_TRACKS
        self.settled: int | None = None
        """Which track is heard; None while the first is put out because all are silent."""
        self._held = _Held()  # of the first, which is silent
        self._silent_until_s = float("-inf")  # the first
        self._others = [_Other() for _ in range(tracks - 1)]

    def receive_frame(self, frame: TrackFrame) -> list[TrackFrame]:
        """Return what is heard, now that a frame came."""
        assert self.settled is None
        if frame.track:
            self._others[frame.track - 1].receive_frame(frame)
        else:
            self._silent_until_s = frame.at_s if frame.has_sound else frame.ends_at_s
        if (proven := self._find_proven()) is not None:
            return self._move_to(proven)
        if frame.track == 0:
            self._held.append(frame)
            if frame.has_sound:
                return self._settle(0, list(self._held.frames))
        return self._release()

    def receive_end(self) -> list[TrackFrame]:
        """Return what is heard, now that no more frames come."""
        self._silent_until_s = float("inf")
        proven = self._find_proven()
        return list(self._held.frames) if proven is None else self._move_to(proven)

    def _find_proven(self) -> _Other | None:
        """Return who has had sound while the first had none; of several, who began."""
        proven = [other for other in self._others if other.is_proven(self._silent_until_s)]
        return min(proven, key=lambda other: other.begins_at_s, default=None)

    def _move_to(self, other: _Other) -> list[TrackFrame]:
        until_s = other.begins_at_s + _ROUNDED_S
        before = [frame for frame in self._held.frames if frame.ends_at_s <= until_s]
        return self._settle(other.held.frames[0].track, [*before, *other.held.frames])

    def _settle(self, track: int, heard: list[TrackFrame]) -> list[TrackFrame]:
        self.settled = track
        self._held, self._others = _Held(), []
        return heard

    def _release(self) -> list[TrackFrame]:
        """Return what of the first no other can be heard before."""
        until_s = min(other.silent_until_s for other in self._others)
        held, released = self._held, list[TrackFrame]()
        while held.frames and (held.frames[0].ends_at_s <= until_s or held.is_full):
            released.append(held.popleft())
        return released


class _Other:
    """What is known of a track beside the first."""

    def __init__(self) -> None:
        self.held = _Held()  # from a frame with sound on
        self.silent_until_s = float("-inf")

    @property
    def begins_at_s(self) -> float:
        """When the first frame is heard of those that are held."""
        return self.held.frames[0].at_s

    def receive_frame(self, frame: TrackFrame) -> None:
        held = self.held
        held.append(frame)
        while held.seconds >= PROOF_S and held.sounding_s < LEAST_SOUND_S:
            self.silent_until_s = held.popleft().ends_at_s
        while held.frames and not held.frames[0].has_sound:
            self.silent_until_s = held.popleft().ends_at_s
        if held.frames:
            self.silent_until_s = self.begins_at_s

    def is_proven(self, silent_until_s: float) -> bool:
        """Tell whether it has had sound while the first, so far silent, had none."""
        if self.held.sounding_s < LEAST_SOUND_S:
            return False
        return self.held.is_full or silent_until_s >= self.begins_at_s + PROOF_S

"""Cut a stream into utterances of one speaker each, frame by frame.

Theory of operation. Frames go to the endpointer one at a time. Wherever a look for a change of
speaker is due (see turns.py), no further frame is judged until its answer is in: what the
endpointer said of that frame is held back, and a change comes out before it. A pause alone comes
out at once, because a decode may follow from it: a change takes it back, and it comes once more,
for the speaker after the change. So boundaries depend on nothing but the samples.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from scribewire.recognition.checkpoint import BEGINNING, SegmenterState, WatcherState
from scribewire.recognition.endpointer import (
    Boundary,
    Endpointer,
    UtteranceCut,
    UtteranceEnded,
    UtterancePaused,
    UtteranceStarted,
)
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.recognition.speech_track import SpeechTrack
from scribewire.recognition.turns import TurnWatcher

if TYPE_CHECKING:
    from scribewire.recognition.endpointer import EndpointRules
    from scribewire.recognition.requests import TurnResult
    from scribewire.recognition.turns import SpeakerChanged
    from scribewire.types import Span


class Segmenter:
    """Decide where utterances start and end in one stream.

    After `receive_*`, take what `next_boundary` offers until it returns None. While
    `awaited_window` is not None, `receive_turns` must come before anything more is decided.
    """

    def __init__(
        self,
        rules: EndpointRules,
        *,
        has_speakers: bool = False,
        state: SegmenterState = BEGINNING.segmenter,
    ) -> None:
        self.track = SpeechTrack(state.track)  # of the frames judged
        known = state.endpointer
        self._endpointer = Endpointer(rules, known, self.track.latest(known.looks_back))
        self._watcher = TurnWatcher(state.watcher) if has_speakers else None
        self._frames: deque[float] = deque()  # measured, not judged
        self._boundaries: deque[Boundary | SpeakerChanged] = deque()  # decided, not taken
        self._held: Boundary | None = None  # what follows once the look is answered
        self._window: Span | None = None  # to be looked at before anything else
        self._breaks = deque(state.breaks)  # frames at which an open utterance ends
        self.judged_frames = known.frames  # judged since the stream began

    @property
    def state(self) -> SegmenterState:
        """What another one goes on from, while this one `is_idle`."""
        watcher = WatcherState() if self._watcher is None else self._watcher.state
        return SegmenterState(
            endpointer=self._endpointer.state,
            track=self.track.state,
            watcher=watcher,
            breaks=tuple(self._breaks),
        )

    @property
    def is_speaking(self) -> bool:
        """Whether an utterance is open and its latest frame was speech."""
        return self._endpointer.is_speaking

    @property
    def frames_to_boundary(self) -> int | None:
        """The fewest frames after which the open utterance could pause, end or be cut, if any."""
        return self._endpointer.frames_to_boundary

    @property
    def frames_to_break(self) -> int | None:
        """How many frames are to be judged before the stream breaks off, if it does."""
        return self._breaks[0] - self.judged_frames if self._breaks else None

    @property
    def is_idle(self) -> bool:
        """Whether everything received has been judged."""
        return not self._frames and not self._boundaries and self._window is None

    @property
    def awaited_window(self) -> Span | None:
        """What must be looked at before the next frame is judged, if anything."""
        return self._window

    def receive_frame(self, probability: float) -> None:
        """Add one measured frame."""
        self._frames.append(probability)

    def receive_end(self) -> None:
        """Close the open utterance, if any, because the stream is over."""
        assert self.is_idle
        self._decide(self._endpointer.receive_end())

    def receive_break(self, frame: int) -> None:
        """Let an utterance that is open at `frame` end there, whatever follows."""
        self._breaks.append(frame)

    def receive_turns(self, result: TurnResult) -> None:
        """Take who speaks in the awaited window."""
        assert self._window is not None
        assert self._watcher is not None
        window, self._window = self._window, None
        change = self._watcher.find_change(window, result)
        if change is not None:
            self._boundaries.append(change)
            self._watcher.begin(change.start)
            self._endpointer.split(change.start // FRAME_SAMPLES)
        is_out = change is None and isinstance(self._held, UtterancePaused)
        self._look_or_release(None if is_out else self._held)

    def next_boundary(self) -> Boundary | SpeakerChanged | None:
        """Judge frames up to the next boundary and return it; None: more has to come first."""
        while not self._boundaries and self._window is None:
            if self._breaks and self._breaks[0] <= self.judged_frames:
                self._breaks.popleft()
                self._decide(self._endpointer.receive_end())
                continue
            if not self._frames:
                break
            probability = self._frames.popleft()
            self.judged_frames += 1
            boundary = self._endpointer.accept_frame(probability)
            self.track.accept_frame(self._endpointer.is_speech, probability=probability)
            self._decide(boundary)
        return self._boundaries.popleft() if self._boundaries else None

    def _decide(self, boundary: Boundary | None) -> None:
        if self._watcher is not None and isinstance(boundary, UtteranceStarted):
            self._watcher.begin(boundary.frame * FRAME_SAMPLES)
        self._look_or_release(boundary)

    def _look_or_release(self, boundary: Boundary | None) -> None:
        self._window = self._due_window(boundary)
        self._held = None if self._window is None else boundary
        if boundary is None or not (self._held is None or isinstance(boundary, UtterancePaused)):
            return
        self._boundaries.append(boundary)
        if self._watcher is not None and isinstance(boundary, UtteranceCut):
            self._watcher.begin(boundary.frame * FRAME_SAMPLES)

    def _due_window(self, boundary: Boundary | None) -> Span | None:
        if self._watcher is None:
            return None
        if isinstance(boundary, UtterancePaused | UtteranceEnded | UtteranceCut):
            return self._watcher.due_window(boundary.frame * FRAME_SAMPLES, is_settled=True)
        if self._endpointer.is_speaking:
            return self._watcher.due_window(self.judged_frames * FRAME_SAMPLES, is_settled=False)
        return None

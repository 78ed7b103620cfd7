"""Cut a stream of speech probabilities into utterances.

Theory of operation. One frame goes in, at most one boundary comes out. A boundary is dated
where the sound changed, not where we became sure of it. Two thresholds keep a probability that
hovers around one of them from flipping the decision.

    .....SSSSSSSS...SSSS..........
         ^ Started      ^ Paused ^ Ended
                        (dated here, both of them)

An utterance starts once `min_speech` frames of speech stand in a row; shorter is a click. It
pauses after `settle_silence` frames of silence: nothing that is decoded for a final lies beyond
that, so the decode can begin while the rest of the silence is waited for. It ends after
`end_silence` frames, or resumes. Once it is long, fewer frames are enough for both; and if there
are none of these either, it is cut when it reaches `max_utterance`, at the place of its second
half where there is the least speech, and the next utterance begins there at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.checkpoint import BEGINNING, EndpointerState

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEECH_THRESHOLD = 0.5  # a frame at or above this probability is speech
SILENCE_THRESHOLD = 0.35  # below this one it is silence; between the two, what the last one was


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRules:
    """How long a sound must last to open or to close an utterance, in frames."""

    min_speech: int
    """Shorter speech is a click."""
    settle_silence: int
    """After this much silence the audio of a final is complete."""
    end_silence: int
    """Shorter silence is a pause inside the utterance. At least `settle_silence`."""
    late_settle_silence: int
    """This much settles once the utterance is longer than `late_share` of the maximum."""
    late_silence: int
    """And this much ends it then. At least `late_settle_silence`."""
    max_utterance: int
    """Longer speech is cut, so that latency and memory stay bounded."""
    late_share: float = 0.6
    """Measured on long speech cut at 5 to 15 s: earlier cuts needlessly, later inside words."""

    @property
    def max_cut_back(self) -> int:
        """How many frames before the latest one a cut may lie."""
        return self.max_utterance // 2 + 1


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """Speech began just before `frame`."""

    frame: int


@dataclass(frozen=True, slots=True)
class UtterancePaused:
    """Speech stopped just before `frame`, and the silence since then has settled."""

    frame: int


@dataclass(frozen=True, slots=True)
class UtteranceResumed:
    """The pause was none: speech goes on, at `frame`."""

    frame: int


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """Speech ended just before `frame`."""

    frame: int


@dataclass(frozen=True, slots=True)
class UtteranceCut:
    """The utterance was too long: it ends, and the next one begins, just before `frame`."""

    frame: int


Boundary = UtteranceStarted | UtterancePaused | UtteranceResumed | UtteranceEnded | UtteranceCut


class Endpointer:
    """Decide where utterances start and end in one stream."""

    def __init__(
        self,
        rules: EndpointRules,
        state: EndpointerState = BEGINNING.segmenter.endpointer,
        probabilities: Sequence[float] = (),
    ) -> None:
        self._rules = rules
        self._frames = state.frames  # frames seen since the stream began
        self._is_speech = state.is_speech  # what the latest frame was, after hysteresis
        self._run = state.run  # latest unbroken frames that contradict the present state
        self._has_paused = state.has_paused  # the open utterance, in the silence of `_run`
        self._start = state.start  # where the open utterance began; None: none is open
        # Of each frame since `_start`, for the cut; where none is open, of those of `_run`.
        self._probabilities = list(probabilities)

    @property
    def state(self) -> EndpointerState:
        """What another one goes on from, with the probabilities that it `looks_back` at."""
        return EndpointerState(
            frames=self._frames,
            is_speech=self._is_speech,
            run=self._run,
            has_paused=self._has_paused,
            start=self._start,
        )

    @property
    def is_speech(self) -> bool:
        """Whether the latest frame was speech, in an utterance or not."""
        return self._is_speech

    @property
    def is_speaking(self) -> bool:
        """Whether an utterance is open and its latest frame was speech."""
        return self._start is not None and self._is_speech

    @property
    def frames_to_boundary(self) -> int | None:
        """The fewest frames after which the open utterance could pause, end or be cut, if any."""
        if self._start is None:
            return None
        rules, length = self._rules, self._frames - self._start
        to_late = math.ceil(rules.max_utterance * rules.late_share) - length
        waits = [
            rules.max_utterance - length,
            rules.end_silence - self._run,
            max(rules.late_silence - self._run, to_late),
        ]
        if not self._has_paused:
            waits.append(rules.settle_silence - self._run)
            waits.append(max(rules.late_settle_silence - self._run, to_late))
        return max(1, min(waits))

    def accept_frame(self, probability: float) -> Boundary | None:
        """Advance by one frame and return the boundary that it settles, if any."""
        self._frames += 1
        if self._is_speech:
            self._is_speech = probability >= SILENCE_THRESHOLD
        else:
            self._is_speech = probability >= SPEECH_THRESHOLD
        self._probabilities.append(probability)
        return self._wait_for_speech() if self._start is None else self._wait_for_silence()

    def receive_end(self) -> UtteranceEnded | None:
        """Close the open utterance, if any, because the stream is over."""
        if self._start is None:
            return None
        return self._end(self._frames - self._run)

    def split(self, frame: int) -> None:
        """Let the open utterance begin at `frame`, if it has begun before, for another speaker."""
        if self._start is None or frame <= self._start:
            return
        self._probabilities = self._probabilities[frame - self._start :]
        self._start = frame

    def _wait_for_speech(self) -> UtteranceStarted | None:
        self._run = self._run + 1 if self._is_speech else 0
        self._probabilities = self._probabilities[-self._run :] if self._run else []
        if self._run < self._rules.min_speech:
            return None
        self._start = self._frames - self._run
        self._run = 0
        return UtteranceStarted(self._start)

    def _wait_for_silence(self) -> Boundary | None:
        assert self._start is not None
        rules = self._rules
        self._run = 0 if self._is_speech else self._run + 1
        length = self._frames - self._start
        is_late = length >= rules.max_utterance * rules.late_share
        if self._run >= (rules.late_silence if is_late else rules.end_silence):
            return self._end(self._frames - self._run)
        if length >= rules.max_utterance:
            return self._cut(self._frames - self._run)
        if self._has_paused:
            return self._resume() if self._is_speech else None
        if self._run >= (rules.late_settle_silence if is_late else rules.settle_silence):
            self._has_paused = True
            return UtterancePaused(self._frames - self._run)
        return None

    def _resume(self) -> UtteranceResumed:
        self._has_paused = False
        return UtteranceResumed(self._frames - 1)

    def _end(self, frame: int) -> UtteranceEnded:
        self._start = None
        self._run = 0
        self._has_paused = False
        self._probabilities = []
        return UtteranceEnded(frame)

    def _cut(self, silence_from: int) -> UtteranceCut | UtteranceEnded:
        assert self._start is not None
        earliest = max(0, len(self._probabilities) - self._rules.max_cut_back)
        offset = earliest + least_voiced_frame(self._probabilities[earliest:])
        if self._start + offset >= silence_from:  # nothing has been said since: no next one yet
            return self._end(silence_from)
        self._start += offset
        self._has_paused = False  # the next one has not, whose beginning this silence may be in
        self._probabilities = self._probabilities[offset:]
        return UtteranceCut(self._start)


def least_voiced_frame(probabilities: list[float]) -> int:
    """Return the index of the frame with the least speech, judged together with its neighbours.

    Five frames (160 ms) are averaged with falling weight: long enough to tell a gap between
    words from a dip inside one.
    """
    weights = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
    padded = np.pad(np.asarray(probabilities), 2, mode="edge")
    return int(np.argmin(np.convolve(padded, weights, mode="valid")))

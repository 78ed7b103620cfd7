"""Where a stream holds speech, frame by frame, as far back as it may still be asked for."""

from __future__ import annotations

from collections import deque
from itertools import islice, pairwise

import numpy as np

from scribewire.recognition.checkpoint import BEGINNING, TrackState
from scribewire.recognition.judge import Voicing
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.types import SAMPLE_RATE, Span

LONG_PAUSE_FRAMES = 26  # 0.8 s: longer ones are the client's wish, not a sign of noise
_NUMBER = np.dtype("<f8")
SURE = 0.5  # a frame at or above it is one that the VAD itself would call speech


class SpeechTrack:
    """Remember which frames were speech. Call `discard_before` as the stream goes on."""

    def __init__(self, state: TrackState = BEGINNING.segmenter.track) -> None:
        self._frames = state.frames  # frames accepted since the stream began
        self._intervals = deque(state.intervals)  # in order, not touching each other
        self._probabilities: deque[float] = deque(
            np.frombuffer(state.probabilities, _NUMBER).tolist()
        )  # of the latest frames

    @property
    def state(self) -> TrackState:
        """What another one goes on from."""
        return TrackState(
            frames=self._frames,
            intervals=tuple(self._intervals),
            probabilities=np.array(self._probabilities, _NUMBER).tobytes(),
        )

    def latest(self, count: int) -> list[float]:
        """Return the probabilities of the latest frames, as many as are asked for."""
        first = len(self._probabilities) - count
        assert first >= 0, "they are not forgotten while they may be asked for"
        return list(islice(self._probabilities, first, None))

    def accept_frame(self, is_speech: bool, *, probability: float) -> None:
        """Advance by one frame."""
        start = self._frames * FRAME_SAMPLES
        self._frames += 1
        self._probabilities.append(probability)
        if not is_speech:
            return
        if self._intervals and self._intervals[-1].end == start:
            start = self._intervals.pop().start
        self._intervals.append(Span(start, self._frames * FRAME_SAMPLES))

    def between(self, start: int, end: int) -> tuple[Span, ...]:
        """Return the speech from sample `start` to sample `end`, cut off at both."""
        return tuple(
            Span(max(interval.start, start), min(interval.end, end))
            for interval in self._intervals
            if interval.start < end and interval.end > start
        )

    def voicing(self, start: int, end: int) -> Voicing:
        """Return how sure the VAD was between two samples; frames count that lie inside.

        From the first sure frame to the last; the short pauses between them count, long ones
        do not.
        """
        first = self._frames - len(self._probabilities)
        left = max(-(-start // FRAME_SAMPLES) - first, 0)
        judged = list(self._probabilities)[left : max(end // FRAME_SAMPLES - first, 0)]
        sure = [number for number, probability in enumerate(judged) if probability >= SURE]
        if not sure:
            return Voicing(mean=0.0, seconds=0.0)
        spoken = [judged[sure[0]]]
        for before, number in pairwise(sure):
            is_long = number - before > LONG_PAUSE_FRAMES
            spoken += judged[number : number + 1] if is_long else judged[before + 1 : number + 1]
        seconds = len(sure) * FRAME_SAMPLES / SAMPLE_RATE
        return Voicing(mean=sum(spoken) / len(spoken), seconds=seconds)

    def discard_before(self, position: int) -> None:
        """Forget the speech that ended before the sample at `position`."""
        while self._intervals and self._intervals[0].end <= position:
            self._intervals.popleft()
        while (self._frames - len(self._probabilities) + 1) * FRAME_SAMPLES <= position:
            if not self._probabilities:
                return
            self._probabilities.popleft()

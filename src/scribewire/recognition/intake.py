"""What comes in of one stream: its audio, and what the VAD and the turns make of it.

Theory of operation. Samples are buffered, and frames of them are judged in hops, always in order,
one request at a time. A hop ends where something may follow from it and is as long as possible
elsewhere: what is decided does not depend on it, for the segmenter takes frame by frame. Where the
segmenter has to know who speaks, nothing is judged before the answer. Where another recognizer has
judged before, what it has judged is only buffered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.audio_buffer import AudioBuffer
from scribewire.recognition.checkpoint import BEGINNING
from scribewire.recognition.question import Question
from scribewire.recognition.requests import FRAME_SAMPLES, TurnRequest, VadRequest
from scribewire.recognition.segmenter import Segmenter

if TYPE_CHECKING:
    from scribewire.recognition.checkpoint import Checkpoint, SegmenterState
    from scribewire.recognition.endpointer import Boundary
    from scribewire.recognition.requests import TurnResult, VadResult
    from scribewire.recognition.rules import RecognizerRules
    from scribewire.recognition.speech_track import SpeechTrack
    from scribewire.recognition.turns import SpeakerChanged
    from scribewire.types import Samples

IDLE_HOP_FRAMES = 8  # 256 ms: each request costs a hand-over, and no partial is due before 300 ms
BUSY_HOP_FRAMES = 4  # 128 ms: how much older a partial may be that had to wait for the last one
MAX_HOP_FRAMES = 16  # 0.5 s: what has piled up is judged in bigger bites, to the same result


class Intake:
    """Audio in, boundaries of utterances out. After `receive_*`, take every `next_boundary`."""

    def __init__(self, rules: RecognizerRules, checkpoint: Checkpoint = BEGINNING) -> None:
        self.buffer = AudioBuffer(checkpoint.begin)
        self._segmenter = Segmenter(
            rules.endpoint, has_speakers=rules.has_speakers, state=checkpoint.segmenter
        )
        # Position up to which is decided what is speech.
        self.judged = self._segmenter.judged_frames * FRAME_SAMPLES
        self._frames_asked = Question[VadRequest]()
        self._turns_asked = Question[TurnRequest]()
        self._vad_state = checkpoint.vad_state  # what the last VAD result carried
        self._has_end = False  # the last sample of the stream is in the buffer
        self._is_closed = False  # and the segmenter has been told

    @property
    def track(self) -> SpeechTrack:
        """Where there is speech in what has been judged."""
        return self._segmenter.track

    @property
    def unjudged_samples(self) -> int:
        """Audio received and not judged."""
        return max(self.buffer.end - self.judged, 0)

    @property
    def has_judged(self) -> bool:
        """Whether all that is judged is there: not before it has been given again."""
        return self.buffer.end >= self.judged

    @property
    def vad_state(self) -> bytes | None:
        """What the next VAD request carries."""
        return self._vad_state

    @property
    def state(self) -> SegmenterState | None:
        """What another one goes on from; None while something decided has yet to be taken."""
        is_whole = self._segmenter.judged_frames * FRAME_SAMPLES == self.judged
        if not is_whole or self._is_closed or not self._segmenter.is_idle:
            return None
        return self._segmenter.state

    @property
    def is_speaking(self) -> bool:
        """Whether an utterance is open and its latest frame was speech."""
        return self._segmenter.is_speaking

    @property
    def is_finished(self) -> bool:
        """Whether the stream is over and its last boundary has been taken."""
        return self._is_closed and self._segmenter.is_idle

    @property
    def may_judge(self) -> bool:
        """Whether there may be enough for a hop, and nothing has to be answered before."""
        has_frame = self.buffer.end - self.judged >= FRAME_SAMPLES or self._has_end
        return has_frame and not self._frames_asked.is_open and self._segmenter.is_idle

    def receive_audio(self, samples: Samples) -> None:
        """Add audio, any number of samples."""
        assert not self._has_end, "audio after the end of the stream"
        self.buffer.append(samples)

    def receive_break(self) -> None:
        """Say that what follows does not continue what came before.

        Where that was judged before, it was known.
        """
        if self.has_judged:
            self._segmenter.receive_break(self.buffer.end // FRAME_SAMPLES)

    def receive_end(self) -> None:
        """Say that the stream is over."""
        missing = self.judged - self.buffer.end
        if missing > 0:  # of what was to be given again; nobody has it any more
            self.buffer.append(np.zeros(missing, np.float32))
        self._has_end = True

    def receive_vad(self, request: VadRequest, result: VadResult) -> None:
        """Take the probabilities of the frames asked for."""
        self._frames_asked.close(request)
        self._vad_state = result.state
        assert len(result.probabilities) * FRAME_SAMPLES == len(request.frames)
        for probability in result.probabilities:
            self._segmenter.receive_frame(probability)

    def receive_turns(self, request: TurnRequest, result: TurnResult) -> None:
        """Take who speaks in the stretch asked for."""
        self._turns_asked.close(request)
        self._segmenter.receive_turns(result)

    def next_vad_request(self, partial_due: int | None) -> VadRequest | None:
        """Return the next hop, if `may_judge` and enough has come in.

        `partial_due` is from which sample on a partial of the open utterance may be asked for.
        """
        available = self.unjudged_samples
        frame_count = min(available // FRAME_SAMPLES, MAX_HOP_FRAMES)
        if frame_count >= self._hop_frames(partial_due):
            frames = self.buffer.read(self.judged, self.judged + frame_count * FRAME_SAMPLES)
        elif self._has_end and available:
            end = min(self.buffer.end, self.judged + MAX_HOP_FRAMES * FRAME_SAMPLES)
            frames = self.buffer.read(self.judged, end)
            frames = np.pad(frames, (0, -len(frames) % FRAME_SAMPLES))
        else:
            return None
        return self._frames_asked.ask(VadRequest(frames, self._vad_state))

    def next_turn_request(self, utterance: int) -> TurnRequest | None:
        """Return the look for a change of speaker that is awaited, in the open utterance."""
        window = self._segmenter.awaited_window
        if window is None or self._turns_asked.is_open:
            return None
        samples = self.buffer.read(window.start, min(window.end, self.buffer.end))
        return self._turns_asked.ask(TurnRequest(utterance=utterance, samples=samples))

    def next_boundary(self) -> Boundary | SpeakerChanged | None:
        """Judge up to the next boundary and return it; None: something has to come in first."""
        boundary = self._segmenter.next_boundary()
        judged = self._segmenter.judged_frames * FRAME_SAMPLES
        self.judged = min(judged, self.buffer.end) if self._has_end else judged
        return boundary

    def close_if_over(self) -> bool:
        """Close the open utterance once all is judged; True once, when boundaries may follow."""
        is_over = self._has_end and not self.unjudged_samples and self._segmenter.is_idle
        if not is_over or self._is_closed:
            return False
        self._is_closed = True
        self._segmenter.receive_end()
        return True

    def discard_before(self, *, audio: int, speech: int) -> None:
        """Forget the samples before one position, and what was speech before another."""
        self.buffer.discard_before(audio)
        self.track.discard_before(speech)

    def _hop_frames(self, partial_due: int | None) -> int:
        """How many frames to wait for: nothing can follow from fewer. Changes no result."""
        hop = min(
            IDLE_HOP_FRAMES,
            self._segmenter.frames_to_boundary or IDLE_HOP_FRAMES,
            self._segmenter.frames_to_break or IDLE_HOP_FRAMES,
        )
        if partial_due is None:
            return hop
        to_partial = partial_due - self.judged
        return min(hop, -(-to_partial // FRAME_SAMPLES) if to_partial > 0 else BUSY_HOP_FRAMES)

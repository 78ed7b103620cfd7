"""Turn one stream of samples into transcript events.

Theory of operation. Three things can be asked for, each at most once at a time, and each
answered in its own order:

    VAD       the next hop of frames, always in order             required
    final     the oldest utterance that has paused or ended       required
    partial   the open utterance so far, when nothing else is     optional

Speech probabilities go to the endpointer, whose boundaries open, settle and close utterances.
When an utterance pauses, the audio of its final is complete, so it is decoded while the rest of
the silence is waited for; if speech resumes, that decode was one more partial. Everything that
shapes a final is asked for at fixed positions of the stream, so neither the chunks in which the
audio came nor the time that answers took can change it. Partials never feed a decision.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import numpy as np

from scribewire.recognition.audio_buffer import AudioBuffer
from scribewire.recognition.endpointer import (
    Boundary,
    Endpointer,
    UtteranceCut,
    UtteranceEnded,
    UtterancePaused,
    UtteranceResumed,
    UtteranceStarted,
)
from scribewire.recognition.events import Event, Final, Partial
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    Hypothesis,
    Request,
    Result,
    VadRequest,
    VadResult,
)

if TYPE_CHECKING:
    from scribewire.recognition.rules import RecognizerRules
    from scribewire.types import Samples

HOP_FRAMES = 2  # 64 ms: fewer frames a request cost more hand-overs, more delay the endpoint
MAX_HOP_FRAMES = 16  # 0.5 s: what has piled up is judged in bigger bites, to the same result
MAX_WAITING_FINALS = 4  # beyond it no more audio is judged: the lag grows and the reader waits


@dataclass(slots=True)
class _Utterance:
    """An utterance from its first speech to its final."""

    number: int
    start: int  # first sample that its decodes hear
    end: int | None = None  # last sample that its final hears; None until it pauses or ends
    has_ended: bool = False
    shown_end: int | None = None  # up to where its latest partial heard; None until one is shown
    final_request: DecodeRequest | None = None  # asked, for audio up to `end`
    hypothesis: Hypothesis | None = None  # the answer to `final_request`

    @property
    def needs_decode(self) -> bool:
        return self.end is not None and self.final_request is None


class Recognizer:
    """Turn one stream of samples into transcript events, without I/O, threads or clocks.

    Inference counts as I/O: the recognizer asks for it with `next_request` and is told the
    answer with `receive_result`. After every `receive_*` call, run `next_request` until it
    returns None, and take what `next_event` offers.
    """

    def __init__(self, rules: RecognizerRules) -> None:
        self._rules = rules
        self._buffer = AudioBuffer()
        self._endpointer = Endpointer(rules.endpoint)
        self._has_end = False  # the last sample of the stream is in the buffer
        self._end_heard = False  # and the endpointer has been told
        self._heard = 0  # position up to which speech has been measured
        self._heard_floor = 0  # where the audio of the last ended utterance stops
        self._vad_state: object = None  # what the last VAD result carried
        self._vad_request: VadRequest | None = None  # asked, not answered
        self._decode_request: DecodeRequest | None = None  # required; asked, not answered
        self._partial_request: DecodeRequest | None = None  # asked, not answered
        self._utterances: deque[_Utterance] = deque()  # without a final yet; the last may be open
        self._next_number = 0
        self._next_partial_at = 0  # position from which the next partial is due
        self._last_partial_text = ""
        self._events: deque[Event] = deque()

    @property
    def lag_samples(self) -> int:
        """Audio received and not yet judged; a reader waits while it is large."""
        return self._buffer.end - self._heard

    @property
    def heard_samples(self) -> int:
        """Position in the stream up to which speech has been measured."""
        return self._heard

    @property
    def buffered_samples(self) -> int:
        """Audio held in memory."""
        return self._buffer.end - self._buffer.start

    @property
    def is_finished(self) -> bool:
        """Whether the stream is over and its last final has been put out."""
        return self._end_heard and not self._utterances

    # Input: audio and answers.

    def receive_audio(self, samples: Samples) -> None:
        """Add audio, any number of samples."""
        assert not self._has_end, "audio after the end of the stream"
        self._buffer.append(samples)

    def receive_end(self) -> None:
        """Say that the stream is over: what is buffered is decoded into finals."""
        self._has_end = True
        self._close_stream_if_heard()

    def receive_result(self, request: Request, result: Result) -> None:
        """Take the answer to a request that `next_request` gave."""
        if isinstance(request, VadRequest):
            assert isinstance(result, VadResult)
            self._receive_vad(request, result)
        else:
            assert isinstance(result, DecodeResult)
            if request.is_required:
                self._receive_final_decode(request, result)
            else:
                self._receive_partial_decode(request, result)

    # Output: requests and events.

    def next_request(self) -> Request | None:
        """Return what is to be run next, or None when nothing is; answers may come later."""
        return self._next_vad() or self._next_final_decode() or self._next_partial_decode()

    def next_event(self) -> Event | None:
        """Return the next partial or final, or None."""
        return self._events.popleft() if self._events else None

    # Requests.

    def _next_vad(self) -> VadRequest | None:
        if self._vad_request is not None or len(self._utterances) > MAX_WAITING_FINALS:
            return None
        available = self._buffer.end - self._heard
        frame_count = min(available // FRAME_SAMPLES, MAX_HOP_FRAMES)
        if frame_count >= HOP_FRAMES:
            frames = self._buffer.read(self._heard, self._heard + frame_count * FRAME_SAMPLES)
        elif self._has_end and available:
            end = min(self._buffer.end, self._heard + MAX_HOP_FRAMES * FRAME_SAMPLES)
            frames = self._buffer.read(self._heard, end)
            frames = np.pad(frames, (0, -len(frames) % FRAME_SAMPLES))
        else:
            return None
        self._vad_request = VadRequest(frames, self._vad_state)
        return self._vad_request

    def _next_final_decode(self) -> DecodeRequest | None:
        if self._decode_request is not None:
            return None
        waiting = next((u for u in self._utterances if u.needs_decode), None)
        if waiting is None:
            return None
        assert waiting.end is not None
        waiting.final_request = self._decode_request = DecodeRequest(
            utterance=waiting.number,
            samples=self._buffer.read(waiting.start, waiting.end),
            end_sample=waiting.end,
            is_required=True,
        )
        return self._decode_request

    def _next_partial_decode(self) -> DecodeRequest | None:
        is_busy = self._partial_request is not None or self._decode_request is not None
        if is_busy or self._rules.partial_interval_samples is None:
            return None
        if not self._endpointer.is_speaking or len(self._utterances) != 1:
            return None
        if self._heard < self._next_partial_at:
            return None
        utterance = self._utterances[-1]
        self._next_partial_at = self._heard + self._rules.partial_interval_samples
        self._partial_request = DecodeRequest(
            utterance=utterance.number,
            samples=self._buffer.read(utterance.start, self._heard),
            end_sample=self._heard,
            is_required=False,
        )
        return self._partial_request

    # Answers.

    def _receive_vad(self, request: VadRequest, result: VadResult) -> None:
        assert request is self._vad_request, "answers come in the order of the requests"
        self._vad_request = None
        self._vad_state = result.state
        frames = request.frames.reshape(-1, FRAME_SAMPLES)
        for frame, probability in zip(frames, result.probabilities, strict=True):
            self._heard = min(self._heard + FRAME_SAMPLES, self._buffer.end)
            boundary = self._endpointer.accept_frame(probability, _level_db(frame))
            if boundary is not None:
                self._apply(boundary)
        self._close_stream_if_heard()
        self._discard_audio()

    def _receive_final_decode(self, request: DecodeRequest, result: DecodeResult) -> None:
        assert request is self._decode_request, "answers come in the order of the requests"
        assert result.hypothesis is not None, "a required request cannot be dropped"
        self._decode_request = None
        utterance = self._find(request.utterance)
        assert utterance is not None
        if utterance.final_request is request:
            utterance.hypothesis = result.hypothesis
        if not utterance.has_ended:
            self._show_partial(utterance, request, result.hypothesis)
        self._put_out_finals()

    def _receive_partial_decode(self, request: DecodeRequest, result: DecodeResult) -> None:
        assert request is self._partial_request, "answers come in the order of the requests"
        self._partial_request = None
        utterance = self._find(request.utterance)
        if utterance is None or utterance.has_ended or result.hypothesis is None:
            return
        if utterance.final_request is None:  # else a later decode is on its way
            self._show_partial(utterance, request, result.hypothesis)

    # Utterances.

    def _apply(self, boundary: Boundary) -> None:
        position = boundary.frame * FRAME_SAMPLES
        match boundary:
            case UtteranceStarted():
                start = max(position - self._rules.pad_before_samples, self._heard_floor)
                self._open_utterance(start, position)
            case UtterancePaused():
                self._settle(position)
            case UtteranceResumed():
                utterance = self._utterances[-1]
                utterance.end = utterance.final_request = utterance.hypothesis = None
            case UtteranceEnded():
                self._settle(position)
                self._end_utterance()
            case UtteranceCut():
                self._settle(position, pad_after_samples=0)
                self._end_utterance()
                self._open_utterance(position, position)
            case _:
                assert_never(boundary)

    def _open_utterance(self, start: int, speech_start: int) -> None:
        self._utterances.append(_Utterance(self._next_number, start))
        self._next_number += 1
        self._next_partial_at = speech_start + (self._rules.partial_interval_samples or 0)
        self._last_partial_text = ""

    def _settle(self, speech_end: int, *, pad_after_samples: int | None = None) -> None:
        """Fix the audio of the last utterance's final; a decode of other audio is void."""
        utterance = self._utterances[-1]
        pad = self._rules.pad_after_samples if pad_after_samples is None else pad_after_samples
        end = min(speech_end + pad, self._heard)
        if utterance.end != end:
            utterance.end = end
            utterance.final_request = utterance.hypothesis = None

    def _end_utterance(self) -> None:
        utterance = self._utterances[-1]
        assert utterance.end is not None
        utterance.has_ended = True
        self._heard_floor = utterance.end
        self._put_out_finals()

    def _put_out_finals(self) -> None:
        while self._utterances and self._utterances[0].has_ended:
            first = self._utterances[0]
            if first.hypothesis is None:
                return
            assert first.end is not None
            self._utterances.popleft()
            text = first.hypothesis.text
            if text or first.shown_end is not None:
                self._events.append(Final(utterance=first.number, text=text, end_sample=first.end))
        self._discard_audio()

    def _show_partial(
        self, utterance: _Utterance, request: DecodeRequest, hypothesis: Hypothesis
    ) -> None:
        text = hypothesis.text
        if self._rules.partial_interval_samples is None or not text:
            return
        if text == self._last_partial_text or utterance is not self._utterances[0]:
            return
        if utterance.shown_end is not None and request.end_sample < utterance.shown_end:
            return  # an older decode that took longer
        utterance.shown_end = request.end_sample
        self._last_partial_text = text
        self._events.append(
            Partial(utterance=utterance.number, text=text, end_sample=request.end_sample)
        )

    def _find(self, number: int) -> _Utterance | None:
        return next((u for u in self._utterances if u.number == number), None)

    # The stream.

    def _close_stream_if_heard(self) -> None:
        if not self._has_end or self._end_heard or self._heard < self._buffer.end:
            return
        self._end_heard = True
        boundary = self._endpointer.receive_end()
        if boundary is not None:
            self._apply(boundary)

    def _discard_audio(self) -> None:
        """Keep what the oldest waiting utterance needs, or what a next one might."""
        if self._utterances:
            needed = self._utterances[0].start
        else:
            lead = self._rules.endpoint.min_speech * FRAME_SAMPLES + self._rules.pad_before_samples
            needed = max(self._heard - lead, self._heard_floor)
        self._buffer.discard_before(needed)


def _level_db(frame: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(frame)) + 1e-10))

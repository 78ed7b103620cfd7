"""Turn one stream of samples into transcript events.

Theory of operation. Five things can be asked for; each required one at most once at a time, and
answered in its own order:

    VAD        the next hop of frames, always in order             required
    turns      who speaks in the open utterance; see turns.py      required
    final      the oldest utterance that has paused or ended       required
    embedding  whose voice the same utterance is; see speakers.py  required
    partial    the open utterance so far; see partials.py          optional

Speech probabilities go to the endpointer, whose boundaries open, settle and close utterances.
When an utterance pauses, the audio of its final is complete, so it is decoded while the rest of
the silence is waited for; if speech resumes, that decode was one more partial. Everything that
shapes a final is asked for at fixed positions of the stream, so neither the chunks in which the
audio came nor the time that answers took can change it. Partials never feed a decision. While the
answer about turns is awaited, no further frame is judged: where the speaker changes the utterance
is split, and everything after follows from that.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, assert_never

import numpy as np

from scribewire.events import TranscriptEvent
from scribewire.recognition.audio_buffer import AudioBuffer
from scribewire.recognition.context import LeadIn
from scribewire.recognition.endpointer import (
    Boundary,
    UtteranceCut,
    UtteranceEnded,
    UtterancePaused,
    UtteranceResumed,
    UtteranceStarted,
)
from scribewire.recognition.partials import WindowPartials
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
    Request,
    Result,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.recognition.segmenter import Segmenter
from scribewire.recognition.transcript import Transcript
from scribewire.recognition.turns import SpeakerChanged, TurnWatcher
from scribewire.recognition.utterance import Utterance

if TYPE_CHECKING:
    from scribewire.recognition.rules import RecognizerRules
    from scribewire.types import Samples

IDLE_HOP_FRAMES = 8  # 256 ms: each request costs a hand-over, and no partial is due before 300 ms
BUSY_HOP_FRAMES = 4  # 128 ms: how much older a partial may be that had to wait for the last one
MAX_HOP_FRAMES = 16  # 0.5 s: what has piled up is judged in bigger bites, to the same result


class Recognizer:
    """Turn one stream of samples into transcript events, without I/O, threads or clocks.

    Inference counts as I/O: the recognizer asks for it with `next_request` and is told the
    answer with `receive_result`. After every `receive_*` call, run `next_request` until it
    returns None, and take what `next_event` offers.
    """

    def __init__(self, rules: RecognizerRules) -> None:
        self._rules = rules
        self._buffer = AudioBuffer()
        self._segmenter = Segmenter(rules.endpoint, TurnWatcher() if rules.has_speakers else None)
        self._transcript = Transcript(rules)
        self._partials = WindowPartials(rules, self._buffer, self._segmenter.track)
        self._has_end = False  # the last sample of the stream is in the buffer
        self._end_heard = False  # and the endpointer has been told
        self._heard = 0  # position up to which speech has been measured
        self._heard_floor = 0  # where the audio of the last ended utterance stops
        self._vad_state: bytes | None = None  # what the last VAD result carried
        self._vad_request: VadRequest | None = None  # asked, not answered
        self._turn_request: TurnRequest | None = None  # asked, not answered
        self._voice_request: EmbeddingRequest | None = None  # asked, not answered
        self._decode_request: DecodeRequest | None = None  # required; asked, not answered
        self._utterances: deque[Utterance] = deque()  # without a final yet; the last may be open
        self._next_number = 0
        self._events: deque[TranscriptEvent] = deque()

    @property
    def lag_samples(self) -> int:
        """Audio received after the first utterance that waits for its final, or not yet judged."""
        waiting = self._utterances[0] if self._utterances else None
        if waiting is None or not waiting.has_ended or waiting.is_accepted:
            return self._buffer.end - self._heard
        assert waiting.end is not None
        return self._buffer.end - waiting.end

    @property
    def heard_samples(self) -> int:
        """Audio that has been judged."""
        return self._heard

    @property
    def buffered_samples(self) -> int:
        """Audio held in memory."""
        return self._buffer.end - self._buffer.start

    @property
    def is_finished(self) -> bool:
        """Whether the stream is over and its last final has been put out."""
        return self._end_heard and self._segmenter.is_idle and not self._utterances

    # Input: audio and answers.

    def receive_audio(self, samples: Samples) -> None:
        """Add audio, any number of samples."""
        assert not self._has_end, "audio after the end of the stream"
        self._buffer.append(samples)

    def receive_break(self) -> None:
        """Say that what follows does not continue what came before: an open utterance ends."""
        self._segmenter.receive_break(self._buffer.end // FRAME_SAMPLES)
        self._hear()

    def receive_end(self) -> None:
        """Say that the stream is over: what is buffered is decoded into finals."""
        self._has_end = True
        self._hear()

    def receive_result(self, request: Request, result: Result) -> None:
        """Take the answer to a request that `next_request` gave."""
        match request, result:
            case VadRequest(), VadResult():
                self._receive_vad(request, result)
            case TurnRequest(), TurnResult():
                self._receive_turns(request, result)
            case EmbeddingRequest(), EmbeddingResult():
                self._receive_embedding(request, result)
            case DecodeRequest(is_required=True), DecodeResult():
                self._receive_final_decode(request, result)
            case DecodeRequest(), DecodeResult():
                self._receive_partial_decode(request, result)
            case _:
                raise AssertionError("the answer to another kind of request")

    # Output: requests and events.

    def next_request(self) -> Request | None:
        """Return what is to be run next, or None when nothing is; answers may come later."""
        return (
            self._next_vad()
            or self._next_turns()
            or self._next_final_decode()
            or self._next_embedding()
            or self._next_partial_decode()
        )

    def next_event(self) -> TranscriptEvent | None:
        """Return the next partial or final, or None."""
        return self._events.popleft() if self._events else None

    # Requests.

    def _next_vad(self) -> VadRequest | None:
        if self._vad_request is not None or not self._segmenter.is_idle:
            return None
        available = self._buffer.end - self._heard
        frame_count = min(available // FRAME_SAMPLES, MAX_HOP_FRAMES)
        if frame_count >= self._hop_frames:
            frames = self._buffer.read(self._heard, self._heard + frame_count * FRAME_SAMPLES)
        elif self._has_end and available:
            end = min(self._buffer.end, self._heard + MAX_HOP_FRAMES * FRAME_SAMPLES)
            frames = self._buffer.read(self._heard, end)
            frames = np.pad(frames, (0, -len(frames) % FRAME_SAMPLES))
        else:
            return None
        self._vad_request = VadRequest(frames, self._vad_state)
        return self._vad_request

    @property
    def _hop_frames(self) -> int:
        """How many frames to wait for: nothing can follow from fewer. Changes no result."""
        hop = min(
            IDLE_HOP_FRAMES,
            self._segmenter.frames_to_boundary or IDLE_HOP_FRAMES,
            self._segmenter.frames_to_break or IDLE_HOP_FRAMES,
        )
        if self._segmenter.frames_to_boundary is None or not self._utterances:
            return hop
        has_shown = self._utterances[-1].shown_end is not None
        due = self._partials.due_at(self._heard, has_shown=has_shown)
        if due is None:
            return hop
        to_partial = due - self._heard
        return min(hop, -(-to_partial // FRAME_SAMPLES) if to_partial > 0 else BUSY_HOP_FRAMES)

    def _next_turns(self) -> TurnRequest | None:
        window = self._segmenter.awaited_window
        if window is None or self._turn_request is not None:
            return None
        samples = self._buffer.read(window.start, min(window.end, self._buffer.end))
        self._turn_request = TurnRequest(utterance=self._utterances[-1].number, samples=samples)
        return self._turn_request

    def _next_embedding(self) -> EmbeddingRequest | None:
        if self._voice_request is not None or not self._rules.has_speakers:
            return None
        waiting = next((u for u in self._utterances if u.needs_embedding), None)
        if waiting is None:
            return None
        start = waiting.speech_start
        samples = self._buffer.read(start, start + waiting.voice_samples)
        request = EmbeddingRequest(utterance=waiting.number, samples=samples)
        waiting.voice_request = self._voice_request = request
        waiting.voice = None
        return request

    def _next_final_decode(self) -> DecodeRequest | None:
        if self._decode_request is not None:
            return None
        waiting = next((u for u in self._utterances if u.needs_decode), None)
        if waiting is None:
            return None
        assert waiting.end is not None
        lead_in = LeadIn(waiting.start, ())
        if not waiting.is_decoded_alone:
            lead_in = self._transcript.context.lead_in(waiting.start, waiting.end)
        waiting.final_request = self._decode_request = DecodeRequest(
            utterance=waiting.number,
            samples=self._buffer.read(lead_in.start, waiting.end),
            end_sample=waiting.end,
            is_required=True,
            wants_times=self._rules.traits.gives_times,
            width=self._rules.final_width,
            prefix=lead_in.prefix,
        )
        return self._decode_request

    def _next_partial_decode(self) -> DecodeRequest | None:
        if self._decode_request is not None or not self._segmenter.is_speaking:
            return None
        if len(self._utterances) != 1:
            return None
        has_shown = self._utterances[-1].shown_end is not None
        return self._partials.next_request(self._heard, has_shown=has_shown)

    # Answers.

    def _receive_vad(self, request: VadRequest, result: VadResult) -> None:
        assert request is self._vad_request, "answers come in the order of the requests"
        self._vad_request = None
        self._vad_state = result.state
        assert len(result.probabilities) * FRAME_SAMPLES == len(request.frames)
        for probability in result.probabilities:
            self._segmenter.receive_frame(probability)
        self._hear()

    def _receive_turns(self, request: TurnRequest, result: TurnResult) -> None:
        assert request is self._turn_request, "answers come in the order of the requests"
        self._turn_request = None
        self._segmenter.receive_turns(result)
        self._hear()

    def _receive_embedding(self, request: EmbeddingRequest, result: EmbeddingResult) -> None:
        assert request is self._voice_request, "answers come in the order of the requests"
        self._voice_request = None
        utterance = self._find(request.utterance)
        if utterance is not None and utterance.voice_request is request:
            utterance.voice = result.vector
        self._put_out_finals()

    def _receive_final_decode(self, request: DecodeRequest, result: DecodeResult) -> None:
        assert request is self._decode_request, "answers come in the order of the requests"
        assert result.hypothesis is not None, "a required request cannot be dropped"
        self._decode_request = None
        utterance = self._find(request.utterance)
        assert utterance is not None
        if utterance.final_request is request:  # else its audio has changed since
            found = result.hypothesis
            # Text that goes before can make a decode lose its thread, or say that nothing follows.
            if request.prefix and not (found.text and found.is_complete):
                utterance.decode_alone()
            else:
                utterance.hypothesis = result.hypothesis
        if not utterance.has_ended:
            self._partials.receive_pause(request, result.hypothesis)
            self._show_partial(utterance, request, result.hypothesis)
        self._accept_if_complete(utterance)

    def _receive_partial_decode(self, request: DecodeRequest, result: DecodeResult) -> None:
        utterance = self._find(request.utterance)
        hypothesis = self._partials.receive_result(request, result)
        if utterance is None or utterance.has_ended or hypothesis is None:
            return
        if utterance.final_request is None:  # else a later decode is on its way
            self._show_partial(utterance, request, hypothesis)

    # Utterances.

    def _apply(self, boundary: Boundary | SpeakerChanged) -> None:
        if isinstance(boundary, SpeakerChanged):
            self._change_speaker(boundary)
            return
        position = boundary.frame * FRAME_SAMPLES
        match boundary:
            case UtteranceStarted():
                start = max(
                    position - self._rules.calibration.pad_before_samples, self._heard_floor
                )
                self._open_utterance(start, position)
            case UtterancePaused():
                self._settle(position)
            case UtteranceResumed():
                self._utterances[-1].resume()
            case UtteranceEnded():
                if self._utterances[-1].speech_end != position:  # else it has paused there
                    self._settle(position)
                self._end_utterance()
            case UtteranceCut():
                self._settle(position, pad_after_samples=0)
                self._end_utterance()
                self._open_utterance(position, position)
            case _:
                assert_never(boundary)

    def _change_speaker(self, change: SpeakerChanged) -> None:
        """Share out the pause between the two, if there is one."""
        pause = change.start - change.end
        self._settle(change.end, pad_after_samples=min(pause // 2, self._rules.pad_after_samples))
        self._end_utterance()
        start = max(change.start - self._rules.calibration.pad_before_samples, self._heard_floor)
        self._open_utterance(start, change.start)

    def _open_utterance(self, start: int, speech_start: int) -> None:
        showing = self._rules.calibration.showing
        self._utterances.append(Utterance(self._next_number, start, speech_start, showing=showing))
        self._partials.begin(self._next_number, start, speech_start)
        self._next_number += 1

    def _settle(self, speech_end: int, *, pad_after_samples: int | None = None) -> None:
        pad = self._rules.pad_after_samples if pad_after_samples is None else pad_after_samples
        self._utterances[-1].settle(
            min(speech_end, self._heard), min(speech_end + pad, self._heard)
        )

    def _end_utterance(self) -> None:
        utterance = self._utterances[-1]
        assert utterance.end is not None
        utterance.decided_at = self._heard
        self._heard_floor = utterance.end
        self._accept_if_complete(utterance)

    def _accept_if_complete(self, utterance: Utterance) -> None:
        if utterance.has_ended and utterance.hypothesis is not None:
            self._transcript.accept(utterance, self._segmenter.track)
        self._put_out_finals()

    def _put_out_finals(self) -> None:
        while self._utterances:
            first = self._utterances[0]
            if self._rules.has_speakers:
                self._transcript.judge_voice(first)
            if not first.is_accepted or (self._rules.has_speakers and first.needs_voice):
                return
            self._utterances.popleft()
            final = self._transcript.final(first, self._segmenter.track)
            if final is not None:
                self._events.append(final)
        self._discard_audio()

    def _show_partial(
        self, utterance: Utterance, request: DecodeRequest, hypothesis: Hypothesis
    ) -> None:
        if self._rules.partial_interval_samples is None or utterance is not self._utterances[0]:
            return
        partial = self._transcript.partial(utterance, request, hypothesis, self._segmenter.track)
        if partial is not None:
            self._events.append(partial)

    def _find(self, number: int) -> Utterance | None:
        return next((u for u in self._utterances if u.number == number), None)

    # The stream.

    def _hear(self) -> None:
        """Apply every boundary that is decided by what has been measured and answered."""
        while (boundary := self._segmenter.next_boundary()) is not None:
            self._heard = min(self._segmenter.heard_frames * FRAME_SAMPLES, self._buffer.end)
            self._apply(boundary)
        self._heard = min(self._segmenter.heard_frames * FRAME_SAMPLES, self._buffer.end)
        if self._segmenter.is_speaking:
            self._utterances[-1].speech_heard = self._heard
        is_over = self._has_end and self._heard >= self._buffer.end and self._segmenter.is_idle
        if is_over and not self._end_heard:
            self._end_heard = True
            self._segmenter.receive_end()
            self._hear()
        self._discard_audio()

    def _discard_audio(self) -> None:
        """Keep what the oldest waiting utterance needs, with its context, or a next one might."""
        if not self._utterances:
            lead = (
                self._rules.endpoint.min_speech * FRAME_SAMPLES
                + self._rules.calibration.pad_before_samples
            )
            needed, end = max(self._heard - lead, self._heard_floor), self._heard
        else:
            oldest = self._utterances[0]
            # A pause is taken back, and a change of speaker found before it: only an end is final.
            needed, end = oldest.start, oldest.start
            if oldest.has_ended:
                assert oldest.end is not None
                end = oldest.end
        self._buffer.discard_before(min(needed, self._transcript.context.start(end)))
        self._segmenter.track.discard_before(needed)

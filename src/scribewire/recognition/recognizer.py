"""Turn one stream of samples into transcript events.

Theory of operation. Five things can be asked for; each required one at most once at a time, and
answered in its own order:

    VAD        the next hop of frames, always in order; see intake.py   required
    turns      who speaks in the open utterance; see turns.py           required
    final      the oldest utterance that has paused or ended            required
    embedding  whose voice the same utterance is; see voice.py          required
    partial    the open utterance so far; see *_partials.py             optional

Speech probabilities become boundaries, which open, settle and close utterances. When an utterance
pauses, the audio of its final is complete, so it is decoded while the rest of the silence is
waited for; if speech resumes, that decode was one more partial. Everything that shapes a final is
asked for at fixed positions of the stream, so neither the chunks in which the audio came nor the
time that answers took can change it. Partials never feed a decision. While it is asked who speaks,
no further frame is judged: where the speaker changes the utterance is split.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from scribewire.events import Final, SpeechStarted
from scribewire.recognition.checkpoint import BEGINNING, Checkpoint
from scribewire.recognition.context import LeadIn
from scribewire.recognition.intake import Intake
from scribewire.recognition.question import Question
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
    PartialAnswer,
    PartialRequest,
    Request,
    Result,
    StreamRequest,
    StreamResult,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.recognition.stream_partials import StreamPartials
from scribewire.recognition.transcript import Transcript
from scribewire.recognition.utterances import Followed, Utterances
from scribewire.recognition.voice import VoiceState
from scribewire.recognition.window_partials import WindowPartials

if TYPE_CHECKING:
    from scribewire.events import TranscriptEvent
    from scribewire.recognition.partials import PartialStrategy
    from scribewire.recognition.rules import RecognizerRules
    from scribewire.recognition.spoken_language import SpokenLanguage
    from scribewire.recognition.utterance import Utterance
    from scribewire.types import Samples


class Recognizer:
    """Turn one stream of samples into transcript events, without I/O, threads or clocks.

    Inference counts as I/O: it is asked for and told of. After every `receive_*` call, run
    `next_request` until it returns None, and take what `next_event` offers.
    """

    def __init__(self, rules: RecognizerRules, checkpoint: Checkpoint = BEGINNING) -> None:
        self._rules = rules
        self._intake = Intake(rules, checkpoint)
        self._transcript = Transcript(rules, checkpoint.transcript)
        self._partials = _partials_for(rules, self._intake, self._transcript.spoken)
        self._final_asked = Question[DecodeRequest]()
        self._voice_asked = Question[EmbeddingRequest]()
        self._utterances = Utterances(rules, checkpoint.utterances)
        self._events: deque[TranscriptEvent] = deque()
        if (goes_on := self._utterances.open) is not None:
            self._partials.begin(goes_on.number, goes_on.start, goes_on.speech_start)

    @property
    def lag_samples(self) -> int:
        """Audio received after the first utterance that waits for its final, or not yet judged."""
        waiting = self._utterances.first
        if waiting is None or not waiting.has_ended or waiting.final.is_accepted:
            return self._intake.unjudged_samples
        assert waiting.end is not None
        return max(self._intake.buffer.end - waiting.end, 0)

    @property
    def received_samples(self) -> int:
        """Where in the stream the audio ends that was received."""
        return self._intake.buffer.end

    @property
    def judged_samples(self) -> int:
        """Audio of which is decided what is speech."""
        return self._intake.judged

    @property
    def settled_samples(self) -> int:
        """Audio that no utterance will need whose final has not been put out."""
        return min(self._utterances.needed_from(self._intake.judged), self._intake.judged)

    @property
    def needed_from(self) -> int:
        """Where the audio begins that is held, and has to be given again at a checkpoint."""
        return self._intake.buffer.start

    @property
    def buffered_samples(self) -> int:
        """Audio held in memory."""
        return self._intake.buffer.end - self._intake.buffer.start

    @property
    def rejected_hypotheses(self) -> int:
        """How many utterances have no text because it was taken for a guess at noise."""
        return self._transcript.rejected

    @property
    def is_finished(self) -> bool:
        """Whether the stream is over and its last final has been put out."""
        return self._intake.is_finished and self._utterances.first is None

    def checkpoint(self) -> Checkpoint | None:
        """Return what another recognizer of these rules goes on from, to the same finals.

        None at a moment when nobody could: while a final is to be taken or waits for a voice, while
        it is asked who speaks, and at the very end. What was returned before holds good for the
        finals behind it.
        """
        segmenter, utterances = self._intake.state, self._utterances.state
        has_final = any(isinstance(event, Final) for event in self._events)
        if segmenter is None or utterances is None or has_final:
            return None
        return Checkpoint(
            begin=self.needed_from,
            vad_state=self._intake.vad_state,
            segmenter=segmenter,
            utterances=utterances,
            transcript=self._transcript.state,
        )

    # Input: audio and answers.

    def receive_audio(self, samples: Samples) -> None:
        """Add audio, any number of samples."""
        self._intake.receive_audio(samples)

    def receive_break(self) -> None:
        """Say that what follows does not continue what came before: an open utterance ends."""
        self._intake.receive_break()
        self._follow_boundaries()

    def receive_end(self) -> None:
        """Say that the stream is over: what is buffered is decoded into finals."""
        self._intake.receive_end()
        self._follow_boundaries()

    def trim(self) -> None:
        """Take no more memory than it needs while no audio comes."""
        self._intake.buffer.trim()

    def receive_result(self, request: Request, result: Result) -> None:
        """Take the answer to a request that `next_request` gave."""
        match request, result:
            case VadRequest(), VadResult():
                self._intake.receive_vad(request, result)
                self._follow_boundaries()
            case TurnRequest(), TurnResult():
                self._intake.receive_turns(request, result)
                self._follow_boundaries()
            case EmbeddingRequest(), EmbeddingResult():
                self._receive_embedding(request, result)
            case DecodeRequest(is_required=True), DecodeResult():
                self._receive_final_decode(request, result)
            case DecodeRequest() | StreamRequest(), DecodeResult() | StreamResult():
                self._receive_partial(request, result)
            case _:
                raise AssertionError("the answer to another kind of request")

    # Output: requests and events.

    def next_request(self) -> Request | None:
        """Return what is to be run next, or None when nothing is; answers may come later."""
        if not self._intake.has_judged:
            return None
        request = self._next_vad()
        if request is not None or self._utterances.first is None:
            return request
        return (
            self._next_turns()
            or self._next_final_decode()
            or self._next_embedding()
            or self._next_partial()
        )

    def next_event(self) -> TranscriptEvent | None:
        """Return the next event, or None."""
        return self._events.popleft() if self._events else None

    # Requests.

    def _next_vad(self) -> VadRequest | None:
        if not self._intake.may_judge:
            return None
        due, open_one = None, self._utterances.open
        if open_one is not None:
            due = self._partials.due_at(self._intake.judged, has_shown=open_one.has_shown)
        return self._intake.next_vad_request(due)

    def _next_turns(self) -> TurnRequest | None:
        return self._intake.next_turn_request(self._utterances.last_number)

    def _next_final_decode(self) -> DecodeRequest | None:
        if self._final_asked.is_open:
            return None
        waiting = next((u for u in self._utterances if u.needs_decode), None)
        if waiting is None:
            return None
        assert waiting.end is not None
        lead_in = LeadIn(waiting.start, ())
        if not waiting.final.is_alone:
            lead_in = self._transcript.context.lead_in(waiting.start, waiting.end)
        speech = self._intake.track.voicing(waiting.start, waiting.end)
        choice = self._transcript.spoken.choice(speech.seconds)
        prompt: tuple[int, ...] = ()
        if not waiting.final.is_alone:
            prompt = self._transcript.said_before.prompt(choice.languages)
        request = DecodeRequest(
            utterance=waiting.number,
            samples=self._intake.buffer.read(lead_in.start, waiting.end),
            end_sample=waiting.end,
            is_required=True,
            wants_times=self._rules.traits.gives_times,
            width=self._rules.final_width,
            prefix=lead_in.prefix,
            prompt=prompt,
            languages=choice.languages,
            expected=choice.expected,
        )
        waiting.final.ask(request)
        return self._final_asked.ask(request)

    def _next_embedding(self) -> EmbeddingRequest | None:
        if self._voice_asked.is_open or not self._rules.has_speakers:
            return None
        for waiting in self._utterances:
            if waiting.voice.state is VoiceState.WANTED:
                start = waiting.speech_start
                samples = self._intake.buffer.read(start, start + waiting.voice.wanted_samples)
                request = EmbeddingRequest(utterance=waiting.number, samples=samples)
                waiting.voice.ask(request)
                return self._voice_asked.ask(request)
        return None

    def _next_partial(self) -> PartialRequest | None:
        if self._final_asked.is_open or not self._intake.is_speaking:
            return None
        first = self._utterances.first
        if first is None or first is not self._utterances.open:
            return None
        return self._partials.next_request(self._intake.judged, has_shown=first.has_shown)

    # Answers.

    def _receive_embedding(self, request: EmbeddingRequest, result: EmbeddingResult) -> None:
        self._voice_asked.close(request)
        utterance = self._utterances.find(request.utterance)
        if utterance is not None:
            utterance.voice.receive(request, result.vector)
        self._put_out_finals()

    def _receive_final_decode(self, request: DecodeRequest, result: DecodeResult) -> None:
        self._final_asked.close(request)
        found = result.hypothesis
        assert found is not None, "a required request cannot be dropped"
        utterance = self._utterances.find(request.utterance)
        assert utterance is not None
        utterance.final.receive(request, found)
        if not utterance.has_ended:
            self._partials.receive_pause(request, found)
            self._show_partial(utterance, found, request.end_sample, is_settled=True)
        self._accept_if_complete(utterance)

    def _receive_partial(self, request: PartialRequest, result: PartialAnswer) -> None:
        hypothesis = self._partials.receive_result(request, result)
        utterance = self._utterances.find(request.utterance)
        if utterance is None or utterance.has_ended or hypothesis is None:
            return
        if utterance.final.request is None:  # else a later decode is on its way
            self._show_partial(utterance, hypothesis, request.end_sample, is_settled=False)

    # Utterances.

    def _follow_boundaries(self) -> None:
        """Follow every boundary that is decided by what has been measured and answered."""
        may_follow = True
        while may_follow:
            while (boundary := self._intake.next_boundary()) is not None:
                self._apply(self._utterances.follow(boundary, self._intake.judged))
            open_one = self._utterances.open
            if self._intake.is_speaking and open_one is not None:
                open_one.grow(self._intake.judged)
            may_follow = self._intake.close_if_over()
        self._discard_audio()

    def _apply(self, followed: Followed) -> None:
        if followed.ended is not None:
            self._accept_if_complete(followed.ended)
        opened = followed.opened
        if opened is not None:
            number, start = opened.number, opened.speech_start
            self._partials.begin(number, opened.start, start)
            self._events.append(SpeechStarted(utterance=number, start_sample=start))

    def _accept_if_complete(self, utterance: Utterance) -> None:
        if utterance.has_ended and utterance.final.hypothesis is not None:
            self._transcript.accept(utterance, self._intake.track)
        self._put_out_finals()

    def _put_out_finals(self) -> None:
        while (first := self._utterances.first) is not None:
            if self._rules.has_speakers:
                self._transcript.judge_voice(first)
            is_voice_awaited = self._rules.has_speakers and first.voice.is_awaited
            if not first.final.is_accepted or is_voice_awaited:
                return
            self._utterances.drop_first()
            final = self._transcript.final(first, self._intake.track)
            if final is not None:
                self._events.append(final)
        self._discard_audio()

    def _show_partial(
        self, utterance: Utterance, found: Hypothesis, end_sample: int, *, is_settled: bool
    ) -> None:
        if self._rules.partial_interval_samples is None or utterance is not self._utterances.first:
            return
        partial = self._transcript.partial(
            utterance, found, end_sample, track=self._intake.track, is_settled=is_settled
        )
        if partial is not None:
            self._events.append(partial)

    def _discard_audio(self) -> None:
        """Keep what the waiting utterances need, with its context, or a next one might."""
        judged = self._intake.judged
        needed = self._utterances.needed_from(judged)
        context_start = self._transcript.context.start(self._utterances.next_end(judged))
        self._intake.discard_before(audio=min(needed, context_start), speech=needed)


def _partials_for(
    rules: RecognizerRules, intake: Intake, spoken: SpokenLanguage
) -> PartialStrategy:
    if rules.traits.is_streaming:
        return StreamPartials(rules, intake.buffer)
    return WindowPartials(rules, intake.buffer, intake.track, spoken)

"""What is said of the utterances of one stream: which partials, and which final.

Everything here depends on what the engines answered, in the order of the stream, and on nothing
else; partials change nothing that a final depends on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.events import Final, Partial
from scribewire.recognition.checkpoint import BEGINNING, TranscriptState
from scribewire.recognition.context import Context, SaidBefore
from scribewire.recognition.judge import is_speech
from scribewire.recognition.loops import without_loop
from scribewire.recognition.requests import Hypothesis
from scribewire.recognition.speakers import SpeakerTracker
from scribewire.recognition.spoken_language import SpokenLanguage
from scribewire.recognition.stabilizer import DecodedWord
from scribewire.recognition.words import place_words, spell_words
from scribewire.types import Span

if TYPE_CHECKING:
    from scribewire.recognition.rules import RecognizerRules
    from scribewire.recognition.speech_track import SpeechTrack
    from scribewire.recognition.utterance import Utterance
    from scribewire.types import Word


class Transcript:
    """Remembers what earlier finals tell about later ones: their text and their voices."""

    def __init__(
        self, rules: RecognizerRules, state: TranscriptState = BEGINNING.transcript
    ) -> None:
        self.context = Context(rules.context_samples, state.pieces)
        self.said_before = SaidBefore(rules.prompt_tokens, state.said, state.said_in)
        self.spoken = SpokenLanguage(rules.languages, state.spoken, is_sure=state.is_sure)
        self._tracker = SpeakerTracker(known=state.speakers)
        self._calibration = rules.calibration
        self._judge_stability = rules.judge_stability
        # Hypotheses that would have been finals, and were not believed.
        self.rejected = state.rejected

    @property
    def state(self) -> TranscriptState:
        """What another one goes on from."""
        return TranscriptState(
            pieces=self.context.pieces,
            said=self.said_before.tokens,
            said_in=self.said_before.language,
            spoken=self.spoken.spoken,
            is_sure=self.spoken.is_sure,
            speakers=self._tracker.known,
            rejected=self.rejected,
        )

    def partial(
        self,
        utterance: Utterance,
        hypothesis: Hypothesis,
        end_sample: int,
        *,
        track: SpeechTrack,
        is_settled: bool,
    ) -> Partial | None:
        """Return what to show of a hypothesis of the open utterance up to a sample, if anything.

        `is_settled` says that it was decoded in a pause, as a final is.
        """
        latest = utterance.shown_end
        if latest is not None and end_sample < latest:
            return None  # an older decode that took longer
        hypothesis = without_loop(hypothesis, self._calibration.loops)
        if not self._is_speech(track, utterance.start, end_sample, hypothesis):
            return None
        shown = utterance.show(decoded_words(hypothesis), end_sample, is_settled=is_settled)
        if shown is None:
            return None
        return Partial(
            utterance=utterance.number,
            text=shown.text,
            start_sample=utterance.speech_start,
            end_sample=end_sample,
            stability=self._judge_stability(shown),
        )

    def judge_voice(self, utterance: Utterance) -> None:
        """Decide whether more must be embedded of the next final's voice, as soon as it can be.

        It is the turn of this utterance, so every voice before it is known: how much of it
        is embedded does not depend on when answers came.
        """
        voice = utterance.voice
        if not voice.decides(has_ended=utterance.has_ended):
            return
        assert voice.vector is not None
        if not self._tracker.is_clear(voice.vector, voice.asked_samples):
            voice.doubt()

    def accept(self, utterance: Utterance, track: SpeechTrack) -> None:
        """Settle what the final of an ended utterance says, as soon as its hypothesis is there.

        The next final is decoded with it as context, so this does not wait for voices.
        """
        found = utterance.final.hypothesis
        assert found is not None
        assert utterance.end is not None
        hypothesis = without_loop(found, self._calibration.loops)
        voicing = track.voicing(utterance.start, utterance.end)
        if is_speech(voicing, hypothesis, self._calibration.judge):
            self.spoken.hear(hypothesis.language, voicing.seconds)
        else:
            self.rejected += bool(found.text)
            hypothesis = Hypothesis("", ())
        # What lost its thread would lead the next one astray too.
        is_sound = found.is_complete and hypothesis is found
        known = found.tokens if is_sound else ()
        ids = tuple(token.id for token in known)
        self.context.remember(utterance.start, ids)
        self.said_before.remember(ids, found.language or self.spoken.locked)
        utterance.accept(hypothesis)

    def final(self, utterance: Utterance, track: SpeechTrack) -> Final | None:
        """Return the final of an utterance that has all its answers; None if it says nothing."""
        hypothesis = utterance.final.hypothesis
        assert hypothesis is not None
        assert utterance.end is not None
        assert utterance.decided_at is not None
        if not hypothesis.text and not utterance.has_shown:
            return None
        return Final(
            utterance=utterance.number,
            text=hypothesis.text,
            start_sample=utterance.speech_start,
            end_sample=utterance.end,
            decided_sample=utterance.decided_at,
            words=self._words(utterance, hypothesis, track),
            speaker=self._speaker(utterance) if hypothesis.text else None,
            language=hypothesis.language if hypothesis.text else None,
        )

    def _is_speech(self, track: SpeechTrack, start: int, end: int, hypothesis: Hypothesis) -> bool:
        return is_speech(track.voicing(start, end), hypothesis, self._calibration.judge)

    def _words(
        self, utterance: Utterance, hypothesis: Hypothesis, track: SpeechTrack
    ) -> tuple[Word, ...] | None:
        request = utterance.final.request
        assert request is not None
        if any(token.start is None for token in hypothesis.tokens):
            return None
        return place_words(
            hypothesis,
            window=Span(request.end_sample - len(request.samples), request.end_sample),
            speech=track.between(utterance.start, request.end_sample),
            curve=self._calibration.confidence,
        )

    def _speaker(self, utterance: Utterance) -> int | None:
        voice = utterance.voice
        if voice.vector is None:
            return None
        return self._tracker.identify(voice.vector, voice.asked_samples)


def decoded_words(hypothesis: Hypothesis) -> tuple[DecodedWord, ...]:
    """Return the words of a hypothesis with the engine's own probabilities."""
    return tuple(DecodedWord(word.text, word.probability) for word in spell_words(hypothesis))

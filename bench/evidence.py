"""Play audio through the recognizer with the real engines, and keep why each result was given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from scribewire.engines.engines import Engines
from scribewire.events import Final, TranscriptEvent
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    Hypothesis,
    VadResult,
)
from scribewire.recognition.rules import RecognizerRules
from scribewire.testing.scripted import results_of
from scribewire.types import SAMPLE_RATE, Span

if TYPE_CHECKING:
    from scribewire.types import Samples

Numbers: TypeAlias = npt.NDArray[np.floating]

SPEECH_PROBABILITY = 0.5  # the endpointer's own threshold
SURE_PROBABILITY = 0.9
CHUNK_SAMPLES = SAMPLE_RATE // 10  # so that partials come as often as they do live


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One utterance as it was decoded, and how much there is to say that somebody spoke."""

    text: str
    is_given: bool
    """Whether a result of this utterance, even a partial, went to the client."""
    is_final: bool
    """Whether its final has text."""
    start_s: float
    end_s: float
    speech_s: float
    """Length of the frames that are speech."""
    vad_mean: float
    """Over the frames from the first to the last that are speech, without long pauses."""
    vad_median: float
    """Of the frames that are speech."""
    sure_s: float
    """Length of the frames of `SURE_PROBABILITY`."""
    vad_max: float
    level_db: float
    """Root mean square of the frames that are speech, below full scale."""
    floor_db: float
    """A tenth of all frames of the stream so far is quieter than this."""
    logprob_mean: float
    """Natural logarithm, over the tokens; 0 without tokens."""
    logprob_min: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Heard:
    """All that one stream gave."""

    utterances: tuple[Evidence, ...]
    """Those that were decoded for a final, even to nothing."""
    vad_max: float
    """The highest probability of any frame."""
    words: int
    """In all results that went to the client, partials too."""


def hear(samples: Samples, rules: RecognizerRules, engines: Engines) -> Heard:
    """Recognize a whole stream."""
    listening = _Listening(Recognizer(rules), engines)
    for start in range(0, samples.size, CHUNK_SAMPLES):
        listening.recognizer.receive_audio(samples[start : start + CHUNK_SAMPLES])
        listening.answer_all()
    listening.recognizer.receive_end()
    listening.answer_all()
    given = {event.utterance for event in results_of(listening.events) if event.text}
    finals = {e.utterance for e in listening.events if isinstance(e, Final) and e.text}
    probabilities, levels = np.array(listening.probabilities), frame_levels_db(samples)
    return Heard(
        utterances=tuple(
            replace(
                _weigh(span, hypothesis, probabilities, levels),
                is_given=number in given,
                is_final=number in finals,
            )
            for number, span, hypothesis in listening.own_spans()
        ),
        vad_max=float(probabilities.max(initial=0.0)),
        words=sum(len(event.text.split()) for event in results_of(listening.events)),
    )


def frame_levels_db(samples: Samples) -> Numbers:
    """Return the level of each frame below full scale; the last may be padded with silence."""
    padded = np.pad(samples, (0, -samples.size % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
    levels: Numbers = 10 * np.log10(np.mean(np.square(padded), axis=1) + 1e-10)
    return levels


@dataclass(slots=True)
class _Listening:
    recognizer: Recognizer
    engines: Engines
    events: list[TranscriptEvent] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    decodes: dict[int, tuple[DecodeRequest, Hypothesis]] = field(default_factory=dict)

    def answer_all(self) -> None:
        while (request := self.recognizer.next_request()) is not None:
            result = self.engines.answer(request, self.engines.speech[0])
            self.recognizer.receive_result(request, result)
            match request, result:
                case _, VadResult(probabilities=probabilities):
                    self.probabilities += probabilities
                case DecodeRequest(is_required=True), DecodeResult(hypothesis=Hypothesis() as text):
                    self.decodes[request.utterance] = (request, text)  # the last one counts
        while (event := self.recognizer.next_event()) is not None:
            self.events.append(event)

    def own_spans(self) -> Iterator[tuple[int, Span, Hypothesis]]:
        """Return what was decoded for each final, without the context heard before it."""
        previous_end = 0
        for number, (request, hypothesis) in sorted(self.decodes.items()):
            start = max(request.end_sample - request.samples.size, previous_end)
            yield number, Span(start, request.end_sample), hypothesis
            previous_end = request.end_sample


def _weigh(span: Span, hypothesis: Hypothesis, probabilities: Numbers, levels: Numbers) -> Evidence:
    first, last = -(-span.start // FRAME_SAMPLES), span.end // FRAME_SAMPLES
    probability = probabilities[first:last]
    # what follows a cut may hold no such frame: then the likeliest one stands for them
    speech = np.flatnonzero(probability >= min(SPEECH_PROBABILITY, probability.max()))
    logprobs = [token.logprob for token in hypothesis.tokens] or [0.0]
    return Evidence(
        text=hypothesis.text,
        is_given=False,
        is_final=False,
        start_s=first * FRAME_SAMPLES / SAMPLE_RATE,
        end_s=span.end / SAMPLE_RATE,
        speech_s=speech.size * FRAME_SAMPLES / SAMPLE_RATE,
        vad_mean=float(np.mean(probability[speech[0] : speech[-1] + 1])),
        vad_median=float(np.median(probability[speech])),
        sure_s=int(np.sum(probability > SURE_PROBABILITY)) * FRAME_SAMPLES / SAMPLE_RATE,
        vad_max=float(np.max(probability)),
        level_db=float(10 * np.log10(np.mean(10 ** (levels[first:last][speech] / 10)))),
        floor_db=float(np.quantile(levels[:last], 0.1)),
        logprob_mean=float(np.mean(logprobs)),
        logprob_min=min(logprobs),
        tokens=len(hypothesis.tokens),
    )

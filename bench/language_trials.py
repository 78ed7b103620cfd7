"""Speech of several languages, and which of them was found in it.

A sample is a clip with at least 3 s of speech, of which the first 30 s count; clips with less are
joined with others of the same speaker until they have as much, each used once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from bench.manifest import Clip, read_pcm
from bench.own_rules import own_rules
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import FRAME_SAMPLES, DecodeRequest, VadRequest
from scribewire.testing.scripted import recognize
from scribewire.types import SAMPLE_RATE, Mode
from scribewire.wishes import AUTO

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine, VadEngine
    from scribewire.types import Samples

LANGUAGES = ("en", "de", "fr", "nl")
LEAST_SPEECH_S = 3.0
LONGEST_SAMPLES = 30 * SAMPLE_RATE
JOIN_SAMPLES = 3 * SAMPLE_RATE // 10  # of silence: no utterance ends in it
PAUSE_SAMPLES = 2 * SAMPLE_RATE  # in which one ends in either mode
SPEECH_PROBABILITY = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """Speech in one language."""

    name: str
    language: str
    samples: Samples = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was found in one sample; None where the engine did not tell."""

    name: str
    language: str
    seconds: float
    of_four_3s: str | None
    """One of the four, after 3 s of speech."""
    of_four: str | None
    """One of the four, in all of it."""
    of_any_3s: str | None
    """One of all that the model knows, after 3 s of speech."""
    of_any: str | None
    """The same in all of it."""
    finals: tuple[str | None, ...]
    """What each final of a session of `auto` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What finals claimed."""

    right: int = 0
    wrong: int = 0
    silent: int = 0
    """No language: nobody checked, or the check found something else."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            right=self.right + other.right,
            wrong=self.wrong + other.wrong,
            silent=self.silent + other.silent,
        )


def make_samples(clips: Iterable[Clip], vad: VadEngine) -> Iterator[Sample]:
    """Give the samples of all clips with speech that are not made from others."""
    short: dict[tuple[str, str], list[Sample]] = {}
    for clip in clips:
        if clip.language not in LANGUAGES or clip.is_derived or clip.is_no_speech:
            continue
        samples = decode_pcm(read_pcm(clip.path), WIRE_PCM)[:LONGEST_SAMPLES]
        sample = Sample(clip.id, clip.language, samples)
        if speech_end(samples, vad) is not None:
            yield sample
            continue
        waiting = short.setdefault((clip.language, clip.speaker or clip.id), [])
        waiting.append(sample)
        joined = join(waiting)
        if speech_end(joined.samples, vad) is not None:
            waiting.clear()
            yield joined


def join(samples: Sequence[Sample]) -> Sample:
    """Return several as one, with a short pause between them."""
    silence = np.zeros(JOIN_SAMPLES, np.float32)
    parts = [part for one in samples for part in (silence, one.samples)][1:]
    return Sample(
        " + ".join(one.name for one in samples), samples[0].language, np.concatenate(parts)
    )


def speech_end(samples: Samples, vad: VadEngine) -> int | None:
    """Return where 3 s of speech have been heard; None where there is not as much."""
    frames = samples[: samples.size - samples.size % FRAME_SAMPLES]
    if not frames.size:
        return None
    probabilities = np.array(vad.measure(VadRequest(frames, None)).probabilities)
    heard_s = np.cumsum(probabilities >= SPEECH_PROBABILITY) * FRAME_SAMPLES / SAMPLE_RATE
    if heard_s[-1] < LEAST_SPEECH_S:
        return None
    return int(np.searchsorted(heard_s, LEAST_SPEECH_S) + 1) * FRAME_SAMPLES


def try_sample(sample: Sample, engines: Engines) -> Trial:
    """Find the language of a sample in every way."""
    engine = engines.speech[0]
    end = speech_end(sample.samples, engines.vad)
    assert end is not None, "it would be no sample"
    beginning = sample.samples[:end]
    return Trial(
        name=sample.name,
        language=sample.language,
        seconds=sample.samples.size / SAMPLE_RATE,
        of_four_3s=find_restricted(engine, beginning),
        of_four=find_restricted(engine, sample.samples),
        of_any_3s=find_any(engine, beginning),
        of_any=find_any(engine, sample.samples),
        finals=claims_of(hear(sample.samples, engines, AUTO)),
    )


def find_restricted(engine: SpeechEngine, samples: Samples) -> str | None:
    """Return which of the four is heard."""
    request = DecodeRequest(
        utterance=0,
        samples=samples,
        end_sample=samples.size,
        is_required=True,
        languages=LANGUAGES,
    )
    hypothesis = engine.decode(request).hypothesis
    assert hypothesis is not None, "a required request is never dropped"
    return hypothesis.language


def find_any(engine: SpeechEngine, samples: Samples) -> str | None:
    """Return which of all languages of the model is heard; None where the engine cannot say."""
    tell = getattr(engine, "language_probabilities", None)  # beyond what every engine must offer
    if tell is None:
        return None
    probabilities: Mapping[str, float] = tell(samples)
    return max(probabilities, key=probabilities.__getitem__)


def hear(
    samples: Samples, engines: Engines, language: str, *, mode: Mode = "fast"
) -> tuple[Final, ...]:
    """Return the finals with text of a session that is told a language, or `auto`."""
    rules = own_rules(engines.speech[0], mode=mode, partials=False, language=language)
    events = recognize(Recognizer(rules), [samples], engines.vad, engines.speech[0])
    return tuple(event for event in events if isinstance(event, Final) and event.text)


def try_mixed(first: Sample, second: Sample, engines: Engines) -> tuple[Tally, Tally]:
    """Let two languages follow each other; return what finals of the first and second claim."""
    pause = np.zeros(PAUSE_SAMPLES, np.float32)
    finals = hear(np.concatenate([first.samples, pause, second.samples]), engines, AUTO)
    turn = first.samples.size + PAUSE_SAMPLES // 2
    before = [final for final in finals if final.start_sample < turn]
    after = [final for final in finals if final.start_sample >= turn]
    return tally(claims_of(before), first.language), tally(claims_of(after), second.language)


def claims_of(finals: Iterable[Final]) -> tuple[str | None, ...]:
    """Return what each says its language is."""
    return tuple(final.language for final in finals)


def tally(said: Sequence[str | None], language: str) -> Tally:
    """Count what finals claim of speech in a language."""
    right, silent = said.count(language), said.count(None)
    return Tally(right=right, wrong=len(said) - right - silent, silent=silent)


def pair_up(samples: Sequence[Sample], count: int) -> Iterator[tuple[Sample, Sample]]:
    """Give so many pairs for each two languages in each order, of other samples where it can."""
    by_language = {
        language: [one for one in samples if one.language == language] for language in LANGUAGES
    }
    for first, second in permutations(LANGUAGES, 2):
        ones, others = by_language[first], by_language[second]
        for number in range(count if ones and others else 0):
            yield ones[number % len(ones)], others[number % len(others)]

"""The recognizer on the real engines and real speech."""

from __future__ import annotations

import itertools
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import jiwer
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whisper_normalizer.english import EnglishTextNormalizer

from scribewire.audio.local_decoder import read_audio
from scribewire.engines.engines import Engines
from scribewire.events import Final, Partial, TranscriptEvent
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import DecodeRequest, DecodeResult
from scribewire.recognition.rules import rules_for
from scribewire.runtime.stream import Stream
from scribewire.runtime.threads import schedule_on_threads
from scribewire.testing.scripted import recognize, results_of
from scribewire.types import SAMPLE_RATE
from scribewire.wishes import Wishes, WishFields

if TYPE_CHECKING:
    from scribewire.types import Samples

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."


@pytest.fixture(scope="module")
def beckett() -> Samples:
    return read_asset("beckett.wav")


@pytest.fixture(scope="module")
def alone(engines: Engines, beckett: Samples) -> list[Final]:
    """What one stream alone says, all of it at once."""
    return finals(recognize(recognizer_for(engines), [beckett], engines.vad, engines.speech[0]))


def read_asset(name: str) -> Samples:
    path = Path(str(distribution("moonshine-voice").locate_file("moonshine_voice/assets")))
    return np.concatenate(list(read_audio(path / name)))


def finals(events: list[TranscriptEvent]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def recognizer_for(engines: Engines, **wishes: Unpack[WishFields]) -> Recognizer:
    wishes.setdefault("speakers", False)
    speech = engines.speech[0]
    rules = rules_for(Wishes(**wishes), speech.traits, speech.calibration, max_utterance_ms=15_000)
    return Recognizer(rules)


def in_chunks(samples: Samples, size: int) -> list[Samples]:
    return [samples[at : at + size] for at in range(0, len(samples), size)]


@pytest.mark.slow
def test_real_speech_becomes_text_with_partials_on_the_way(
    engines: Engines, beckett: Samples
) -> None:
    events = recognize(
        recognizer_for(engines), in_chunks(beckett, 1600), engines.vad, engines.speech[0]
    )

    normalize = EnglishTextNormalizer()
    text = " ".join(final.text for final in finals(events))
    assert jiwer.wer(normalize(BECKETT), normalize(text)) <= 0.2
    assert len([e for e in events if isinstance(e, Partial)]) >= 6
    ends = [final.end_sample for final in finals(events)]
    assert ends == sorted(ends)
    assert ends[-1] <= len(beckett)


@pytest.mark.slow
def test_two_voices_get_two_numbers_and_the_chunks_do_not_matter(engines: Engines) -> None:
    samples = read_asset("endgame_nagg_nell.wav")[5 * SAMPLE_RATE : 24 * SAMPLE_RATE]
    whole, cut = (
        finals(
            recognize(
                recognizer_for(engines, partials=False, speakers=True),
                chunks,
                engines.vad,
                engines.speech[0],
                engines.voices,
            )
        )
        for chunks in ([samples], in_chunks(samples, 1601))
    )

    assert cut == whole
    told = {final.speaker for final in whole if len(final.text.split()) >= 4}
    assert told == {1, 2}


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cuts=st.lists(st.integers(1, 10 * SAMPLE_RATE), max_size=300), is_first_kept=st.booleans())
def test_neither_chunks_nor_dropped_partials_change_the_finals(
    engines: Engines, beckett: Samples, alone: list[Final], cuts: list[int], is_first_kept: bool
) -> None:
    recognizer = recognizer_for(engines)
    events: list[TranscriptEvent] = []
    drops = itertools.cycle([not is_first_kept, is_first_kept])
    for chunk in [*np.split(beckett, sorted(set(cuts))), None]:
        if chunk is None:
            recognizer.receive_end()
        else:
            recognizer.receive_audio(chunk)
        while (request := recognizer.next_request()) is not None:
            is_partial = isinstance(request, DecodeRequest) and not request.is_required
            if is_partial and next(drops):
                recognizer.receive_result(request, DecodeResult(None))
            else:
                recognizer.receive_result(request, engines.answer(request, engines.speech[0]))
        while (event := recognizer.next_event()) is not None:
            events.append(event)

    assert finals(events) == alone


@pytest.mark.slow
async def test_streams_side_by_side_on_the_scheduler_hear_what_one_alone_hears(
    engines: Engines, beckett: Samples, alone: list[Final]
) -> None:
    scheduler = schedule_on_threads(engines)
    streams = [Stream(recognizer_for(engines), scheduler, engines.speech[0]) for _ in range(3)]
    for chunk in in_chunks(beckett, 8000):
        for stream in streams:
            await stream.write(chunk)
    for stream in streams:
        stream.end()

    said = [finals([event async for event in stream.events()]) for stream in streams]

    await scheduler.aclose()
    assert said == [alone] * 3


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, 0.0005, 0.02])
def test_noise_and_silence_say_nothing(engines: Engines, level: float) -> None:
    noise = np.random.default_rng(7).normal(0, level, 10 * SAMPLE_RATE).astype(np.float32)

    events = recognize(
        recognizer_for(engines), in_chunks(noise, 4000), engines.vad, engines.speech[0]
    )

    assert results_of(events) == []

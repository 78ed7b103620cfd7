from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import FRAME_SAMPLES, DecodeRequest
from scribewire.recognition.traits import Traits
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedVad,
    draw_speech,
    recognize,
    scripted_rules,
)
from scribewire.types import SAMPLE_RATE
from scribewire.wishes import WishFields

TALK = "hello there " * 25 + "." * 50 + "again" + "." * 50


def requests_of(traits: Traits) -> list[DecodeRequest]:
    """Return what is asked of an engine with these traits, in `quality`."""
    rules = scripted_rules(mode="quality", traits=traits)
    engine = ScriptedEngine()
    chunks = [draw_speech(frame) for frame in TALK]
    recognize(Recognizer(rules), chunks, ScriptedVad(), engine)
    return engine.requests


@pytest.mark.parametrize(
    ("wishes", "languages"),
    [
        ({"language": "nl"}, ("nl",)),
        ({"language": "auto", "languages": ("en", "nl")}, ("en", "nl")),
        ({"language": "auto"}, ("de", "en", "nl")),
        ({}, ("de", "en", "nl")),
    ],
)
def test_those_languages_may_be_spoken_that_are_wished(
    wishes: WishFields, languages: tuple[str, ...]
) -> None:
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"de", "en", "nl"}))

    assert scripted_rules(traits=traits, **wishes).languages == languages


def test_quality_waits_longer_takes_more_and_searches_wider_than_fast() -> None:
    fast, quality = scripted_rules(mode="fast"), scripted_rules(mode="quality")

    assert quality.endpoint.end_silence > fast.endpoint.end_silence
    assert quality.context_samples > fast.context_samples
    assert quality.final_width > fast.final_width


@pytest.mark.parametrize("endpointing_ms", [100, 250, 700, 5000])
def test_endpointing_sets_the_silence_that_ends_an_utterance(endpointing_ms: int) -> None:
    rules = scripted_rules(endpointing_ms=endpointing_ms)

    assert rules.endpoint.end_silence * 32 - endpointing_ms in range(32)


@pytest.mark.parametrize("endpointing_ms", [100, 250, 700, 5000])
def test_a_final_never_takes_audio_beyond_the_silence_that_ends_it(endpointing_ms: int) -> None:
    rules = scripted_rules(mode="quality", endpointing_ms=endpointing_ms)

    assert rules.endpoint.settle_silence <= rules.endpoint.end_silence
    assert rules.pad_after_samples == rules.endpoint.settle_silence * FRAME_SAMPLES


def test_partials_can_be_switched_off() -> None:
    assert scripted_rules(partials=False).partial_interval_samples is None


def test_an_engine_that_can_do_all_is_asked_for_all() -> None:
    requests = requests_of(SCRIPTED_TRAITS)

    assert any(request.prefix for request in requests if request.is_required)
    assert any(request.prefix for request in requests if not request.is_required)
    assert any(request.draft for request in requests)
    assert {request.width for request in requests if request.is_required} == {4}
    assert {request.wants_times for request in requests if request.is_required} == {True}


def test_what_takes_no_context_decodes_everything_alone() -> None:
    requests = requests_of(replace(SCRIPTED_TRAITS, takes_context=False))

    assert any(request.draft for request in requests)
    assert not any(request.prefix for request in requests)


def test_what_takes_no_draft_gets_none() -> None:
    requests = requests_of(replace(SCRIPTED_TRAITS, takes_draft=False))

    assert any(request.prefix for request in requests)
    assert not any(request.draft for request in requests)


def test_nothing_wider_is_asked_for_than_an_engine_searches() -> None:
    assert {request.width for request in requests_of(replace(SCRIPTED_TRAITS, max_width=2))} == {
        1,
        2,
    }
    assert {request.width for request in requests_of(replace(SCRIPTED_TRAITS, max_width=1))} == {1}


def test_what_gives_no_times_is_not_asked_for_them() -> None:
    assert not any(
        request.wants_times for request in requests_of(replace(SCRIPTED_TRAITS, gives_times=False))
    )


@pytest.mark.parametrize("seconds", [3, 7])
def test_no_request_is_longer_than_what_an_engine_takes(seconds: int) -> None:
    requests = requests_of(replace(SCRIPTED_TRAITS, max_window_samples=seconds * SAMPLE_RATE))

    longest = max(len(request.samples) for request in requests)
    assert 0.7 * seconds * SAMPLE_RATE < longest <= seconds * SAMPLE_RATE


def test_no_partial_is_shorter_than_what_an_engine_needs() -> None:
    requests = requests_of(replace(SCRIPTED_TRAITS, min_window_samples=2 * SAMPLE_RATE))

    partials = [request for request in requests if not request.is_required]
    assert min(len(request.samples) for request in partials) >= 2 * SAMPLE_RATE

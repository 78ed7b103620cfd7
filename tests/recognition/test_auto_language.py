"""What a recognizer asks where one of several languages may be spoken, and what finals say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import DecodeRequest, DecodeResult
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedVad,
    draw_speech,
    recognize,
    scripted_rules,
)

if TYPE_CHECKING:
    from scribewire.events import TranscriptEvent

SHORT = "a" * 40 + "." * 40  # 1.3 s of speech, and a pause that ends it
CHUNK = 1600  # 0.1 s
LONG = "b" * 120 + "." * 40  # 3.8 s


class Polyglot(ScriptedEngine):
    """Hears a language in each required request, in their order, where it is free to."""

    def __init__(self, *heard: str | None) -> None:
        super().__init__()
        self._heard = list(heard)

    def decode(self, request: DecodeRequest) -> DecodeResult:
        found = super().decode(request)
        if not request.is_required or found.hypothesis is None:
            return found
        language = self._heard.pop(0)
        return DecodeResult(replace(found.hypothesis, language=language))


def play(drawn: str, engine: Polyglot, *languages: str) -> list[TranscriptEvent]:
    traits = replace(SCRIPTED_TRAITS, tells_language=True, takes_context=False)
    rules = replace(scripted_rules(traits=traits), languages=languages)
    samples = draw_speech(drawn)
    chunks = [samples[at : at + CHUNK] for at in range(0, samples.size, CHUNK)]
    return recognize(Recognizer(rules), chunks, ScriptedVad(), engine)


def finals_asked(engine: ScriptedEngine) -> list[tuple[tuple[str, ...], str | None]]:
    return [(one.languages, one.expected) for one in engine.requests if one.is_required]


def languages_of(events: list[TranscriptEvent]) -> list[str | None]:
    return [event.language for event in events if isinstance(event, Final)]


def test_finals_say_what_was_heard() -> None:
    events = play(LONG + LONG, Polyglot("nl", None), "en", "nl")

    assert languages_of(events) == ["nl", None]


def test_after_a_long_utterance_its_language_is_expected_and_a_short_one_is_in_it() -> None:
    engine = Polyglot("nl", "nl", "nl")

    play(LONG + LONG + SHORT, engine, "en", "nl")

    both = ("en", "nl")
    assert finals_asked(engine) == [(both, None), (both, "nl"), (("nl",), None)]


def test_a_short_first_utterance_decides_nothing() -> None:
    engine = Polyglot("en", "nl", "nl")

    play(SHORT + LONG + SHORT, engine, "en", "nl")

    both = ("en", "nl")
    assert finals_asked(engine) == [(both, None), (both, None), (("nl",), None)]


def test_until_a_language_is_known_there_is_no_partial_of_less_than_three_seconds() -> None:
    engine = Polyglot("nl", "nl")

    play(LONG + SHORT, engine, "en", "nl")

    partials = [one for one in engine.requests if not one.is_required]
    first = [one for one in partials if one.utterance == 0]
    second = [one for one in partials if one.utterance == 1]
    assert first
    assert all(one.samples.size >= 48_000 for one in first)
    assert second
    assert min(one.samples.size for one in second) < 24_000


def test_after_a_cut_partials_go_on_at_once_in_the_language_that_its_final_tells() -> None:
    engine = Polyglot("nl", "nl")

    play("b" * 450 + "." * 6 + "b" * 100, engine, "en", "nl")  # cut after 15 s, at the short pause

    after = [one for one in engine.requests if not one.is_required and one.utterance == 1]
    assert after[0].languages == ("nl",)
    assert after[0].samples.size < 24_000


@pytest.mark.parametrize("language", ["en", "nl"])
def test_one_language_is_locked_in_every_request(language: str) -> None:
    engine = Polyglot("en", None)

    play(LONG + SHORT, engine, language)

    assert {(one.languages, one.expected) for one in engine.requests} == {((language,), None)}


def prompts_of(engine: Polyglot, speech: str, *languages: str) -> list[int]:
    """Return how many tokens each final was given as a prompt."""
    traits = replace(SCRIPTED_TRAITS, tells_language=True, takes_context=False, takes_prompt=True)
    rules = replace(scripted_rules(traits=traits), languages=languages, prompt_tokens=5)
    recognize(Recognizer(rules), [draw_speech(speech)], ScriptedVad(), engine)
    return [len(one.prompt) for one in engine.requests if one.is_required]


def test_what_was_said_before_is_the_prompt_of_an_engine_that_takes_one() -> None:
    assert prompts_of(Polyglot("nl", None, "nl"), LONG * 3, "nl") == [0, 5, 5]


def test_a_prompt_goes_before_speech_whose_language_it_is_sure_to_be_in() -> None:
    assert prompts_of(Polyglot("nl", "nl", None), LONG + SHORT + LONG, "en", "nl") == [0, 5, 0]
    assert prompts_of(Polyglot("nl", None, None), LONG + LONG + SHORT, "en", "nl") == [0, 0, 0]

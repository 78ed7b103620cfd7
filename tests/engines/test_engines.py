from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import Voices
from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.testing.scripted import (
    SCRIPTED_CALIBRATION,
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    draw_speech,
)
from scribewire.types import Mode


class SpeakingEngine(ScriptedEngine):
    """A scripted engine of some languages, calibrated for some modes."""

    def __init__(
        self,
        languages: str,
        modes: tuple[Mode, ...] = ("fast", "quality"),
        *,
        tells_language: bool = False,
    ) -> None:
        super().__init__()
        known = frozenset(languages.split())
        self.traits = replace(SCRIPTED_TRAITS, languages=known, tells_language=tells_language)
        self.calibration = replace(SCRIPTED_CALIBRATION, final_width=dict.fromkeys(modes, 1))


ENGLISH, GERMAN, EVERYTHING = SpeakingEngine("en"), SpeakingEngine("de"), SpeakingEngine("en de fr")
HASTY = SpeakingEngine("en fr", ("fast",))
TELLER = SpeakingEngine("de en fr nl", tells_language=True)
SMALL_TELLER = SpeakingEngine("de nl", tells_language=True)
HASTY_TELLER = SpeakingEngine("de fr", ("fast",), tells_language=True)


@pytest.mark.parametrize(
    ("speech", "language", "mode", "chosen"),
    [
        ((ENGLISH,), "en", "fast", ENGLISH),
        ((ENGLISH, GERMAN), "de", "quality", GERMAN),
        ((ENGLISH, EVERYTHING), "en", "fast", ENGLISH),
        ((EVERYTHING, ENGLISH), "en", "fast", EVERYTHING),
        ((ENGLISH, EVERYTHING), "fr", "fast", EVERYTHING),
        ((HASTY, EVERYTHING), "en", "fast", HASTY),
        ((HASTY, EVERYTHING), "en", "quality", EVERYTHING),
        ((GERMAN, ENGLISH), None, "fast", GERMAN),
        ((EVERYTHING, GERMAN), None, "fast", EVERYTHING),
    ],
)
def test_the_first_engine_that_knows_language_and_mode_is_chosen(
    speech: tuple[SpeakingEngine, ...], language: str | None, mode: Mode, chosen: SpeakingEngine
) -> None:
    assert Engines(ScriptedVad(), speech).speech_for(language, mode) is chosen


@pytest.mark.parametrize(
    ("speech", "language", "mode"), [((ENGLISH,), "de", "fast"), ((HASTY,), "en", "quality")]
)
def test_what_no_engine_knows_is_a_fault_of_whoever_offered_it(
    speech: tuple[SpeakingEngine, ...], language: str, mode: Mode
) -> None:
    with pytest.raises(ServerFault, match=f"no engine for language {language} in mode {mode}"):
        Engines(ScriptedVad(), speech).speech_for(language, mode)


@pytest.mark.parametrize(
    ("speech", "languages"),
    [
        ((ENGLISH,), "en"),
        ((ENGLISH, GERMAN), "de en"),
        ((HASTY, ENGLISH), "en"),  # French would be understood in one mode only
    ],
)
def test_a_language_is_offered_if_every_mode_understands_it(
    speech: tuple[SpeakingEngine, ...], languages: str
) -> None:
    assert Engines(ScriptedVad(), speech).languages == set(languages.split())


@pytest.mark.parametrize(
    ("speech", "languages"),
    [
        ((EVERYTHING,), ""),
        ((ENGLISH, TELLER), "de en fr nl"),
        ((SMALL_TELLER, TELLER), "de en fr nl"),
        ((ENGLISH, SMALL_TELLER), "de nl"),
        ((ENGLISH, HASTY_TELLER), ""),
    ],
)
def test_languages_are_told_from_each_other_by_one_engine_in_every_mode(
    speech: tuple[SpeakingEngine, ...], languages: str
) -> None:
    assert Engines(ScriptedVad(), speech).auto_languages == set(languages.split())


@pytest.mark.parametrize(
    ("speech", "languages", "mode", "chosen"),
    [
        ((ENGLISH, TELLER), ("en", "nl"), "fast", TELLER),
        ((EVERYTHING, SMALL_TELLER, TELLER), ("de", "nl"), "quality", SMALL_TELLER),
        ((EVERYTHING, SMALL_TELLER, TELLER), ("de", "fr"), "quality", TELLER),
        ((HASTY_TELLER, TELLER), ("de", "fr"), "fast", HASTY_TELLER),
        ((HASTY_TELLER, TELLER), ("de", "fr"), "quality", TELLER),
    ],
)
def test_a_language_is_found_out_by_the_first_engine_that_tells_all_of_them(
    speech: tuple[SpeakingEngine, ...],
    languages: tuple[str, ...],
    mode: Mode,
    chosen: SpeakingEngine,
) -> None:
    assert Engines(ScriptedVad(), speech).speech_for("auto", mode, languages) is chosen


def test_what_no_engine_tells_is_a_fault_of_whoever_offered_it() -> None:
    engines = Engines(ScriptedVad(), (ENGLISH, SMALL_TELLER))

    with pytest.raises(ServerFault, match="auto nl en in mode fast: expected one of de, nl"):
        engines.speech_for("auto", "fast", ("nl", "en"))


@pytest.mark.parametrize(
    ("speech", "language"),
    [
        ((ENGLISH, GERMAN), "en"),
        ((GERMAN, ENGLISH), "de"),
        ((EVERYTHING,), "en"),
        ((SpeakingEngine("fr de"),), "de"),
        ((HASTY, GERMAN), "de"),  # of the preferred engine's none is served in every mode
    ],
)
def test_the_default_language_is_that_of_the_preferred_engine(
    speech: tuple[SpeakingEngine, ...], language: str
) -> None:
    assert Engines(ScriptedVad(), speech).default_language == language


def test_each_request_is_answered_by_the_engine_that_it_is_for() -> None:
    voices, samples = ScriptedVoices(), draw_speech("abc")
    engines = Engines(ScriptedVad(), (ENGLISH, GERMAN), Voices(voices, voices))
    decode = DecodeRequest(utterance=0, samples=samples, end_sample=samples.size, is_required=True)

    decoded = engines.answer(decode, GERMAN)

    assert isinstance(decoded, DecodeResult)
    assert isinstance(decoded.hypothesis, Hypothesis)
    assert (decoded.hypothesis.text, GERMAN.requests, ENGLISH.requests) == ("abc", [decode], [])
    assert isinstance(engines.answer(VadRequest(samples, None), GERMAN), VadResult)
    embedding = EmbeddingRequest(utterance=0, samples=samples)
    assert isinstance(engines.answer(embedding, GERMAN), EmbeddingResult)
    turns = TurnRequest(utterance=0, samples=samples)
    assert isinstance(engines.answer(turns, GERMAN), TurnResult)


def test_closing_closes_every_engine_and_again_does_nothing() -> None:
    voices, vad, speech = ScriptedVoices(), ScriptedVad(), (ScriptedEngine(), ScriptedEngine())
    engines = Engines(vad, speech, Voices(voices, voices))

    engines.close()
    engines.close()

    for engine in speech:
        with pytest.raises(ServerFault):
            engine.decode(
                DecodeRequest(
                    utterance=0, samples=draw_speech("a"), end_sample=512, is_required=True
                )
            )
    with pytest.raises(ServerFault):
        vad.measure(VadRequest(draw_speech("a"), None))
    assert voices.is_closed

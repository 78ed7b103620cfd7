from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.engines.languages import LanguageTable
from scribewire.errors import ServerFault
from scribewire.testing.scripted import SCRIPTED_CALIBRATION, SCRIPTED_TRAITS, ScriptedEngine
from scribewire.types import Mode
from scribewire.wishes import AUTO


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
        self.traits = replace(
            SCRIPTED_TRAITS,
            languages=frozenset(languages.split()),
            tells_language=tells_language,
        )
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
        ((GERMAN, ENGLISH), None, "fast", ENGLISH),
        ((EVERYTHING, GERMAN), None, "fast", EVERYTHING),
    ],
)
def test_the_first_engine_that_knows_language_and_mode_is_chosen(
    speech: tuple[SpeakingEngine, ...], language: str | None, mode: Mode, chosen: SpeakingEngine
) -> None:
    assert LanguageTable(speech).speech_for(language, mode) is chosen


@pytest.mark.parametrize(
    ("speech", "language", "mode"), [((ENGLISH,), "de", "fast"), ((HASTY,), "en", "quality")]
)
def test_what_no_engine_knows_is_a_fault_of_whoever_offered_it(
    speech: tuple[SpeakingEngine, ...], language: str, mode: Mode
) -> None:
    with pytest.raises(ServerFault, match=f"no engine for language {language} in mode {mode}"):
        LanguageTable(speech).speech_for(language, mode)


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
    assert LanguageTable(speech).languages == set(languages.split())


@pytest.mark.parametrize(
    ("speech", "language"),
    [
        ((ENGLISH, GERMAN), "en"),
        ((GERMAN, ENGLISH), "en"),
        ((EVERYTHING,), "en"),
        ((SpeakingEngine("fr de"),), "de"),
        ((HASTY, GERMAN), "de"),  # of the preferred engine's none is served in every mode
    ],
)
def test_the_default_language_is_english_or_that_of_the_preferred_engine(
    speech: tuple[SpeakingEngine, ...], language: str
) -> None:
    assert LanguageTable(speech).default_language == language


@pytest.mark.parametrize(
    ("offered", "languages", "default"),
    [
        ("nl", "nl", "nl"),
        ("nl de", "de nl", "nl"),
        ("nl en", "en nl", "en"),
        ("es nl", "nl", "nl"),  # whoever starts a server refuses it; nothing serves it
    ],
)
def test_of_the_languages_that_can_be_served_those_are_that_were_chosen(
    offered: str, languages: str, default: str
) -> None:
    table = LanguageTable((ENGLISH, TELLER), tuple(offered.split()))

    assert table.languages == set(languages.split())
    assert table.default_language == default


def test_a_default_language_that_was_chosen_is_the_default() -> None:
    table = LanguageTable((ENGLISH, TELLER), default="fr")

    assert table.default_language == "fr"
    assert table.speech_for(None, "fast") is TELLER
    assert table.default_engines == (TELLER,)


@pytest.mark.parametrize(
    ("speech", "offered", "languages"),
    [
        ((EVERYTHING,), "", ""),
        ((ENGLISH, TELLER), "", "de en fr nl"),
        ((ENGLISH, TELLER), "nl en", "en nl"),
        ((ENGLISH, TELLER), "en", ""),
        ((SMALL_TELLER, TELLER), "", "de en fr nl"),
        ((ENGLISH, SMALL_TELLER), "", "de nl"),
        ((ENGLISH, HASTY_TELLER), "", ""),
    ],
)
def test_languages_are_told_from_each_other_by_one_engine_in_every_mode(
    speech: tuple[SpeakingEngine, ...], offered: str, languages: str
) -> None:
    table = LanguageTable(speech, tuple(offered.split()))

    assert table.auto_languages == set(languages.split())


@pytest.mark.parametrize(
    ("speech", "languages", "mode", "chosen"),
    [
        ((ENGLISH, TELLER), "en nl", "fast", TELLER),
        ((EVERYTHING, SMALL_TELLER, TELLER), "de nl", "quality", SMALL_TELLER),
        ((EVERYTHING, SMALL_TELLER, TELLER), "de fr", "quality", TELLER),
        ((EVERYTHING, SMALL_TELLER, TELLER), "", "quality", TELLER),  # all that can be told
        ((HASTY_TELLER, TELLER), "de fr", "fast", HASTY_TELLER),
        ((HASTY_TELLER, TELLER), "de fr", "quality", TELLER),
    ],
)
def test_a_language_is_found_out_by_the_first_engine_that_tells_all_of_them(
    speech: tuple[SpeakingEngine, ...], languages: str, mode: Mode, chosen: SpeakingEngine
) -> None:
    assert LanguageTable(speech).speech_for(AUTO, mode, tuple(languages.split())) is chosen


def test_what_no_engine_tells_is_a_fault_of_whoever_offered_it() -> None:
    table = LanguageTable((ENGLISH, SMALL_TELLER))

    with pytest.raises(ServerFault, match="auto nl en in mode fast: expected one of de, nl"):
        table.speech_for(AUTO, "fast", ("nl", "en"))


@pytest.mark.parametrize(
    ("speech", "offered", "serving"),
    [
        ((ENGLISH, TELLER), "", (ENGLISH, TELLER)),
        ((ENGLISH, TELLER), "en", (ENGLISH,)),  # there is nothing to tell it from
        ((ENGLISH, EVERYTHING, GERMAN), "", (ENGLISH, EVERYTHING)),
        ((ENGLISH, EVERYTHING), "en", (ENGLISH,)),
        ((HASTY, EVERYTHING), "en", (HASTY, EVERYTHING)),
    ],
)
def test_those_serve_that_somebody_may_ask_for(
    speech: tuple[SpeakingEngine, ...],
    offered: str,
    serving: tuple[SpeakingEngine, ...],
) -> None:
    assert LanguageTable(speech, tuple(offered.split())).serving == serving


def test_engines_for_each_mode_of_the_default_language_are_both_told() -> None:
    assert LanguageTable((HASTY, EVERYTHING)).default_engines == (HASTY, EVERYTHING)

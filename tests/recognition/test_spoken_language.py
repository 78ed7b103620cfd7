from __future__ import annotations

from scribewire.recognition.spoken_language import LanguageChoice, SpokenLanguage

ALL = ("de", "en", "nl")


def test_one_language_is_locked() -> None:
    spoken = SpokenLanguage(("nl",))
    spoken.hear("en", 10.0)

    assert spoken.is_sure
    assert spoken.locked == "nl"
    assert spoken.choice(10.0) == LanguageChoice(("nl",))


def test_the_first_utterance_chooses_freely() -> None:
    spoken = SpokenLanguage(ALL)

    assert not spoken.is_sure
    assert spoken.locked is None
    assert spoken.choice(0.5) == spoken.choice(10.0) == LanguageChoice(ALL)


def test_a_short_first_utterance_is_a_guess_so_the_next_one_chooses_freely_too() -> None:
    spoken = SpokenLanguage(ALL)
    spoken.hear("de", 1.0)

    assert not spoken.is_sure
    assert spoken.choice(4.0) == LanguageChoice(ALL)


def test_after_enough_speech_another_language_takes_enough_speech_and_strong_evidence() -> None:
    spoken = SpokenLanguage(ALL)
    spoken.hear("nl", 3.5)

    assert spoken.is_sure
    assert spoken.choice(1.0) == LanguageChoice(("nl",))
    assert spoken.choice(3.0) == LanguageChoice(ALL, "nl")


def test_a_change_is_followed() -> None:
    spoken = SpokenLanguage(ALL)
    spoken.hear("nl", 3.5)
    spoken.hear("en", 4.0)

    assert spoken.choice(1.0) == LanguageChoice(("en",))


def test_what_nobody_could_tell_changes_nothing() -> None:
    spoken = SpokenLanguage(ALL)
    spoken.hear("nl", 3.5)
    spoken.hear(None, 9.0)

    assert spoken.choice(1.0) == LanguageChoice(("nl",))

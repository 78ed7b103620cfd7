from __future__ import annotations

from scribewire.engines.whisper.hearing import HeardLanguage, LanguageBounds, choose_language

BOUNDS = LanguageBounds(min_probability=0.5, min_switch_probability=0.9)
ALL = ("de", "en", "fr", "nl")


def probabilities(**known: float) -> dict[str, float]:
    rest = (1 - sum(known.values())) / (4 - len(known)) if len(known) < 4 else 0.0
    return {code: known.get(code, rest) for code in ALL}


def test_of_several_the_likeliest_is_written() -> None:
    found = choose_language(probabilities(nl=0.7), ALL, None, BOUNDS)

    assert found == HeardLanguage("nl", "nl")


def test_a_guess_is_written_and_not_claimed() -> None:
    found = choose_language(probabilities(nl=0.4, de=0.35), ALL, None, BOUNDS)

    assert found == HeardLanguage("nl", None)


def test_what_is_locked_is_written_whatever_is_heard() -> None:
    found = choose_language(probabilities(en=0.98), ("nl",), None, BOUNDS)

    assert found == HeardLanguage("nl", None)


def test_what_is_locked_is_claimed_where_it_is_heard() -> None:
    assert choose_language(probabilities(nl=0.8), ("nl",), None, BOUNDS).checked == "nl"


def test_only_strong_evidence_overrules_what_is_expected() -> None:
    weak = choose_language(probabilities(en=0.85, nl=0.1), ALL, "nl", BOUNDS)
    strong = choose_language(probabilities(en=0.95), ALL, "nl", BOUNDS)

    assert weak == HeardLanguage("nl", None)
    assert strong == HeardLanguage("en", "en")


def test_what_is_expected_must_be_allowed() -> None:
    found = choose_language(probabilities(de=0.6), ("de", "nl"), "fr", BOUNDS)

    assert found.written == "de"


def test_what_is_likelier_and_not_allowed_is_not_written() -> None:
    found = choose_language(probabilities(en=0.7, nl=0.2, de=0.06), ("de", "nl"), None, BOUNDS)

    assert found == HeardLanguage("nl", None)

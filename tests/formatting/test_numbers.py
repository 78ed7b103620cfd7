from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.events import Final, Partial
from scribewire.formatting.languages import EXCEPTIONS
from scribewire.formatting.numbers import (
    write_numbers,
    write_numbers_in_event,
    write_numbers_in_words,
)
from scribewire.types import Word

TABLES = Path(__file__).parent / "tables"  # one a language, as docs/numbers.md has it


def read_tables() -> Iterator[tuple[str, str, str]]:
    for table in sorted(TABLES.glob("*.txt")):
        for line in table.read_text("utf-8").splitlines():
            if line and not line.startswith("#"):
                heard, written = line.split(" | ")
                yield table.stem, heard, written


# Languages that nobody wrote a table for.
UNREAD = [("es", "veintiuno", "veintiuno"), ("", "twenty one", "twenty one")]
WRITTEN = [*read_tables(), *UNREAD]

NUMBER_WORDS = [
    word
    for line in (
        "one two three nine nineteen twenty ninety-four hundred thousand million point and oh",
        "first second third thirds a of een twee derde honderd komma un deux cent pour virgule",
        "20 5 1985 3,5 12.500 000 half past pm uur Uhr euro to or en und et viertel drei- of may",
        "negentien\u00adhonderd e\u0301e\u0301n point oh komma one, two, three",
        "zero sixteen in neuf ein drei achte Komma Millionen, dollars. (five) -",
    )
    for word in line.split()
]
LANGUAGES = st.sampled_from(["en", "nl", "fr", "de", "es", ""])
TEXTS = st.text() | st.lists(st.sampled_from(NUMBER_WORDS)).map(" ".join)


def spoken(text: str) -> tuple[Word, ...]:
    """One word each 100 ms, half of it silence, each less certain than the one before."""
    return tuple(
        Word(text=word, start_ms=100 * at, end_ms=100 * at + 50, confidence=1 / (1 + at))
        for at, word in enumerate(text.split(" "))
    )


@pytest.mark.parametrize(("language", "heard", "written"), WRITTEN)
def test_what_is_written_for_what_was_heard(language: str, heard: str, written: str) -> None:
    assert write_numbers(heard, language) == written


@pytest.mark.parametrize(("language", "heard", "written"), WRITTEN)
def test_the_words_are_written_as_the_text_is(language: str, heard: str, written: str) -> None:
    words = write_numbers_in_words(spoken(heard), language)

    assert " ".join(word.text for word in words) == written


def test_each_language_has_a_table_of_at_least_sixty_lines() -> None:
    lines = Counter(language for language, _, _ in read_tables())

    assert lines.keys() == EXCEPTIONS.keys()
    assert min(lines.values()) >= 60


def test_a_merged_word_lasts_from_its_first_to_its_last_and_is_as_sure_as_its_weakest() -> None:
    words = (
        Word(text="About", start_ms=0, end_ms=300, confidence=0.9),
        Word(text="Twenty", start_ms=350, end_ms=600, confidence=0.7),
        Word(text="one,", start_ms=650, end_ms=900, confidence=0.8),
        Word(text="yes.", start_ms=1000, end_ms=1200, confidence=0.6),
    )

    assert write_numbers_in_words(words, "en") == (
        words[0],
        Word(text="21,", start_ms=350, end_ms=900, confidence=0.7),
        words[3],
    )


@pytest.mark.parametrize(
    ("language", "heard", "written"),
    [
        ("de", "3 Komma eins vier", "3,14"),
        ("en", "six oh five", "6 0 5"),
        ("en", "six oh five pm", "6:05 pm"),
        ("en", "20 thousand", "20 thousand"),
    ],
)
def test_what_is_joined_is_one_word_with_the_time_of_all(
    language: str, heard: str, written: str
) -> None:
    parts = spoken(heard)
    words = write_numbers_in_words(parts, language)

    assert [word.text for word in words] == written.split(" ")
    assert (words[0].start_ms, words[-1].end_ms) == (0, parts[-1].end_ms)
    assert min(word.confidence for word in words) == parts[-1].confidence


def test_no_words_are_no_words() -> None:
    assert write_numbers_in_words((), "en") == ()
    assert write_numbers("", "en") == ""


@given(text=TEXTS, language=LANGUAGES)
def test_text_and_words_agree_on_any_text(text: str, language: str) -> None:
    words = write_numbers_in_words(spoken(text), language)

    assert " ".join(word.text for word in words) == write_numbers(text, language)


@given(text=TEXTS, language=LANGUAGES)
def test_words_stay_in_order_inside_what_was_heard(text: str, language: str) -> None:
    heard = spoken(text)
    words = write_numbers_in_words(heard, language)

    times = [time for word in words for time in (word.start_ms, word.end_ms)]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (heard[0].start_ms, heard[-1].end_ms)


@given(text=TEXTS)
def test_an_unknown_language_changes_nothing(text: str) -> None:
    assert write_numbers(text, "xx") == text


def test_more_digits_than_python_counts_are_no_fault() -> None:
    text = f"{'9' * 5000} point five"

    assert write_numbers(text, "en") == text.replace("five", "5")


def test_half_a_surrogate_pair_is_no_fault() -> None:
    assert write_numbers("\ud800 twenty one", "en") == "\ud800 21"


SPOKEN = "It cost twenty one dollars."


def test_digits_are_written_in_the_text_and_in_the_words() -> None:
    final = Final(
        utterance=0,
        decided_sample=0,
        text=SPOKEN,
        start_sample=0,
        end_sample=0,
        words=spoken(SPOKEN),
    )

    result = write_numbers_in_event(final, "en")

    assert isinstance(result, Final)
    assert result.text == "It cost 21 dollars."
    assert result.words is not None
    assert " ".join(word.text for word in result.words) == result.text


def test_digits_are_written_in_partials_and_in_finals_without_words() -> None:
    partial = Partial(
        utterance=0, text="It cost twenty one", start_sample=0, end_sample=0, stability=0.5
    )
    final = Final(utterance=0, decided_sample=0, text=SPOKEN, start_sample=0, end_sample=0)

    in_digits = [write_numbers_in_event(event, "en") for event in (partial, final)]

    assert in_digits == [
        replace(partial, text="It cost 21"),
        replace(final, text="It cost 21 dollars."),
    ]

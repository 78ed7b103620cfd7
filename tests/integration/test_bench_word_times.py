"""The arithmetic of bench/word_times.py, without an aligner."""

from __future__ import annotations

import pytest

from bench.forced_alignment import AlignedWord, plain_words
from bench.word_times import Comparison, compare_words
from scribewire.types import Word


def said(text: str, start_ms: int, end_ms: int, *, faces_unknown: bool = False) -> AlignedWord:
    return AlignedWord(
        text=text,
        start_ms=start_ms,
        end_ms=end_ms,
        is_start_known=not faces_unknown,
        is_end_known=True,
    )


def heard(text: str, start_ms: int, end_ms: int) -> Word:
    return Word(text=text, start_ms=start_ms, end_ms=end_ms, confidence=1.0)


def errors(word: str, start_ms: int | None, end_ms: int | None) -> Comparison:
    return Comparison(clip="a", word=word, start_error_ms=start_ms, end_error_ms=end_ms)


def test_words_that_both_have_are_compared() -> None:
    found = compare_words(
        "a",
        [said("no", 100, 200), said("matter", 300, 400), said("try", 500, 600)],
        [heard("No,", 110, 190), heard("mutter,", 0, 0), heard("TRY!", 480, 650)],
    )

    assert found == [errors("No,", 10, -10), errors("TRY!", -20, 50)]


def test_the_side_that_faces_an_unknown_word_is_no_measure() -> None:
    found = compare_words("a", [said("no", 100, 200, faces_unknown=True)], [heard("no", 110, 190)])

    assert found == [errors("no", None, -10)]


def test_nothing_aligned_compares_nothing() -> None:
    assert compare_words("a", [], [heard("no", 0, 1)]) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don\u2019t, stop!", ["don't", "stop"]),
        ("well-known", ["well", "known"]),
        ("5 o'clock", ["o'clock"]),
        ("", []),
    ],
)
def test_punctuation_and_case_do_not_count(text: str, words: list[str]) -> None:
    assert plain_words(text) == words

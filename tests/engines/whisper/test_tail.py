from __future__ import annotations

import pytest

from scribewire.engines.whisper.tail import heard_count

MOST = 12.0  # tokens a second


def count(text: str, starts_s: list[float], end_s: float) -> int:
    texts = [f" {word}" for word in text.split()]
    assert len(texts) == len(starts_s)
    return heard_count(texts, starts_s, end_s, max_tokens_per_s=MOST)


def spread(words: int, start_s: float, end_s: float) -> list[float]:
    return [start_s + (end_s - start_s) * n / words for n in range(words)]


def test_what_is_said_in_time_stays() -> None:
    assert count("a b c d e f", spread(6, 0.2, 2.0), 2.4) == 6


def test_what_is_said_twice_in_time_stays() -> None:
    assert count("a b c a b c", spread(6, 0.2, 2.0), 2.2) == 6


@pytest.mark.parametrize(
    ("copy", "heard"), [("a b c d", 4), ("a b c", 4), ("a b c d a b c d a b c d", 4)]
)
def test_a_copy_crowded_into_the_last_moment_is_cut(copy: str, heard: int) -> None:
    words = len(copy.split())

    starts = [*spread(4, 0.2, 2.0), *spread(words, 2.35, 2.4)]

    assert count(f"a b c d {copy}", starts, 2.4) == heard


def test_a_word_said_over_and_over_is_said_once() -> None:
    starts = [0.2, 0.6, *spread(12, 0.9, 1.0)]

    assert count("six of " + "five " * 12, starts, 1.0) == 3


def test_case_and_marks_do_not_hide_a_copy() -> None:
    starts = [*spread(3, 0.2, 1.0), *spread(3, 1.02, 1.05)]

    assert count("Hold on, now. hold on now", starts, 1.05) == 3


def test_a_few_late_tokens_that_copy_nothing_stay() -> None:
    """The end of the audio cut a word off, or the alignment is late."""
    assert count("a b c d e f", [*spread(3, 0.2, 2.0), 2.39, 2.39, 2.4], 2.4) == 6


def test_a_long_crowd_that_copies_nothing_was_not_heard() -> None:
    starts = [*spread(3, 0.2, 2.0), *[2.4] * 9]

    assert count("a b c d e f g h i j k l", starts, 2.4) == 3


def test_nothing_has_no_tail() -> None:
    assert heard_count([], [], 1.0, max_tokens_per_s=MOST) == 0

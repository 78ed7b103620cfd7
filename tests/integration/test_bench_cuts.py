"""Where bench/cuts.py sees seams, and what it counts beside them."""

from __future__ import annotations

import pytest

from bench.cuts import (
    FRAME_MS,
    MAXIMA_S,
    Outcome,
    SeamErrors,
    compare_at_seams,
    count_inside,
    find_seams,
    format_report,
)
from bench.scoring import WordErrors
from scribewire.types import Word

SPEECH, SILENCE = (0.9,), (0.1,)
SECOND = 1000 // FRAME_MS


def words(text: str) -> list[Word]:
    """Return words of half a second, one each second."""
    return [
        Word(text=word, start_ms=1000 * number, end_ms=1000 * number + 500, confidence=1)
        for number, word in enumerate(text.split())
    ]


def test_speech_without_a_pause_is_cut_once_for_each_maximum() -> None:
    seams = find_seams(SPEECH * 21 * SECOND + SILENCE * SECOND, "fast", 5)

    assert len(seams.cuts) > 3
    assert seams.breaths == ()


def test_a_short_pause_ends_only_what_is_long() -> None:
    pause = SILENCE * 11  # a third of a second
    heard = SPEECH * 4 * SECOND + pause + SPEECH * SECOND + SILENCE * SECOND

    assert find_seams(heard, "fast", 5).breaths == (4 * SECOND * FRAME_MS,)
    assert find_seams(heard, "fast", 15).breaths == ()


def test_a_pause_that_ends_every_utterance_is_no_seam() -> None:
    heard = SPEECH * 4 * SECOND + SILENCE * SECOND + SPEECH * SECOND + SILENCE * SECOND

    assert (find_seams(heard, "fast", 5).cuts, find_seams(heard, "fast", 5).breaths) == ((), ())


def test_a_cut_is_inside_a_word_when_it_is_deeper_than_times_are_off() -> None:
    assert count_inside(words("one two"), [50, 250, 460, 700, 1250]) == 2


COMPARED = [
    # uncut, cut, seam, lost, added, changed
    ("one two three four", "one two three four", 2000, (0, 0, 0)),
    ("one two three four", "One, two three. Four", 2000, (0, 0, 0)),
    ("one two three four", "one three four", 1200, (1, 0, 0)),
    ("one two three four", "one three four", 3200, (0, 0, 0)),
    ("one two three four", "one two two three four", 1900, (0, 1, 0)),
    ("one two three four", "one too three four", 1200, (0, 0, 1)),
    ("", "one", 0, (0, 0, 0)),
]


@pytest.mark.parametrize(("whole", "cut", "seam", "expected"), COMPARED)
def test_only_what_differs_near_a_seam_counts(
    whole: str, cut: str, seam: int, expected: tuple[int, int, int]
) -> None:
    found = compare_at_seams(words(whole), words(cut), [seam])

    assert (found.lost, found.added, found.changed) == expected


def test_the_table_has_a_row_for_each_run() -> None:
    runs = [
        Outcome(
            mode="fast",
            maximum_s=maximum,
            errors=WordErrors(words=100, substitutions=40 - maximum),
            seam_errors=SeamErrors(lost=1),
            texts=(),
        )
        for maximum in (30, *MAXIMA_S)
    ]

    rows = [line.split() for line in format_report(runs).splitlines()]

    assert ["fast,", "30", "s", "10.0", "+0.0"] in [row[:5] for row in rows]
    assert ["fast,", "5", "s", "35.0", "+25.0"] in [row[:5] for row in rows]

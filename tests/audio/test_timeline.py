from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.audio.timeline import (
    MOST_MISSING_S,
    MOST_UNPROVEN_S,
    STEADY_S,
    Timeline,
)

BROKEN = None
"""In place of a frame: half a second that cannot be decoded."""


def missing(
    times_s: list[float | None], *, begins_at_s: float = 0.0, ends_at_s: float | None = None
) -> list[float]:
    """Return what is missing before each of these frames of half a second, and at the end."""
    timeline = Timeline(begins_at_s=begins_at_s, ends_at_s=ends_at_s)
    found: list[float] = []
    for at_s in times_s:
        if at_s is BROKEN:
            timeline.receive_broken(0.5)
        else:
            found.append(round(timeline.receive_frame(at_s, 0.5), 6))
    return [*found, round(timeline.receive_end(), 6)]


CASES: dict[str, tuple[list[float | None], list[float]]] = {
    "one after the other": ([0, 0.5, 1], [0, 0, 0, 0]),
    "sound that begins late": ([3, 3.5], [3, 0, 0]),
    "a hole": ([0, 0.5, 7, 7.5], [0, 0, 6, 0, 0]),
    "milliseconds": ([0, 0.501, 0.999], [0, 0, 0, 0]),
    "what is rounded adds up": ([0, 0.54, 1.08, 1.62], [0, 0, 0, 0.12, 0]),
    "a frame that was sent twice": ([0, 0, 0.5, 1.5], [0, 0, 0, 0, 0]),
    "it goes back and forth": ([0, 0.7, 1.0, 1.7, 2.0, 2.7], [0, 0.2, 0, 0, 0, 0, 0]),
    "broken by its own time": ([0, BROKEN, BROKEN, 1.5], [0, 1, 0]),
    "broken, and its time was longer": ([0, BROKEN, 4], [0, 3.5, 0]),
    "broken at the end": ([0, BROKEN], [0, 0.5]),
    "the clock is set back": ([7, 0, 0.5, 5], [7, 0, 0, 0, 0]),
    "the clock is set forward": ([0, 0.5, 9000, 9000.5], [0, 0, 0, 0, 0]),
    "set forward over something broken": ([0, BROKEN, 9000, 9000.5], [0, 0.5, 0, 0]),
}


@pytest.mark.parametrize(("times_s", "expected"), CASES.values(), ids=CASES)
def test_what_is_missing_follows_from_the_clock(
    times_s: list[float | None], expected: list[float]
) -> None:
    assert missing(times_s) == expected


def test_a_clock_that_begins_anywhere_begins() -> None:
    assert missing([95_000.0, 95_000.5], begins_at_s=95_000.0) == [0, 0, 0]
    assert missing([95_001.0, 95_001.5], begins_at_s=95_000.0) == [1, 0, 0]


def test_without_a_clock_what_is_broken_says_how_long_it_was() -> None:
    timeline = Timeline()
    told = []
    for _ in range(3):
        timeline.receive_broken(0.2)
        told.append(timeline.receive_frame(None, 0.5))

    assert told == [0.2, 0.2, 0.2]
    assert timeline.position_s is None


@pytest.mark.parametrize(
    ("at_s", "filled_s", "missing_s"),
    [
        (1.0, 0, 0),
        (1.06, 0.06, 0),  # no rounding: it begins there
        (1.5, 0, 0.5),
        (0.9, 0, 0),  # what was put out is not taken back
        (None, 0, 0),
    ],
)
def test_another_track_goes_on_where_it_begins(
    at_s: float | None, filled_s: float, missing_s: float
) -> None:
    timeline = Timeline(begins_at_s=0.0)
    timeline.receive_frame(0.0, 1.0)

    assert timeline.change_track(at_s, None) == pytest.approx(filled_s)
    assert timeline.receive_frame(at_s, 0.5) == pytest.approx(missing_s)
    assert timeline.position_s == pytest.approx(1.5 + filled_s + missing_s)


def test_a_long_hole_is_believed_where_another_track_is_as_long() -> None:
    timeline = Timeline(begins_at_s=0.0, ends_at_s=1.0)
    timeline.receive_frame(0.0, 1.0)
    timeline.change_track(100.0, 200.0)

    assert timeline.receive_frame(100.0, 0.5) == 99.0


def test_a_long_hole_is_believed_where_the_file_is_as_long() -> None:
    late_s = MOST_UNPROVEN_S + 1

    assert missing([0, late_s]) == [0, 0, 0]
    assert missing([0, late_s], ends_at_s=late_s + 1) == [0, late_s - 0.5, 0]
    assert missing([0, late_s], ends_at_s=late_s - 1) == [0, 0, 0]
    assert missing([0, 2 * MOST_MISSING_S], ends_at_s=1e9) == [0, 0, 0]


def test_a_clock_that_was_set_is_believed_again_once_it_ran_evenly() -> None:
    for even_s, believed in ((STEADY_S - 1, False), (STEADY_S + 1, True)):
        even: list[float | None] = [1000 + 0.5 * i for i in range(int(2 * even_s))]

        told = missing([0, *even, 1000 + even_s + 20])

        assert told[-2] == (20 if believed else 0)


@given(seed=st.integers(0, 10_000))
def test_random_timestamps_add_next_to_nothing(seed: int) -> None:
    dice = random.Random(seed)
    told = missing([dice.uniform(0, 1e5) for _ in range(1000)])

    assert sum(told) <= MOST_UNPROVEN_S

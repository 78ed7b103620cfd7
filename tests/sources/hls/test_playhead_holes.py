"""What was never to be had of a playlist, and how long it was."""

from __future__ import annotations

import pytest

from scribewire.sources.hls.playhead import Playhead
from tests.sources.hls.test_playhead import TARGET_S, heard, window


def test_what_left_the_window_unseen_is_missed_once() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 3), 100)

    playhead.receive(window(5, 3), 116)

    for _ in range(3):
        assert playhead.take_missed_s() == 0
        playhead.advance()
    assert playhead.take_missed_s() == 2 * TARGET_S
    assert playhead.take_missed_s() == 0
    assert heard(playhead) == [5, 6, 7]


def test_no_more_is_missed_than_time_has_passed() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 1), 100)
    heard(playhead)

    playhead.receive(window(1 << 64, 1), 110)

    assert playhead.take_missed_s() == 10 + TARGET_S


def test_a_hole_is_as_long_as_the_segments_around_it() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 1), 100)
    heard(playhead)

    playhead.receive(window(3, 2, duration_s=1.5), 110)

    assert playhead.take_missed_s() == 3


def test_a_hole_is_as_long_as_the_dates_around_it_say() -> None:
    for dated_s, hole_s in [(1030, 18), (1012, 0), (1000, 0), (9000, 96 + TARGET_S)]:
        playhead = Playhead()
        playhead.receive(window(0, 3, dated_s=1000), 100)
        heard(playhead)
        playhead.receive(window(5, 3, dated_s=dated_s), 196)

        assert playhead.take_missed_s() == hole_s


def test_what_waited_is_missed_when_the_playlist_begins_again() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 3, name="a"), 0)
    playhead.receive(window(6, 3, name="a"), 24)
    playhead.receive(window(6, 1, name="b"), 28)

    assert playhead.is_restarting
    assert playhead.take_missed_s() == (6 + 3) * TARGET_S
    assert heard(playhead) == [6]


# When a playlist begins that has begun again, after one that ended at 1012 and of which 8 s were
# heard; which of its segments are heard; what is missed. All at 50 s, 46 s after the last change.
RESTARTS = [
    ("right behind what was heard", 1008, [0, 1, 2], 0),
    ("with a hole", 1030, [0, 1, 2], 22),
    ("with a hole that cannot be", 9000, [0, 1, 2], TARGET_S + 46 + TARGET_S),
    ("with what was heard", 1000, [2], 0),
    ("with half of it", 1001, [2], 1),
    ("with less than half of it", 1002.5, [1, 2], 0),
    ("a little behind", 996, [], 0),
    ("by another clock", 500, [0, 1, 2], 0),
    ("without dates", None, [0, 1, 2], TARGET_S),
]


@pytest.mark.parametrize(
    ("dated_s", "numbers", "missed_s"),
    [case[1:] for case in RESTARTS],
    ids=[case[0] for case in RESTARTS],
)
def test_dates_tell_what_was_heard_before_a_restart(
    dated_s: float | None, numbers: list[int], missed_s: float
) -> None:
    playhead = Playhead()
    playhead.receive(window(0, 4, name="a", dated_s=996), 4)
    playhead.advance()
    playhead.advance()
    playhead.receive(window(0, 3, name="b", dated_s=dated_s), 50)

    assert playhead.is_restarting is bool(numbers)
    missed = playhead.take_missed_s()
    assert heard(playhead) == numbers
    assert missed == pytest.approx(missed_s)


def test_what_comes_after_a_restart_that_brought_nothing_new_is_heard() -> None:
    playhead = Playhead()
    playhead.receive(window(100, 3, name="a", dated_s=1000), 0)
    heard(playhead)

    assert not playhead.receive(window(100, 2, name="b", dated_s=1004), 4)
    assert playhead.receive(window(100, 3, name="b", dated_s=1004), 8)
    assert playhead.is_restarting
    assert heard(playhead) == [102]

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.hls.playhead import MAX_WAITING, Playhead
from scribewire.sources.hls.playlist import MediaPlaylist, Resource, Segment

TARGET_S = 4.0


def window(
    first: int,
    count: int,
    *,
    name: str = "a",
    query: str = "",
    duration_s: float = TARGET_S,
    has_ended: bool = False,
    start_s: float | None = None,
    dated_s: float | None = None,
) -> MediaPlaylist:
    segments = tuple(
        Segment(
            number=number,
            duration_s=duration_s,
            media=Resource(f"{name}{number}.ts{query}"),
            initialization=None,
            key=None,
            is_discontinuity=False,
            is_missing=False,
            program_time_s=None if dated_s is None else dated_s + (number - first) * duration_s,
        )
        for number in range(first, first + count)
    )
    return MediaPlaylist(segments=segments, target_s=TARGET_S, has_ended=has_ended, start_s=start_s)


EMPTY = window(0, 0)


def heard(playhead: Playhead) -> list[int]:
    return [segment.number for segment in heard_segments(playhead)]


def heard_segments(playhead: Playhead) -> list[Segment]:
    segments = []
    while playhead.current is not None:
        segments.append(playhead.current)
        playhead.advance()
    return segments


def entered(playlist: MediaPlaylist) -> list[int]:
    playhead = Playhead()
    playhead.receive(playlist, 0)
    return heard(playhead)


def test_a_finite_playlist_is_entered_at_its_beginning() -> None:
    assert entered(window(5, 4, has_ended=True)) == [5, 6, 7, 8]
    assert entered(window(5, 4, has_ended=True, start_s=-4)) == [5, 6, 7, 8]


def test_a_live_playlist_is_entered_near_its_end() -> None:
    assert entered(window(5, 10)) == [12, 13, 14]
    assert entered(window(5, 2)) == [5, 6]


def test_a_live_playlist_is_entered_where_it_asks_for_it() -> None:
    assert entered(window(0, 4, start_s=0)) == [0, 1, 2, 3]
    assert entered(window(0, 4, start_s=9)) == [2, 3]
    assert entered(window(0, 4, start_s=99)) == [3]
    assert entered(window(0, 4, start_s=-4)) == [3]
    assert entered(window(0, 4, start_s=-5)) == [2, 3]
    assert entered(window(0, 4, start_s=-99)) == [0, 1, 2, 3]


def test_a_live_playlist_without_segments_is_entered_when_it_has_some() -> None:
    playhead = Playhead()

    assert not playhead.receive(EMPTY, 0)
    assert playhead.current is None
    assert not playhead.has_ended
    assert playhead.receive(window(7, 5), 4)
    assert heard(playhead) == [9, 10, 11]


def test_it_ends_when_all_is_heard_and_nothing_will_be_added() -> None:
    playhead = Playhead()
    assert not playhead.has_ended

    playhead.receive(window(0, 2), 0)
    heard(playhead)
    assert not playhead.has_ended
    playhead.receive(window(0, 3, has_ended=True), 4)
    assert not playhead.has_ended
    assert heard(playhead) == [2]
    assert playhead.has_ended


def test_a_version_that_brings_nothing_does_not_count_as_change() -> None:
    playhead = Playhead()

    assert playhead.receive(window(0, 3), 1)
    assert not playhead.receive(window(0, 3), 5)
    assert not playhead.receive(EMPTY, 6)
    assert playhead.changed_at == 1
    assert playhead.receive(window(1, 3), 9)
    assert playhead.changed_at == 9


def test_what_has_left_the_window_is_still_to_be_heard() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 3), 0)
    first = playhead.current
    assert first is not None
    assert not playhead.has_left(first)

    playhead.receive(window(3, 3), 12)

    assert playhead.has_left(first)
    assert playhead.take_missed_s() == 0
    assert heard(playhead) == [0, 1, 2, 3, 4, 5]


def test_what_waits_is_fetched_from_the_latest_signed_address() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 3, query="?signature=1"), 0)
    playhead.receive(window(1, 3, query="?signature=2"), 4)

    assert [segment.media.uri for segment in heard_segments(playhead)] == [
        "a0.ts?signature=1",
        "a1.ts?signature=2",
        "a2.ts?signature=2",
        "a3.ts?signature=2",
    ]


@given(
    first=st.integers(-5, 1 << 64),
    moves=st.lists(
        # How far the window moves on, how many it has more than that, whether they are heard now.
        st.tuples(st.integers(0, 4), st.integers(0, 6), st.booleans())
    ),
)
def test_windows_that_overlap_give_each_segment_once(
    first: int, moves: list[tuple[int, int, bool]]
) -> None:
    playhead = Playhead()
    playhead.receive(window(first, 3), 0)
    numbers = []
    start, end = first, first + 3
    for moved, extra, is_heard in moves:
        start = min(start + moved, end)
        end = max(start + extra, end)
        playhead.receive(window(start, end - start), 0)
        assert playhead.take_missed_s() == 0
        if is_heard:
            numbers += heard(playhead)
    numbers += heard(playhead)

    assert numbers == list(range(first, end))


@given(
    # How many segments were added since the last version, how many of all this cache is behind.
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)))
)
def test_old_versions_from_another_cache_change_nothing(polls: list[tuple[int, int]]) -> None:
    playhead = Playhead()
    playhead.receive(window(0, 5), 0)
    numbers = heard(playhead)
    end = seen = 5
    for added, behind in polls:
        end += added
        seen = max(seen, end - behind)
        playhead.receive(window(end - behind - 5, 5), TARGET_S * (end - 5))
        assert playhead.take_missed_s() == 0
        assert not playhead.is_restarting
        numbers += heard(playhead)

    assert numbers == list(range(2, seen))


def test_an_old_version_that_soon_catches_up_is_the_same_playlist() -> None:
    playhead = Playhead()
    playhead.receive(window(10, 5), 0)
    heard(playhead)

    assert not playhead.receive(window(7, 5), 4)
    assert not playhead.receive(window(8, 5), 8)
    assert not playhead.receive(window(9, 5), 12)
    assert playhead.receive(window(11, 5), 16)
    assert not playhead.is_restarting
    assert heard(playhead) == [15]


def test_an_old_version_with_other_folders_and_signatures_is_the_same_playlist() -> None:
    playhead = Playhead()
    playhead.receive(window(10, 5, name="session1/a"), 0)
    heard(playhead)

    assert not playhead.receive(window(8, 5, name="session2/a", query="?b"), 4)
    assert playhead.current is None


def test_other_segments_under_the_same_numbers_begin_again_at_once() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 5, name="a"), 0)
    restarts = [playhead.is_restarting]

    assert playhead.receive(window(0, 2, name="b"), 4)

    restarts.append(playhead.is_restarting)
    assert [segment.media.uri for segment in heard_segments(playhead)] == ["b0.ts", "b1.ts"]
    assert playhead.receive(window(0, 3, name="b"), 8)
    assert [*restarts, playhead.is_restarting] == [False, True, False]
    assert heard(playhead) == [2]


def test_one_segment_that_was_measured_anew_does_not_begin_again() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 5), 0)
    heard(playhead)
    old = window(0, 4)
    last = dataclasses.replace(old.segments[-1], duration_s=3.9)

    assert not playhead.receive(dataclasses.replace(old, segments=(*old.segments[:-1], last)), 4)


def test_lower_numbers_that_go_on_begin_again_after_a_while() -> None:
    playhead = Playhead()
    playhead.receive(window(500, 5), 0)
    heard(playhead)

    received = [playhead.receive(window(number, 3), 4 * number) for number in range(1, 5)]
    assert received == [False, False, False, False]
    assert playhead.receive(window(5, 3), 20)
    assert playhead.is_restarting
    assert playhead.take_missed_s() == 0
    assert heard(playhead) == [5, 6, 7]
    assert playhead.receive(window(6, 3), 24)
    assert heard(playhead) == [8]


def test_lower_numbers_that_stand_still_do_not_begin_again() -> None:
    playhead = Playhead()
    playhead.receive(window(500, 5), 0)
    heard(playhead)

    assert not any(playhead.receive(window(1, 3), now) for now in range(0, 100, 4))


def test_a_playlist_that_begins_again_may_do_so_twice() -> None:
    playhead = Playhead()
    for name in "abc":
        playhead.receive(window(0, 3, name=name), 0)
        playhead.receive(window(0, 4, name=name), 0)
        assert playhead.is_restarting is (name != "a")
        assert len(heard_segments(playhead)) == 4


def test_a_segment_that_is_given_up_is_missed() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 3), 0)

    playhead.skip()
    playhead.skip()

    assert playhead.take_missed_s() == 2 * TARGET_S
    assert playhead.take_missed_s() == 0
    assert heard(playhead) == [2]
    playhead.receive(window(1, 3), 4)
    playhead.skip()
    assert playhead.current is None
    assert playhead.take_missed_s() == TARGET_S


def test_a_hole_before_a_segment_that_is_given_up_is_missed_time_too() -> None:
    playhead = Playhead()
    playhead.receive(window(0, 2), 0)
    heard(playhead)
    playhead.receive(window(4, 2), 100)  # 2 and 3 were never seen
    playhead.skip()

    assert playhead.take_missed_s() == 3 * TARGET_S


@pytest.mark.slow
def test_what_waits_is_bounded_and_the_rest_is_missed_time() -> None:
    playhead = Playhead()
    for version in range(3):
        playhead.receive(window(version * MAX_WAITING, MAX_WAITING, has_ended=version == 0), 0)

    assert len(heard(playhead)) == MAX_WAITING
    assert playhead.take_missed_s() == 2 * MAX_WAITING * TARGET_S


def test_an_ended_version_under_other_numbers_does_not_end_a_live_playlist() -> None:
    playhead = Playhead()
    playhead.receive(window(1000, 3), 0)
    heard(playhead)
    playhead.receive(window(0, 3, name="b", has_ended=True), 1)

    assert playhead.is_live
    assert not playhead.has_ended

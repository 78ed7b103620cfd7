"""Playlists in a time of their own; segments are PCM as it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.events import SourceAudio, SourceGap, SourceLost, SourceOpened, SourceTrack
from scribewire.sources.faults import SourceFault
from scribewire.sources.hls.playlist import MediaPlaylist
from scribewire.sources.hls.reading import MIN_RUN_S, Reading
from scribewire.sources.retry import RetryRules
from scribewire.sources.rules import PullRules
from scribewire.sources.steps import (
    FetchSegment,
    Hear,
    Heard,
    Known,
    Tell,
)
from tests.parts.show import PAGE, SEGMENT_S, Show, content, segment, status
from tests.parts.world import GARBAGE, INFO, RESET, World

RULES = PullRules(retry=RetryRules(give_up_after_s=60), open_timeout_s=30, random=lambda: 0.0)


def play(
    show: Show, *, rules: PullRules = RULES, until: float = 1e5, decodes_late: bool = False
) -> World:
    world = World(show, decodes_late=decodes_late)
    world.play(Reading(PAGE, show.listed(0), rules, 0.0), until=until)
    return world


def vod(count: int = 8) -> Show:
    return Show([segment(i) for i in range(count)])


def live(count: int = 30, window: int = 5) -> Show:
    return Show([segment(i) for i in range(count)], window=window)


def heard(world: World) -> list[int]:
    """Return which segments were heard; each of them whole."""
    size = len(content(0))
    pieces = [world.pcm[i : i + size] for i in range(0, len(world.pcm), size)]
    found = [int.from_bytes(piece[:4], "big") for piece in pieces]
    assert pieces == [content(number) for number in found]
    return found


def places(world: World) -> dict[int, float]:
    """Return the second at which each segment was heard."""
    at, found = 0.0, {}
    for event in world.events:
        if isinstance(event, SourceAudio):
            found[int.from_bytes(event.pcm[:4], "big")] = at
        at += event.seconds if isinstance(event, SourceAudio | SourceGap) else 0.0
    return found


def is_clean(world: World) -> bool:
    return world.over is not None and world.over.fault is None


def test_a_finite_playlist_is_heard_and_over() -> None:
    world = play(vod())

    assert heard(world) == list(range(8))
    assert world.events[0] == SourceOpened(
        INFO, is_live=False, carrier="an HLS playlist", duration_s=8 * SEGMENT_S
    )
    assert is_clean(world)
    assert world.decoders == 1


def test_a_live_playlist_is_entered_near_its_end_and_followed() -> None:
    world = play(live())

    assert heard(world) == list(range(2, 30))
    assert world.events[0] == SourceOpened(
        INFO, is_live=True, carrier="an HLS playlist", says_live=True
    )
    assert world.gaps_s == 0
    assert is_clean(world)


@pytest.mark.parametrize("fault", [RESET, status(500), status(404)])
def test_a_segment_that_fails_once_is_fetched_again_and_nothing_told(fault: SourceFault) -> None:
    show = vod()
    show.failures[3] = [fault]
    world = play(show)

    assert heard(world) == list(range(8))
    assert world.news == [SourceOpened]


def test_bursts_of_failures_are_outlived_and_told() -> None:
    show = vod()
    show.failures[3] = [status(500), status(404), status(503)]
    world = play(show)

    assert heard(world) == list(range(8))
    assert world.decoders == 1
    told = [event for event in world.events if isinstance(event, SourceLost | SourceOpened)]
    assert [type(event) for event in told] == [SourceOpened, SourceLost, SourceOpened]


def test_a_live_playlist_that_fails_is_asked_again() -> None:
    show = live()
    show.failures["playlist"] = [status(404), status(500), status(502)]
    world = play(show)

    assert heard(world) == list(range(2, 30))


def test_a_missing_segment_is_missed_time_where_it_belongs() -> None:
    show = vod()
    show.failures[4] = [status(404)] * 4
    world = play(show)

    assert heard(world) == [0, 1, 2, 3, 5, 6, 7]
    gap = world.events.index(SourceGap(SEGMENT_S))
    before = [event for event in world.events[:gap] if isinstance(event, SourceAudio)]
    assert len(before) == 4
    assert world.decoders == 2


def test_what_is_missing_at_the_end_is_told() -> None:
    show = vod()
    show.failures[7] = [status(404)] * 4
    world = play(show)

    assert heard(world) == list(range(7))
    assert world.events[-1] == SourceGap(SEGMENT_S)


def test_what_is_missing_at_the_end_is_told_behind_what_a_decoder_still_has() -> None:
    show = vod()
    show.segments[7] = segment(7, is_missing=True)
    world = play(show, decodes_late=True)

    assert heard(world) == list(range(7))
    assert world.events[-1] == SourceGap(SEGMENT_S)
    assert is_clean(world)


def test_a_finite_playlist_of_missing_segments_ends_with_the_place() -> None:
    show = vod()
    for number in (4, 5, 6):
        show.failures[number] = [status(404)] * 9
    world = play(show)

    assert heard(world) == [0, 1, 2, 3]
    assert "HTTP 404, from second 8.0 on" in world.fault.message


def test_what_the_playlist_calls_missing_is_not_asked_for() -> None:
    show = vod(3)
    show.segments[1] = segment(1, is_missing=True)
    world = play(show)

    assert heard(world) == [0, 2]
    assert world.gaps_s == SEGMENT_S
    assert [step.segment.number for _, step in world.asked if isinstance(step, FetchSegment)] == [
        0,
        2,
    ]


def test_what_is_missing_before_the_first_sound_is_told_behind_the_opening() -> None:
    show = vod(3)
    show.segments[0] = segment(0, is_missing=True)

    assert play(show).events[:2] == [
        SourceOpened(INFO, is_live=False, carrier="an HLS playlist", duration_s=3 * SEGMENT_S),
        SourceGap(SEGMENT_S),
    ]


def test_a_segment_of_a_live_playlist_is_waited_for_while_it_is_listed() -> None:
    show = live(window=3)
    show.failures[5] = [status(404)] * 99
    world = play(show)

    assert heard(world) == [n for n in range(30) if n != 5]
    assert world.gaps_s == SEGMENT_S
    assert is_clean(world)


def test_what_never_gave_a_segment_and_never_will_fails_at_once() -> None:
    show = vod()
    show.failures[0] = [status(401)]
    world = play(show)

    assert "HTTP 401" in world.fault.message
    assert len(world.asked) == 1


def test_a_first_segment_that_fails_is_asked_for_again() -> None:
    show = vod()
    show.failures[0] = [status(500)]

    assert heard(play(show)) == list(range(8))


def test_what_came_before_a_fault_is_heard() -> None:
    show = vod()
    show.failures[5] = [status(401)]
    world = play(show)

    assert heard(world) == list(range(5))
    assert "HTTP 401, from second 10.0 on" in world.fault.message


def test_patience_ends_as_our_failure() -> None:
    show = live()
    show.failures[4] = [status(500)] * 99
    show.stands_from = 3.0
    world = play(show)

    assert world.fault.close_code is CloseCode.SERVER_FAULT
    assert world.fault.is_final


def test_a_playlist_that_stands_still_is_a_loss_and_given_up() -> None:
    show = live()
    show.stands_from = 10.0
    world = play(show)

    assert SourceLost in world.news
    assert SourceGap in world.news
    assert "has not moved on for" in world.fault.message
    assert world.fault.close_code is CloseCode.SERVER_FAULT
    assert world.now == pytest.approx(10 + RULES.stall_s + 60, abs=10)


class StandingShow(Show):
    """Its window does not move on for half a minute."""

    def listed(self, now: float) -> MediaPlaylist:
        return super().listed(10.0 if 10 < now < 40 else now)


def test_a_playlist_that_stands_still_for_a_while_is_found_again() -> None:
    world = play(StandingShow([segment(i) for i in range(30)], window=5))

    assert [kind for kind in world.news if kind is not SourceGap] == [
        SourceOpened,
        SourceLost,
        SourceOpened,
    ]
    total_s = len(world.pcm) / 32_000 + world.gaps_s
    assert total_s == pytest.approx(28 * SEGMENT_S, abs=SEGMENT_S)


def test_a_finite_playlist_of_nothing_is_a_fault() -> None:
    assert "no segments" in play(vod(0)).fault.message


@pytest.mark.parametrize(
    "change",
    [
        lambda show: show.formats.update({3: "mp3", 4: "mp3", 5: "mp3", 6: "mp3", 7: "mp3"}),
        lambda show: show.heads.update(
            {3: b"head", 4: b"head", 5: b"head", 6: b"head", 7: b"head"}
        ),
        lambda show: show.segments.__setitem__(3, segment(3, is_discontinuity=True)),
    ],
    ids=["format", "head", "discontinuity"],
)
def test_where_the_encoding_changes_another_decoder_begins(change: Callable[[Show], None]) -> None:
    show = vod()
    change(show)
    world = play(show)

    assert world.decoders == 2
    assert world.news == [SourceOpened]
    assert len(world.pcm) >= 8 * len(content(0))
    assert world.now >= MIN_RUN_S


def test_a_broken_segment_costs_its_own_time_alone() -> None:
    show = vod()
    show.media[3] = GARBAGE
    world = play(show)

    assert heard(world) == [0, 1, 2, 4, 5, 6, 7]
    assert world.gaps_s == SEGMENT_S
    assert is_clean(world)


def test_nothing_but_broken_segments_is_the_end() -> None:
    show = vod()
    show.media = dict.fromkeys(range(2, 8), GARBAGE)
    world = play(show)

    assert heard(world) == [0, 1]
    assert "cannot be decoded" in world.fault.message


def test_a_first_segment_that_is_no_sound_is_refused() -> None:
    show = live()
    show.media[2] = GARBAGE
    world = play(show)

    assert world.events == []
    assert "cannot be decoded" in world.fault.message


@pytest.mark.parametrize("first", [0, 3])
def test_segments_without_sound_are_missed_time(first: int) -> None:
    show = vod()
    show.silent = {first, first + 1}
    world = play(show)

    assert heard(world) == [n for n in range(8) if n not in show.silent]
    assert world.gaps_s == 2 * SEGMENT_S
    assert world.decoders == (2 if first else 1)
    assert is_clean(world)


def test_without_a_segment_with_sound_there_is_none() -> None:
    show = vod()
    show.silent = set(range(8))
    world = play(show)

    assert world.decoders == 0
    assert "an HLS stream without an audio track" in world.fault.message


def test_what_comes_back_without_sound_is_back() -> None:
    show = vod()
    show.failures[3] = [status(500)] * 3
    show.silent = {3, 4}
    world = play(show)

    assert [kind for kind in world.news if kind is not SourceGap] == [
        SourceOpened,
        SourceLost,
        SourceOpened,
    ]
    assert heard(world) == [0, 1, 2, 5, 6, 7]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_fails_each_second_is_heard_once_or_told(seed: int) -> None:
    """All that a playlist lists is heard at its place, or is told as a gap of its length."""
    chance = random.Random(seed)
    show = live(60) if seed % 2 else vod(40)
    first = 2 if seed % 2 else 0
    for number in range(first + 1, len(show.segments)):
        match chance.randrange(14):
            case 6:
                show.silent.add(number)
            case 0:
                show.failures[number] = [status(chance.choice([404, 500, 403]))] * 2
            case 1:
                show.failures[number] = [RESET] * chance.randrange(1, 4)
            case 2:
                show.media[number] = GARBAGE
            case 3:
                show.segments[number] = segment(number, is_discontinuity=True)
            case 4:
                show.segments[number] = segment(number, is_missing=True)
            case 5:
                show.formats[number] = "mp3"
    show.failures["playlist"] = [status(503), status(404)] * chance.randrange(3)
    world = play(show, decodes_late=seed % 4 > 1)

    assert is_clean(world)
    assert heard(world) == sorted(places(world))
    assert places(world) == {n: (n - first) * SEGMENT_S for n in heard(world)}
    total_s = len(world.pcm) / 32_000 + world.gaps_s
    assert total_s == pytest.approx((len(show.segments) - first) * SEGMENT_S)


def test_another_track_is_told_and_has_no_time_of_its_own() -> None:
    reading = Reading(PAGE, vod().listed(0), RULES, 0.0)
    other = replace(INFO, codec="aac", track=2)
    list(reading.begin(0.0))
    list(reading.receive(Known(INFO), 0.0))

    moved = list(reading.receive(Heard(SourceTrack(other)), 1.0))

    assert moved == [Tell(SourceTrack(other)), Hear()]
    assert reading.heard_s == 0.0

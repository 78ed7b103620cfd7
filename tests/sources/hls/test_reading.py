"""Playlists in a time of their own; segments are PCM as it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.events import SourceAudio, SourceGap, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.hls.page import PlaylistPage
from scribewire.sources.hls.playlist import MediaPlaylist, Resource, Segment
from scribewire.sources.hls.reading import MIN_RUN_S, Reading
from scribewire.sources.hls.segments import SegmentBytes
from scribewire.sources.retry import RetryRules
from scribewire.sources.rules import PullRules
from scribewire.sources.steps import (
    Connect,
    Failed,
    FetchSegment,
    PlaylistCame,
    ReadPlaylist,
    SegmentCame,
)
from tests.parts.world import GARBAGE, INFO, RESET, URL, Answered, World

RULES = PullRules(retry=RetryRules(give_up_after_s=60), open_timeout_s=30, random=lambda: 0.0)
SEGMENT_S = 2.0
PAGE = PlaylistPage("", URL, URL)


def status(code: int) -> SourceFault:
    return invalid_stream(f"HTTP {code}", is_transient=code >= 500, status=code)


def content(number: int) -> bytes:
    return number.to_bytes(4, "big") * round(SEGMENT_S * 32_000 / 4)


def segment(number: int, **others: object) -> Segment:
    plain = Segment(
        number=number,
        duration_s=SEGMENT_S,
        media=Resource(f"{number}.ts"),
        initialization=None,
        key=None,
        is_discontinuity=False,
        is_missing=False,
    )
    return replace(plain, **others)  # type: ignore[arg-type]  # as each test has it


@dataclass
class Show:
    """Segments, of which a window is listed: it moves on with time, unless all are there."""

    segments: list[Segment]
    window: int | None = None
    """So many are listed at a time; None: all, and it has ended."""
    failures: dict[int | str, list[SourceFault]] = field(default_factory=dict)
    """Of a segment, or of the playlist, one after the other."""
    media: dict[int, bytes] = field(default_factory=dict)
    """Of some segments, instead of their content."""
    formats: dict[int, str] = field(default_factory=dict)
    heads: dict[int, bytes] = field(default_factory=dict)
    stands_from: float = float("inf")
    """The window does not move on after that."""
    fetch_s: float = 0.05

    def listed(self, now: float) -> MediaPlaylist:
        segments = self.segments
        if self.window is not None:
            count = self.window + int(min(now, self.stands_from) / SEGMENT_S)
            segments = segments[max(count - self.window, 0) : count]
            has_ended = count >= len(self.segments)
        else:
            has_ended = True
        return MediaPlaylist(
            segments=tuple(segments), target_s=SEGMENT_S, has_ended=has_ended, start_s=None
        )

    def connect(self, step: Connect, now: float) -> Answered:
        raise AssertionError(step)

    def playlist(self, step: ReadPlaylist, now: float) -> tuple[float, PlaylistCame | Failed]:
        if faults := self.failures.get("playlist"):
            return now + self.fetch_s, Failed(faults.pop(0))
        return now + self.fetch_s, PlaylistCame(PAGE, self.listed(now))

    def segment(self, step: FetchSegment, now: float) -> tuple[float, SegmentCame | Failed]:
        number = step.segment.number
        if faults := self.failures.get(number):
            return now + self.fetch_s, Failed(faults.pop(0))
        data = SegmentBytes(
            media=self.media.get(number, content(number)),
            initialization=self.heads.get(number, b""),
            format=self.formats.get(number, "ts"),
        )
        return now + self.fetch_s, SegmentCame(data)


def play(show: Show, *, rules: PullRules = RULES, until: float = 1e5) -> World:
    world = World(show)
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
    assert world.events[0] == SourceOpened(INFO, is_live=True, carrier="an HLS playlist")
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


def test_a_playlist_that_stands_still_for_a_while_is_found_again() -> None:
    show = live()

    def listed(now: float) -> MediaPlaylist:
        return Show.listed(show, 10.0 if 10 < now < 40 else now)

    show.listed = listed  # type: ignore[method-assign]  # it stands for half a minute
    world = play(show)

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


@pytest.mark.parametrize("seed", range(40))
def test_whatever_fails_each_second_is_heard_once_or_told(seed: int) -> None:
    """All that a playlist lists is heard in its order, or is told as a gap of its length."""
    chance = random.Random(seed)
    show = live(60) if seed % 2 else vod(40)
    first = 2 if seed % 2 else 0
    for number in range(first + 1, len(show.segments)):
        match chance.randrange(12):
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
    world = play(show)

    found = heard(world)
    assert is_clean(world)
    assert found == sorted(set(found))
    total_s = len(world.pcm) / 32_000 + world.gaps_s
    assert total_s == pytest.approx((len(show.segments) - first) * SEGMENT_S)

"""Segments over a real origin; what they hold is plain bytes, for nothing is decoded here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.events import SourceEvent, SourceLost
from scribewire.sources.faults import SourceFault
from scribewire.sources.hls.playlist import MediaPlaylist, parse_playlist
from scribewire.sources.hls.segment_queue import (
    MIN_RELOAD_S,
    LoadedSegment,
    SegmentQueue,
    read_page,
)
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.fetcher import FetchLimits, GuardedFetcher
from scribewire.sources.http.urls import check_url
from scribewire.sources.retry import RetryRules
from tests.parts.origin import Origin, Reset, Stall, Status, run_origin
from tests.parts.playlists import RollingPlaylist, Segment, write_playlist

HOME = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))
QUICK = RetryRules(first_wait_s=0.001, max_wait_s=0.001, give_up_after_s=30)
IMPATIENT = RetryRules(first_wait_s=0.001, max_wait_s=0.001, give_up_after_s=0.01)
LISTED = 8


def listed(count: int = LISTED, *, seconds: float = 1.0) -> tuple[Segment, ...]:
    return tuple(Segment(uri=f"{i:03}.ts", duration_s=seconds) for i in range(count))


def rolling_playlist(window: int) -> RollingPlaylist:
    """Return one that is read as often as any may be, and moves on when it is told to."""
    return RollingPlaylist(listed(), window=window, speed=0)


def content(number: int) -> bytes:
    return f"segment {number} ".encode() * 100


@dataclass
class Reader:
    """Reads a queue, and notes what it tells."""

    queue: SegmentQueue
    told: list[SourceEvent] = field(default_factory=list)

    async def read(self, count: int) -> list[LoadedSegment]:
        found = [await self.queue.next() for _ in range(count)]
        return [one for one in found if one is not None]

    async def read_all(self) -> list[LoadedSegment]:
        found = []
        while (segment := await self.queue.next()) is not None:
            found.append(segment)
        return found


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    for number in range(LISTED):
        (tmp_path / f"{number:03}.ts").write_bytes(content(number))
    async with run_origin(tmp_path) as running:
        yield running


@asynccontextmanager
async def reading(
    origin: Origin, retry: RetryRules = QUICK, limits: FetchLimits | None = None
) -> AsyncIterator[Reader]:
    url = check_url(origin.url("live.m3u8"))
    async with GuardedFetcher(HOME, limits=limits or FetchLimits()) as fetcher:
        page = await read_page(fetcher, url)
        playlist = parse_playlist(page.text)
        assert isinstance(playlist, MediaPlaylist)

        async def tell(event: SourceEvent) -> None:
            reader.told.append(event)

        reader = Reader(SegmentQueue(fetcher, page, playlist, retry, tell))
        yield reader


def write_vod(origin: Origin, count: int = LISTED) -> None:
    (origin.folder / "live.m3u8").write_text(write_playlist(listed(count), kind="VOD"))


def numbers(segments: list[LoadedSegment]) -> list[int]:
    return [int(one.data.media.split()[1]) for one in segments]


def missed(segments: list[LoadedSegment]) -> list[float]:
    return [one.missed_s for one in segments]


async def test_a_finite_playlist_gives_each_segment_once(origin: Origin) -> None:
    write_vod(origin)
    async with reading(origin) as reader:
        segments = await reader.read_all()

        assert [one.data.media for one in segments] == [content(i) for i in range(LISTED)]
        assert [one.is_continued for one in segments] == [False] + [True] * (LISTED - 1)
        assert reader.queue.duration_s == LISTED
    assert len(origin.asked("/live.m3u8")) == 1


async def test_a_live_playlist_is_entered_near_its_end_and_followed(origin: Origin) -> None:
    rolling = origin.playlists["/live.m3u8"] = rolling_playlist(window=4)
    async with reading(origin) as reader:
        first = await reader.read(3)
        assert reader.queue.duration_s is None
        rolling.advance(2)
        following = await reader.read(2)
        rolling.advance(2)
        last = await reader.read_all()

    assert numbers(first + following + last) == [1, 2, 3, 4, 5, 6, 7]
    assert sum(missed(first + following + last)) == 0


async def test_what_left_the_window_unseen_is_missed_time(origin: Origin) -> None:
    rolling = origin.playlists["/live.m3u8"] = rolling_playlist(window=2)
    async with reading(origin) as reader:
        first = await reader.read(2)
        rolling.advance(5)
        following = await reader.read(1)

    assert numbers(first + following) == [0, 1, 5]
    # Three segments of a second, or as much of it as has passed meanwhile.
    assert MIN_RELOAD_S <= following[0].missed_s <= 3
    assert not following[0].is_continued


async def test_a_segment_that_is_reset_is_fetched_again(origin: Origin) -> None:
    write_vod(origin)
    origin.fail("/003.ts", Reset(after_bytes=300))
    async with reading(origin) as reader:
        segments = await reader.read_all()

    assert [one.data.media for one in segments] == [content(i) for i in range(LISTED)]
    assert len(origin.asked("/003.ts")) == 2
    assert reader.told == []


async def test_bursts_of_failures_are_outlived_and_told(origin: Origin) -> None:
    write_vod(origin)
    origin.fail("/002.ts", Status(500), Status(404), Status(503), Status(429))
    async with reading(origin) as reader:
        segments = await reader.read_all()

    assert numbers(segments) == list(range(LISTED))
    assert [type(event) for event in reader.told] == [SourceLost]
    assert [one.follows_loss for one in segments] == [False] * 2 + [True] + [False] * 5
    assert all(one.is_continued for one in segments[1:])


async def test_a_live_playlist_that_fails_is_asked_again(origin: Origin) -> None:
    rolling = origin.playlists["/live.m3u8"] = rolling_playlist(window=4)
    async with reading(origin) as reader:
        first = await reader.read(3)
        rolling.advance(1)
        origin.fail("/live.m3u8", Status(404), Status(500), Status(502))
        following = await reader.read(1)

    assert numbers(first + following) == [1, 2, 3, 4]
    assert [type(event) for event in reader.told] == [SourceLost]
    assert following[0].follows_loss
    assert following[0].is_continued


async def test_a_missing_segment_of_a_finite_playlist_is_skipped(origin: Origin) -> None:
    write_vod(origin)
    (origin.folder / "004.ts").unlink()
    async with reading(origin) as reader:
        segments = await reader.read_all()

    assert numbers(segments) == [0, 1, 2, 3, 5, 6, 7]
    assert missed(segments) == [0, 0, 0, 0, 1, 0, 0]
    assert not segments[4].is_continued
    assert len(origin.asked("/004.ts")) == 4


async def test_a_finite_playlist_of_missing_segments_is_refused(origin: Origin) -> None:
    write_vod(origin)
    for number in (4, 5, 6):
        (origin.folder / f"{number:03}.ts").unlink()
    async with reading(origin) as reader:
        assert numbers(await reader.read(4)) == [0, 1, 2, 3]
        with pytest.raises(SourceFault, match="HTTP 404"):
            await reader.read(1)


async def test_a_playlist_of_which_nothing_is_there_is_refused(origin: Origin) -> None:
    write_vod(origin, 2)
    for number in (0, 1):
        (origin.folder / f"{number:03}.ts").unlink()
    async with reading(origin) as reader:
        with pytest.raises(SourceFault, match="HTTP 404"):
            await reader.read(1)


async def test_an_encoder_that_restarts_has_a_head_of_its_own(origin: Origin) -> None:
    def version(*names: str) -> str:
        tags = '#EXTM3U\n#EXT-X-TARGETDURATION:0\n#EXT-X-MAP:URI="head.mp4"\n'
        return tags + "".join(f"#EXTINF:1,\n{name}.m4s\n" for name in names)

    playlist, head = origin.folder / "live.m3u8", origin.folder / "head.mp4"
    for name in ("old", "older", "new"):
        (origin.folder / f"{name}.m4s").write_bytes(b"\0\0\0\x08moof" + name.encode())
    playlist.write_text(version("older", "old"))
    head.write_bytes(b"\0\0\0\x08ftyp old")
    async with reading(origin) as reader:
        _, old = await reader.read(2)
        playlist.write_text(version("new"))
        head.write_bytes(b"\0\0\0\x08ftyp new")
        (new,) = await reader.read(1)

    assert [one.data.initialization[-3:] for one in (old, new)] == [b"old", b"new"]
    assert not new.is_continued


async def test_a_missing_segment_of_a_live_playlist_is_waited_for_while_it_is_listed(
    origin: Origin,
) -> None:
    rolling = origin.playlists["/live.m3u8"] = rolling_playlist(window=3)
    async with reading(origin) as reader:
        first = await reader.read(3)
        rolling.advance(1)
        (origin.folder / "003.ts").unlink()
        third = Stall()
        origin.fail("/003.ts", Status(404), Status(404), third)
        waiting = asyncio.create_task(reader.read(1))
        await third.reached.wait()
        rolling.advance(3)  # it has left the window
        third.released.set()
        following = await waiting

    assert numbers(first + following) == [0, 1, 2, 4]
    assert missed(following) == [1]


async def test_a_segment_that_the_playlist_calls_missing_is_not_asked_for(origin: Origin) -> None:
    text = write_playlist(listed(3), kind="VOD").replace("001.ts", "#EXT-X-GAP\n001.ts")
    (origin.folder / "live.m3u8").write_text(text)
    async with reading(origin) as reader:
        segments = await reader.read_all()

    assert numbers(segments) == [0, 2]
    assert missed(segments) == [0, 1]
    assert origin.asked("/001.ts") == []


async def test_patience_ends_as_our_failure(origin: Origin) -> None:
    write_vod(origin)
    origin.fail("/001.ts", Status(500), times=10_000)
    async with reading(origin, IMPATIENT) as reader:
        await reader.read(1)
        with pytest.raises(SourceFault, match="HTTP 500") as given_up:
            await reader.read(1)

    assert given_up.value.close_code is CloseCode.SERVER_FAULT


async def test_a_first_segment_that_fails_is_asked_for_again(origin: Origin) -> None:
    write_vod(origin)
    origin.fail("/000.ts", Status(500))
    async with reading(origin) as reader:
        assert numbers(await reader.read(1)) == [0]

    assert len(origin.asked("/000.ts")) == 2


async def test_what_never_gave_a_segment_and_never_will_fails_at_once(origin: Origin) -> None:
    write_vod(origin)
    origin.fail("/000.ts", Status(401))
    async with reading(origin) as reader:
        with pytest.raises(SourceFault, match="HTTP 401"):
            await reader.read(1)

    assert len(origin.asked("/000.ts")) == 1


async def test_a_playlist_that_stands_still_is_a_loss(origin: Origin) -> None:
    origin.playlists["/live.m3u8"] = rolling_playlist(window=3)
    async with reading(origin, IMPATIENT, FetchLimits(stall_s=0.1)) as reader:
        await reader.read(3)
        with pytest.raises(SourceFault, match="has not moved on for") as given_up:
            await reader.read(1)

    assert given_up.value.close_code is CloseCode.SERVER_FAULT
    assert [type(event) for event in reader.told] == [SourceLost]


async def test_later_versions_are_asked_for_where_the_first_was(origin: Origin) -> None:
    rolling = rolling_playlist(window=3)
    origin.redirects["/live.m3u8"] = "/moved.m3u8"
    origin.playlists["/moved.m3u8"] = rolling
    async with reading(origin) as reader:
        await reader.read(3)
        rolling.advance(1)
        await reader.read(1)

    assert len(origin.asked("/live.m3u8")) >= 2


async def test_an_ended_playlist_of_other_segments_is_not_the_end_of_a_live_one(
    origin: Origin,
) -> None:
    playlist = origin.folder / "live.m3u8"
    playlist.write_text(write_playlist(listed(3), first_sequence=1000, is_ended=False, target_s=0))
    async with reading(origin) as reader:
        assert numbers(await reader.read(3)) == [0, 1, 2]
        playlist.write_text(write_playlist(listed(3), target_s=0))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.queue.next(), 1.5 * MIN_RELOAD_S)
        assert len(origin.asked("/live.m3u8")) in (2, 3)
        playlist.write_text(write_playlist(listed(5)[3:], first_sequence=1003, target_s=0))

        assert numbers(await reader.read_all()) == [3, 4]


async def test_a_finite_playlist_of_nothing_is_a_fault(origin: Origin) -> None:
    write_vod(origin, 0)
    async with reading(origin) as reader:
        with pytest.raises(SourceFault, match="no segments"):
            await reader.queue.next()

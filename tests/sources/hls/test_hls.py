"""HLS from end to end of the pull: ffmpeg's playlists, a real origin, a real decoder."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from scribewire.audio.container import TrackWish
from scribewire.sources.events import SourceAudio, SourceEvent, SourceGap, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, AddressRule
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules
from scribewire.types import PCM_BYTES_PER_S, SAMPLE_RATE
from tests.parts.decoding import DECODERS
from tests.parts.installed import need_part
from tests.parts.likeness import measure_likeness
from tests.parts.media import (
    HLS_KINDS,
    decode_file,
    make_discontinuous_hls,
    make_hls,
)
from tests.parts.origin import HangUp, Origin, Reset, Stall, Status, run_origin
from tests.parts.playlists import (
    Rendition,
    RollingPlaylist,
    Variant,
    read_segments,
    write_master,
)

HOME = AddressPolicy(named=(AddressRule(host="127.0.0.1"),))
QUICK = RetryRules(first_wait_s=0.001, max_wait_s=0.001)
LOSSLESS = "fmp4-flac"
_ANY_TRACK = TrackWish()

pytestmark = pytest.mark.slow  # ffmpeg encodes, and live playlists move on


@pytest.fixture(autouse=True)
def _ffmpeg() -> None:
    need_part("ffmpeg")


def speech_like(seconds: float, seed: int = 0) -> bytes:
    """Return PCM in which no two moments are alike."""
    random = np.random.default_rng(seed)
    noise = np.convolve(random.normal(size=round(seconds * SAMPLE_RATE)), np.ones(12) / 12, "same")
    swell = 0.3 + 0.2 * np.sin(np.arange(noise.size) / 3000)
    return np.asarray(noise * swell * 20_000).clip(-32_768, 32_767).astype("<i2").tobytes()


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    async with run_origin(tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def pulling(
    url: str, wish: TrackWish = _ANY_TRACK
) -> AsyncIterator[AsyncIterator[SourceEvent]]:
    async with GuardedFetcher(HOME) as fetcher:
        sources = Sources(fetcher=fetcher, decoders=DECODERS, retry=QUICK, open_timeout_s=15)
        async with contextlib.aclosing(sources.pull(url, wish)) as pulled:
            yield pulled


async def pull(url: str, into: list[SourceEvent] | None = None) -> list[SourceEvent]:
    events: list[SourceEvent] = [] if into is None else into
    async with pulling(url) as pulled:
        async for event in pulled:
            events.append(event)  # noqa: PERF401 - kept when the source fails
    return events


def pcm_of(events: Sequence[SourceEvent]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, SourceAudio))


def kinds(events: Sequence[SourceEvent]) -> list[type[SourceEvent]]:
    return [type(event) for event in events if not isinstance(event, SourceAudio)]


@pytest.mark.parametrize("kind", HLS_KINDS)
async def test_every_kind_of_playlist_is_heard_as_ffmpeg_hears_it(
    kind: str, origin: Origin
) -> None:
    pcm = speech_like(7.3)
    path = make_hls(origin.folder, pcm, kind)
    events = await pull(origin.url(path.name))

    opened = events[0]
    assert isinstance(opened, SourceOpened)
    assert (opened.is_live, opened.carrier) == (False, "an HLS playlist")
    assert opened.duration_s == pytest.approx(7.3, abs=0.15)
    assert kinds(events) == [SourceOpened]
    if kind == LOSSLESS:
        assert pcm_of(events) == pcm
    else:
        heard = pcm_of(events)
        assert len(heard) / PCM_BYTES_PER_S == pytest.approx(7.3, abs=0.15)
        assert measure_likeness(heard, decode_file(path)).correlation > 0.98


async def test_a_live_playlist_is_heard_sample_by_sample(origin: Origin) -> None:
    pcm = speech_like(12)
    path = make_hls(origin.folder, pcm, LOSSLESS, segment_s=0.5)
    segments = read_segments(path.read_text())
    origin.playlists["/live.m3u8"] = RollingPlaylist(segments, window=16, speed=8)
    events = await pull(origin.url("live.m3u8"))

    opened = events[0]
    assert isinstance(opened, SourceOpened)
    assert opened.is_live
    assert opened.duration_s is None
    assert kinds(events) == [SourceOpened]
    # It is entered three segments before its end.
    before = sum(one.duration_s for one in segments[: 16 - 3])
    assert pcm_of(events) == pcm[round(before * PCM_BYTES_PER_S) :]


async def test_nothing_is_lost_or_doubled_whatever_fails(origin: Origin) -> None:
    pcm = speech_like(12)
    path = make_hls(origin.folder, pcm, LOSSLESS, segment_s=0.5)
    segments = read_segments(path.read_text())
    origin.playlists["/live.m3u8"] = RollingPlaylist(
        segments, window=None, first_segments=3, speed=8
    )
    origin.fail("*0005.m4s", Status(404), Status(500), Status(404))
    origin.fail("*0009.m4s", Reset(after_bytes=4000), HangUp(after_bytes=100), Reset())
    origin.fail("*0014.m4s", Stall(after_bytes=1000, for_s=0.3))
    events: list[SourceEvent] = []
    async with pulling(origin.url("live.m3u8")) as pulled:
        async for event in pulled:
            if not events:
                origin.fail("/live.m3u8", HangUp(), Status(404), Status(503))
            events.append(event)

    assert pcm_of(events) == pcm
    assert SourceGap not in kinds(events)
    assert origin.pending_faults == 0


async def test_parts_of_different_encodings_follow_each_other(origin: Origin) -> None:
    parts = [speech_like(3, seed) for seed in range(4)]
    path = make_discontinuous_hls(
        origin.folder, parts, kinds=("ts", "fmp4", "aac"), rates_hz=(44_100, 22_050)
    )
    events = await pull(origin.url(path.name))

    assert kinds(events) == [SourceOpened]
    assert len(pcm_of(events)) / PCM_BYTES_PER_S == pytest.approx(12, abs=0.5)
    apart = b"".join(decode_file(origin.folder / f"talk-part{i}.m3u8") for i in range(4))
    assert measure_likeness(pcm_of(events), apart).correlation > 0.95


async def test_a_broken_segment_costs_its_own_time_alone(origin: Origin) -> None:
    pcm = speech_like(8)
    path = make_hls(origin.folder, pcm, LOSSLESS, segment_s=1.0)
    (origin.folder / "talk-0003.m4s").write_bytes(b"nothing of use" * 400)
    events = await pull(origin.url(path.name))

    told = sum(event.seconds for event in events if isinstance(event, SourceGap))
    heard = len(pcm_of(events)) / PCM_BYTES_PER_S
    assert heard + told == pytest.approx(8, abs=0.2)
    assert pcm_of(events)[: 3 * PCM_BYTES_PER_S] == pcm[: 3 * PCM_BYTES_PER_S]
    assert pcm_of(events)[-3 * PCM_BYTES_PER_S :] == pcm[-3 * PCM_BYTES_PER_S :]


async def test_a_missing_segment_is_told_as_a_gap_where_it_belongs(origin: Origin) -> None:
    pcm = speech_like(6)
    path = make_hls(origin.folder, pcm, LOSSLESS, segment_s=1.0)
    segments = read_segments(path.read_text())
    (origin.folder / segments[2].uri).unlink()
    events = await pull(origin.url(path.name))

    before = round(sum(one.duration_s for one in segments[:2]) * PCM_BYTES_PER_S)
    gap = next(i for i, event in enumerate(events) if isinstance(event, SourceGap))
    assert pcm_of(events[:gap]) == pcm[:before]
    assert events[gap] == SourceGap(segments[2].duration_s)
    after = round(segments[2].duration_s * PCM_BYTES_PER_S)
    assert pcm_of(events[gap:]) == pcm[before + after :]


async def test_a_master_playlist_leads_to_its_sound(origin: Origin) -> None:
    make_hls(origin.folder, speech_like(3), "ts-picture", name="dear")
    sound = make_hls(origin.folder, speech_like(3), LOSSLESS, name="sound")
    (origin.folder / "master.m3u8").write_text(
        write_master(
            [Variant(uri="dear.m3u8", bandwidth=900_000, audio_group="a")],
            [Rendition(uri=sound.name, group="a")],
        )
    )
    events = await pull(origin.url("master.m3u8"))

    assert pcm_of(events) == speech_like(3)
    assert origin.asked("/dear.m3u8") == []


async def test_what_a_playlist_needs_is_carried_to_its_segments(origin: Origin) -> None:
    path = make_hls(origin.folder, speech_like(3), LOSSLESS)
    origin.credentials, origin.token, origin.gzips_playlists = ("user", "word"), "a-b", True
    events = await pull(origin.url(path.name))

    assert pcm_of(events) == speech_like(3)


async def test_variables_lead_from_the_master_playlist_to_the_segments(origin: Origin) -> None:
    path = make_hls(origin.folder, speech_like(3), LOSSLESS)
    define = '#EXTM3U\n#EXT-X-DEFINE:IMPORT="name"\n#EXT-X-DEFINE:QUERYPARAM="v"'
    text = path.read_text().replace("#EXTM3U", define).replace("talk-", "{$name}{$v}")
    (origin.folder / "media.m3u8").write_text(text)
    (origin.folder / "master.m3u8").write_text(
        '#EXTM3U\n#EXT-X-DEFINE:NAME="name",VALUE="talk"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=1\nmedia.m3u8?v=-\n"
    )
    events = await pull(origin.url("master.m3u8"))

    assert pcm_of(events) == speech_like(3)


async def test_a_list_of_stations_leads_to_the_first(origin: Origin) -> None:
    path = make_hls(origin.folder, speech_like(2), LOSSLESS)
    (origin.folder / "radio.pls").write_text(f"[playlist]\nFile1={path.name}\nTitle1=Radio\n")
    (origin.folder / "radio.m3u").write_text("#EXTM3U\n#EXTINF:-1,Radio\nradio.pls\n")
    events = await pull(origin.url("radio.m3u"))

    assert pcm_of(events) == speech_like(2)


async def test_pictures_alone_are_refused_before_more_is_waited_for(origin: Origin) -> None:
    page = origin.folder / "page.ts"
    page.write_bytes(b"<!doctype html><html>" + b" " * 2000)
    segments = read_segments("#EXTINF:2,\npage.ts\n" * 4)
    origin.playlists["/live.m3u8"] = RollingPlaylist(segments, window=3, speed=0)
    events: list[SourceEvent] = []
    with pytest.raises(SourceFault, match="an HTML page"):
        await pull(origin.url("live.m3u8"), events)

    assert events == []


async def test_a_loss_is_told_and_its_end(origin: Origin) -> None:
    path = make_hls(origin.folder, speech_like(6), LOSSLESS, segment_s=1.0)
    before = Stall()
    origin.fail("*0002.m4s", before)
    origin.fail("*0003.m4s", Status(500), times=5)
    events: list[SourceEvent] = []
    async with pulling(origin.url(path.name)) as pulled:
        async for event in pulled:
            events.append(event)
            before.released.set()

    assert kinds(events) == [SourceOpened, SourceLost, SourceOpened]
    assert pcm_of(events) == speech_like(6)


async def test_what_opens_though_it_was_lost_before_opens_once(origin: Origin) -> None:
    path = make_hls(origin.folder, speech_like(3), LOSSLESS, segment_s=1.0)
    before = Stall()
    origin.fail("*0001.m4s", Status(500), Status(500), before)
    events: list[SourceEvent] = []
    async with pulling(origin.url(path.name)) as pulled:
        async for event in pulled:
            events.append(event)
            before.released.set()

    # A decoder takes longer to start than two requests, nearly always.
    assert kinds(events) in ([SourceOpened], [SourceOpened, SourceLost, SourceOpened])
    assert pcm_of(events) == speech_like(3)


async def test_what_came_before_a_fault_is_heard(origin: Origin) -> None:
    path = make_hls(origin.folder, speech_like(2), LOSSLESS, segment_s=1.0)
    text = path.read_text().replace("talk-0001.m4s", "http://10.0.0.1/talk-0001.m4s")
    path.write_text(text)
    events: list[SourceEvent] = []
    with pytest.raises(SourceFault, match="not allowed"):
        await pull(origin.url(path.name), events)

    assert kinds(events) == [SourceOpened]
    assert pcm_of(events) == speech_like(2)[: len(pcm_of(events))]
    assert len(pcm_of(events)) / PCM_BYTES_PER_S == pytest.approx(1.0, abs=0.1)


async def test_a_live_playlist_that_ended_is_not_heard_once_more(origin: Origin) -> None:
    path = make_hls(origin.folder, speech_like(8), LOSSLESS, segment_s=0.5)
    segments = read_segments(path.read_text())
    origin.playlists["/live.m3u8"] = RollingPlaylist(segments, window=12, speed=8)
    for segment in segments[-3:]:
        (origin.folder / segment.uri).unlink()
    events: list[SourceEvent] = []
    with pytest.raises(SourceFault, match="404"):
        await pull(origin.url("live.m3u8"), events)

    assert kinds(events).count(SourceOpened) == 1
    assert len(origin.asked(f"/{segments[-4].uri}")) == 1


async def test_what_is_missing_before_the_first_sound_is_told_behind_the_opening(
    origin: Origin,
) -> None:
    pcm = speech_like(4)
    path = make_hls(origin.folder, pcm, LOSSLESS, segment_s=0.5)
    path.write_text(path.read_text().replace("#EXTINF", "#EXT-X-GAP\n#EXTINF", 1))
    events = await pull(origin.url(path.name))

    assert kinds(events) == [SourceOpened, SourceGap]
    assert isinstance(events[1], SourceGap)
    assert events[1].seconds + len(pcm_of(events)) / PCM_BYTES_PER_S == pytest.approx(4, abs=0.01)

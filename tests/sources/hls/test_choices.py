"""Which playlist, and which decoder: ffmpeg's playlists, a real origin, a real decoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from scribewire.audio.container import TrackWish
from scribewire.sources.events import SourceGap, SourceOpened, SourceTrack
from scribewire.types import PCM_BYTES_PER_S, SAMPLE_RATE
from tests.parts.likeness import measure_likeness
from tests.parts.media import make_hls, run_ffmpeg
from tests.parts.origin import Origin
from tests.parts.playlists import Rendition, Variant, join_playlists, read_segments, write_master
from tests.sources.hls.test_hls import (
    LOSSLESS,
    _ffmpeg,
    kinds,
    origin,
    pcm_of,
    pull,
    pulling,
    speech_like,
)

__all__ = ["_ffmpeg", "origin"]  # fixtures

pytestmark = pytest.mark.slow  # ffmpeg encodes


async def test_the_next_variant_is_heard_when_the_cheapest_is_dead_or_silent(
    origin: Origin,
) -> None:
    make_hls(origin.folder, speech_like(2), "ts-picture", name="silent")
    for one in origin.folder.glob("silent-*.ts"):
        one.write_bytes(strip_sound(one))
    sound = make_hls(origin.folder, speech_like(3), LOSSLESS, name="sound")
    (origin.folder / "master.m3u8").write_text(
        write_master(
            [
                Variant(uri="dead.m3u8", bandwidth=100_000),
                Variant(uri="silent.m3u8", bandwidth=200_000),
                Variant(uri=sound.name, bandwidth=900_000),
            ]
        )
    )
    events = await pull(origin.url("master.m3u8"))

    assert pcm_of(events) == speech_like(3)
    assert kinds(events) == [SourceOpened]


async def test_the_next_rendition_is_heard_when_the_default_is_dead(origin: Origin) -> None:
    sound = make_hls(origin.folder, speech_like(3), LOSSLESS, name="sound")
    (origin.folder / "master.m3u8").write_text(
        write_master(
            [Variant(uri="dear.m3u8", bandwidth=900_000, audio_group="a")],
            [
                Rendition(uri="dead.m3u8", group="a", is_default=True),
                Rendition(uri=sound.name, group="a"),
            ],
        )
    )

    assert pcm_of(await pull(origin.url("master.m3u8"))) == speech_like(3)


@pytest.mark.parametrize(("language", "seed"), [(None, 0), ("en", 0), ("nl", 1), ("fr", 0)])
async def test_a_rendition_in_the_language_is_heard(
    language: str | None, seed: int, origin: Origin
) -> None:
    for number, name in enumerate(("english", "dutch")):
        make_hls(origin.folder, speech_like(2, number), LOSSLESS, name=name)
    (origin.folder / "master.m3u8").write_text(
        write_master(
            [Variant(uri="dear.m3u8", bandwidth=900_000, audio_group="a")],
            [
                Rendition(uri="english.m3u8", group="a", language="en", is_default=True),
                Rendition(uri="dutch.m3u8", group="a", language="nld", is_default=False),
            ],
        )
    )
    async with pulling(origin.url("master.m3u8"), TrackWish(language=language)) as pulled:
        events = [event async for event in pulled]

    assert pcm_of(events) == speech_like(2, seed)


def strip_sound(segment: Path) -> bytes:
    """Return a segment with its picture alone."""
    arguments = ("-i", str(segment), "-map", "0:v", "-c", "copy", "-f", "mpegts", "pipe:1")
    return run_ffmpeg(arguments)


async def test_segments_of_every_kind_follow_each_other_in_every_order(origin: Origin) -> None:
    """Nothing marks where they change: no discontinuity, and each has its own clock."""
    entries: dict[str, str] = {}
    for kind in ("ts", "ts-mp3", "aac", LOSSLESS):
        made = make_hls(origin.folder, speech_like(1), kind, name=kind, segment_s=4)
        one = read_segments(made.read_text())[0]
        entries[kind] = "\n".join([*one.lasting, f"#EXTINF:{one.duration_s},", one.uri])
    picture = make_hls(origin.folder, speech_like(1), "ts-picture", name="picture", segment_s=4)
    silent = origin.folder / read_segments(picture.read_text())[0].uri
    silent.write_bytes(strip_sound(silent))
    entries["silent"] = f"#EXTINF:1.0,\n{silent.name}"
    order = every_pair(list(entries))
    text = "\n".join(entries[kind] for kind in order)
    head = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n"
    (origin.folder / "all.m3u8").write_text(f"{head}{text}\n#EXT-X-ENDLIST\n")
    events = await pull(origin.url("all.m3u8"))

    told = sum(event.seconds for event in events if isinstance(event, SourceGap))
    heard = len(pcm_of(events)) / PCM_BYTES_PER_S
    assert heard == pytest.approx(sum(kind != "silent" for kind in order), abs=0.1 * len(order))
    assert heard + told == pytest.approx(len(order), abs=0.1 * len(order))
    assert pcm_of(events).count(speech_like(1)[:3200]) == order.count(LOSSLESS)


def every_pair(kinds: list[str]) -> list[str]:
    """Return an order in which each kind follows each other one: a closed walk of all pairs."""
    left = {one: [other for other in kinds if other != one] for one in kinds}
    walk, found = [kinds[0]], list[str]()
    while walk:
        if left[walk[-1]]:
            walk.append(left[walk[-1]].pop())
        else:
            found.append(walk.pop())
    return found


def make_tracks(folder: Path, *tracks: bytes, suffix: str = "ts", name: str = "two") -> str:
    """Make a playlist whose segments of six seconds have several tracks; return its text."""
    inputs: list[str] = []
    for number, pcm in enumerate(tracks):
        raw = folder / f"{name}-{number}.pcm"
        raw.write_bytes(pcm)
        inputs += ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", str(raw)]
    maps = [word for number in range(len(tracks)) for word in ("-map", str(number))]
    muxer = ["-f", "hls", "-hls_time", "6", "-hls_playlist_type", "vod", "-c:a", "aac"]
    if suffix == "m4s":
        muxer += ["-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", f"{name}-init.mp4"]
    segments = ["-hls_segment_filename", str(folder / f"{name}-%d.{suffix}")]
    playlist = folder / f"{name}.m3u8"
    run_ffmpeg([*inputs, *maps, *muxer, *segments, str(playlist)])
    return playlist.read_text("utf-8")


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * SAMPLE_RATE))


@pytest.mark.parametrize("suffix", ["ts", "m4s"])
async def test_a_first_track_that_is_silent_is_left_for_the_one_that_speaks(
    suffix: str, origin: Origin
) -> None:
    pcm = silence(8) + speech_like(9)  # in the second segment
    make_tracks(origin.folder, silence(17), pcm, suffix=suffix)
    url = origin.url("two.m3u8")
    events = await pull(url)
    async with pulling(url, TrackWish(number=2)) as pulled:
        asked_for = [event async for event in pulled]

    assert kinds(events) == [SourceOpened, SourceTrack]
    assert measure_likeness(pcm_of(events), pcm_of(asked_for)).correlation > 0.999
    assert len(pcm_of(events)) == len(pcm_of(asked_for))


async def test_who_has_spoken_is_not_left_at_a_discontinuity(origin: Origin) -> None:
    both = [speech_like(3) + silence(3), silence(6)]
    parts = [
        make_tracks(origin.folder, *both, name="a"),
        make_tracks(origin.folder, *both[::-1], name="b"),
    ]
    (origin.folder / "both.m3u8").write_text(join_playlists(parts))
    events = await pull(origin.url("both.m3u8"))

    assert kinds(events) == [SourceOpened]
    behind = pcm_of(events)[7 * PCM_BYTES_PER_S :]
    assert len(behind) == pytest.approx(5 * PCM_BYTES_PER_S, rel=0.05)
    assert not behind.strip(b"\0")

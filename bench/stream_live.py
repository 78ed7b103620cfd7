"""Live HLS as ffmpeg makes it, in real time, beside the same audio pushed."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stream_sessions import pull, push_pcm
from bench.table import format_table
from scribewire.types import SAMPLE_RATE
from tests.parts.installed import find_part
from tests.parts.media import make_file, make_hls
from tests.parts.playlists import RollingPlaylist, read_segments
from tests.parts.programs import Program

if TYPE_CHECKING:
    from bench.server_process import BenchServer
    from tests.parts.origin import Origin

KINDS = ("ts", "fmp4-flac")  # rolled by our origin
ENCODER = "fmp4-flac, encoded live"  # rolled by ffmpeg itself, which deletes what is too old
SEGMENT_S = 4.0
WINDOW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRow:
    """One live playlist, heard to its end."""

    kind: str
    seconds: float
    segments: int
    took_s: float
    against: str
    """What it is compared with."""
    words: int
    different_words: int
    is_identical: bool
    error: str


async def measure_live(server: BenchServer, origin: Origin, pcm: bytes) -> list[LiveRow]:
    """Hear `pcm` as rolling playlists at once, then pushed."""
    playlists = [_measure_rolling(server, origin, pcm, kind) for kind in KINDS]
    return list(await asyncio.gather(*playlists, _measure_encoder(server, origin, pcm)))


async def _measure_encoder(server: BenchServer, origin: Origin, pcm: bytes) -> LiveRow:
    """Let ffmpeg encode in real time and roll the playlist by itself."""
    source = make_file(origin.folder, pcm, "wav", name="encoded")
    playlist = origin.folder / "encoder" / "live.m3u8"
    playlist.parent.mkdir()
    command = [find_part("ffmpeg"), "-hide_banner", "-nostdin", "-loglevel", "error", "-re"]
    command += ["-i", str(source), "-c:a", "flac", "-strict", "experimental", "-f", "hls"]
    command += ["-hls_time", f"{SEGMENT_S:g}", "-hls_list_size", str(WINDOW)]
    command += ["-hls_flags", "delete_segments", "-hls_segment_type", "fmp4", str(playlist)]
    encoder = await Program.start(command, origin.folder / "encoder.log")

    async def has_begun() -> bool:
        return playlist.is_file()

    try:
        await encoder.wait_until(has_begun)
        began = time.monotonic()
        heard = await pull(server, origin.url("encoder/live.m3u8"))
    finally:
        await encoder.kill()
    pushed = await push_pcm(server, pcm)
    errors = heard.differs_by(pushed)
    return LiveRow(
        kind=ENCODER,
        seconds=len(pcm) / 2 / SAMPLE_RATE,
        segments=math.ceil(len(pcm) / 2 / SAMPLE_RATE / SEGMENT_S),
        took_s=time.monotonic() - began,
        against="the PCM",
        words=errors.words,
        different_words=errors.errors,
        is_identical=heard.is_same_as(pushed),
        error=heard.error,
    )


async def _measure_rolling(server: BenchServer, origin: Origin, pcm: bytes, kind: str) -> LiveRow:
    path = make_hls(origin.folder, pcm, kind, name=f"live-{kind}", segment_s=SEGMENT_S)
    segments = read_segments(path.read_text("utf-8"))
    name = f"rolling-{kind}.m3u8"
    origin.playlists[f"/{name}"] = RollingPlaylist(segments, window=WINDOW, first_segments=3)
    began = time.monotonic()
    heard = await pull(server, origin.url(name))
    took_s = time.monotonic() - began
    del origin.playlists[f"/{name}"]  # which no longer serves what has left its window
    # What a codec changes is no loss: the same segments at leisure are the yardstick.
    is_lossless = kind == "fmp4-flac"
    expected = await (push_pcm(server, pcm) if is_lossless else pull(server, origin.url(path.name)))
    errors = heard.differs_by(expected)
    return LiveRow(
        kind=kind,
        seconds=sum(segment.duration_s for segment in segments),
        segments=len(segments),
        took_s=took_s,
        against="the PCM" if is_lossless else "the finite playlist",
        words=errors.words,
        different_words=errors.errors,
        is_identical=heard.is_same_as(expected),
        error=heard.error,
    )


def format_live(rows: list[LiveRow]) -> str:
    """Return the table."""
    cells = [
        [
            row.kind,
            f"{row.seconds:.0f}",
            str(row.segments),
            f"{row.took_s:.0f}",
            row.against,
            f"{row.different_words} of {row.words}",
            "yes" if row.is_identical else "no",
            row.error or "ok",
        ]
        for row in rows
    ]
    header = [
        "live playlist",
        "s",
        "segments",
        "took s",
        "against",
        "words differ",
        "identical",
        "",
    ]
    return format_table(header, cells)

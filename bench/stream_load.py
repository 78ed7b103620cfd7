"""Many live sources at once, fetched and decoded but not recognized: what they cost.

Run with URLs, `python -m bench.stream_load SECONDS URL ...` is the process that is measured: it
pulls them all as the server does and prints what came of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import psutil

from bench.table import format_table
from scribewire.errors import ServerFault
from scribewire.sources.decoders import Decoders
from scribewire.sources.events import SourceAudio, SourceEvent, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules
from scribewire.types import PCM_BYTES_PER_S, SAMPLE_RATE
from tests.parts.icecast import run_icecast
from tests.parts.media import make_hls, run_ffmpeg
from tests.parts.playlists import RollingPlaylist, read_segments

if TYPE_CHECKING:
    from tests.parts.origin import Origin

BITRATE = "128k"
SEGMENT_S = 2.0
SETTLE_S = 10.0  # processes start, bursts are heard
SAMPLE_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledSource:
    """One source after some time."""

    url: str
    first_audio_s: float
    """From asking to the first audio."""
    audio_s: float
    drift_s: float
    """How much less audio came than time passed, between `SETTLE_S` and the end."""
    losses: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What fetching and decoding take, once all have begun."""

    fetching_cores: float
    """Of the process that fetches for all."""
    decoder_core_share: float
    """Of one core, for each decoder."""
    fetching_rss_mb: float
    decoder_rss_mb: float
    """Of each decoder, the median of the most each held."""
    decoders: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """Many sources at once."""

    sources: int
    seconds: float
    audio_s: float
    worst_drift_s: float
    losses: int
    errors: tuple[str, ...]
    usage: Usage


async def measure_load(
    origin: Origin, folder: Path, pcm: bytes, *, sources: int, seconds: float
) -> LoadRow:
    """Pull half of the sources from Icecast and half as live HLS, in another process."""
    stereo = ("-ac", "2", "-ar", "44100", "-b:a", BITRATE)
    raw = ("-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "pipe:0")
    station = folder / "station.mp3"
    run_ffmpeg((*raw, "-c:a", "libmp3lame", *stereo, str(station)), pcm)
    playlist = make_hls(origin.folder, pcm, "ts", name="load", segment_s=SEGMENT_S)
    segments = read_segments(playlist.read_text("utf-8"))
    (folder / "icecast").mkdir()
    (folder / "icecast").chmod(0o777)
    async with run_icecast(folder / "icecast") as icecast:
        await icecast.feed(station, "/live.mp3")
        urls = [icecast.url("/live.mp3")] * (sources // 2)
        for number in range(sources - len(urls)):
            path = f"load-{number}.m3u8"
            origin.playlists[f"/{path}"] = RollingPlaylist(segments, window=5, ends=False)
            urls.append(origin.url(path))
        return await _measure_process(urls, seconds)


async def _measure_process(urls: Sequence[str], seconds: float) -> LoadRow:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.stream_load", str(seconds), *urls), stdout=PIPE
    )
    assert process.stdout is not None
    watching = asyncio.create_task(_watch(process.pid, seconds))
    try:
        found = [PulledSource(**row) for row in json.loads(await process.stdout.read())]
        usage = await watching
    finally:
        watching.cancel()
        if process.returncode is None:
            process.kill()
        await process.wait()
    return LoadRow(
        sources=len(urls),
        seconds=seconds,
        audio_s=sum(one.audio_s for one in found),
        worst_drift_s=max(one.drift_s for one in found),
        losses=sum(one.losses for one in found),
        errors=tuple(one.error for one in found if one.error),
        usage=usage,
    )


async def _watch(pid: int, seconds: float) -> Usage:
    """Return what the process and its decoders used, from `SETTLE_S` on."""
    await asyncio.sleep(SETTLE_S)
    puller = psutil.Process(pid)
    decoders = [decoder for forking in puller.children() for decoder in forking.children()]
    if not decoders:
        raise ServerFault("no source has opened")
    began = time.monotonic()
    before = [sum(one.cpu_times()[:2]) for one in (puller, *decoders)]
    peaks = [0] * (1 + len(decoders))
    while time.monotonic() - began < seconds - SETTLE_S - 2 * SAMPLE_EVERY_S:
        await asyncio.sleep(SAMPLE_EVERY_S)
        held = [one.memory_info().rss for one in (puller, *decoders)]
        peaks = [max(pair) for pair in zip(peaks, held, strict=True)]
    passed = time.monotonic() - began
    after = [sum(one.cpu_times()[:2]) for one in (puller, *decoders)]
    shares = [(end - start) / passed for start, end in zip(before, after, strict=True)]
    return Usage(
        fetching_cores=shares[0],
        decoder_core_share=sum(shares[1:]) / len(decoders),
        fetching_rss_mb=peaks[0] / 1e6,
        decoder_rss_mb=median(peaks[1:]) / 1e6,
        decoders=len(decoders),
    )


def format_load(row: LoadRow) -> str:
    """Return the table."""
    return format_table(
        ["sources at once", str(row.sources)],
        [
            ["seconds", f"{row.seconds:.0f}"],
            ["audio pulled, s", f"{row.audio_s:.0f}"],
            ["worst drift, s", f"{row.worst_drift_s:.2f}"],
            ["losses, errors", f"{row.losses}, {len(row.errors)}"],
            ["decoder processes", str(row.usage.decoders)],
            ["% of a core each", f"{100 * row.usage.decoder_core_share:.2f}"],
            ["MB resident each", f"{row.usage.decoder_rss_mb:.0f}"],
            ["% of a core to fetch all", f"{100 * row.usage.fetching_cores:.1f}"],
            ["MB resident to fetch all", f"{row.usage.fetching_rss_mb:.0f}"],
        ],
    )


# The process that is measured.


async def _pull_all(urls: Sequence[str], seconds: float) -> list[PulledSource]:
    policy = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))
    async with GuardedFetcher(policy) as fetcher:
        with Decoders() as decoders:
            sources = Sources(
                fetcher=fetcher, decoders=decoders, retry=RetryRules(), open_timeout_s=15
            )
            return await asyncio.gather(*(_pull(sources, url, seconds) for url in urls))


async def _pull(sources: Sources, url: str, seconds: float) -> PulledSource:
    notes, began, error = _Notes(), time.monotonic(), ""
    try:
        async with contextlib.aclosing(sources.pull(url)) as events, asyncio.timeout(seconds):
            async for event in events:
                notes.note(event, time.monotonic() - began)
    except TimeoutError:
        pass
    except SourceFault as fault:
        error = fault.message
    return PulledSource(
        url=url,
        first_audio_s=notes.opened_at,
        audio_s=notes.audio_s,
        drift_s=(notes.latest_at - notes.settled_at) - (notes.audio_s - notes.settled_s),
        losses=notes.losses,
        error=error,
    )


@dataclass
class _Notes:
    """What has come of a source, in seconds of audio and since it was asked for."""

    opened_at: float = 0.0
    settled_at: float = 0.0
    latest_at: float = 0.0
    audio_s: float = 0.0
    settled_s: float = 0.0
    losses: int = 0

    def note(self, event: SourceEvent, now: float) -> None:
        match event:
            case SourceOpened():
                self.opened_at = self.opened_at or now
            case SourceLost():
                self.losses += 1
            case SourceAudio(pcm=pcm):
                self.audio_s, self.latest_at = self.audio_s + len(pcm) / PCM_BYTES_PER_S, now
                if now >= SETTLE_S and not self.settled_at:
                    self.settled_at, self.settled_s = now, self.audio_s
            case _:
                pass


if __name__ == "__main__":
    _found = asyncio.run(_pull_all(sys.argv[2:], float(sys.argv[1])))
    print(json.dumps([asdict(one) for one in _found]))

"""What breaks off comes back: real servers that fail while they are listened to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.spelling import normalise
from bench.stream_sessions import Cues, Heard, pull, push_pcm
from bench.table import Progress, format_table
from scribewire.client import ConnectionState
from tests.parts.azurite import run_azurite
from tests.parts.icecast import run_icecast
from tests.parts.media import make_file, make_hls
from tests.parts.origin import Reset, Stall, Status
from tests.parts.playlists import RollingPlaylist, Segment, read_segments

if TYPE_CHECKING:
    from bench.server_process import BenchServer
    from tests.parts.origin import Fault, Origin

SEGMENT_S = 2.0
SPEED = 2.0  # of the live playlists: half the time, and harder
STALL_S = 25.0  # the server waits for 20
STALL = Stall(after_bytes=9000, for_s=STALL_S)
MAX_DIFFERENT_WORDS = 4  # a loss of over 5 s ends an utterance: the next one has less context
MAX_LOST_WORDS = 2  # of radio, which a codec changes
REPEATS = 5  # of the clip, where a download has to be too long for the buffers on the way
ICECAST_BEFORE_S, ICECAST_AFTER_S = 20.0, 45.0
JUDGED_FROM_S, JUDGED_TO_S = 10.0, 30.0  # of the clip, after the restart: it is back by then
MAX_SHIFT_S = 0.01  # of media time, which no fault may move
MAX_TIME_ERROR_S = 1.0  # what a start takes, and how a broadcaster buffers


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRow:
    """One fault, and what was heard in spite of it."""

    fault: str
    took_s: float
    words: int
    """That should be heard."""
    different_words: int
    """Among them, or none where they are identical with times and confidences."""
    is_identical: bool
    time_error_s: float
    """The median of how far words are from where they were said."""
    losses: int
    """How often the client was told that nothing comes."""
    error: str
    is_good: bool


async def measure_drill(
    server: BenchServer, origin: Origin, folder: Path, pcm: bytes
) -> list[DrillRow]:
    """Let every fault happen, each to a session of its own."""
    playlist = make_hls(origin.folder, pcm, "fmp4-flac", name="drill", segment_s=SEGMENT_S)
    segments = read_segments(playlist.read_text("utf-8"))
    pushed = await push_pcm(server, pcm)
    long_pcm = pcm * REPEATS
    pushed_long = await push_pcm(server, long_pcm)

    def hls(pattern: str, *faults: Fault) -> Callable[[], Awaitable[Heard]]:
        return lambda: _hear_hls(server, origin, segments, pattern, faults)

    drills: list[tuple[str, Callable[[], Awaitable[Heard]], Heard]] = [
        ("HLS segment 404, 3 times", hls("*0008.m4s", *[Status(404)] * 3), pushed),
        ("HLS segments 500, 3 times", hls("*.m4s", *[Status(500)] * 3), pushed),
        ("HLS segments 500, 8 times", hls("*.m4s", *[Status(500)] * 8), pushed),
        (
            "HLS playlist 404, 503, 404",
            hls("*.m3u8", Status(404), Status(503), Status(404)),
            pushed,
        ),
        ("HLS reset in a segment, twice", hls("*0012.m4s", *[Reset(after_bytes=9000)] * 2), pushed),
        ("HLS 20 s stall in a segment", hls("*0010.m4s", STALL), pushed),
        ("file: 20 s stall", lambda: _hear_stalling(server, origin, long_pcm), pushed_long),
        (
            "Azurite restart in a download",
            lambda: _hear_azurite(server, folder, long_pcm),
            pushed_long,
        ),
    ]
    progress = Progress("faults", len(drills) + 1)
    rows = []
    for name, hear, expected in drills:
        began = time.monotonic()
        heard = await hear()
        rows.append(_judge(name, heard, expected, time.monotonic() - began))
        progress.advance()
    # Of radio the samples change, and `fast` hears that: see `--parity`.
    in_quality = await push_pcm(server, pcm, mode="quality")
    rows.append(await _judge_icecast(server, folder, pcm, in_quality))
    progress.advance()
    return rows


def _judge(name: str, heard: Heard, expected: Heard, took_s: float) -> DrillRow:
    errors = heard.differs_by(expected)
    matched = _match(_words(expected), _words(heard))
    time_error_s = median([abs(there - here) for here, there in matched] or [float("inf")])
    is_complete = errors.errors <= MAX_DIFFERENT_WORDS and time_error_s <= MAX_SHIFT_S
    return DrillRow(
        fault=name,
        took_s=took_s,
        words=errors.words,
        different_words=errors.errors,
        is_identical=heard.is_same_as(expected),
        time_error_s=time_error_s,
        losses=heard.states.count(ConnectionState.LOADING.value) - 1,
        error=heard.error,
        is_good=not heard.error and is_complete,
    )


async def _hear_hls(
    server: BenchServer,
    origin: Origin,
    segments: Sequence[Segment],
    pattern: str,
    faults: tuple[Fault, ...],
) -> Heard:
    """Hear a live playlist of which every segment stays; the faults begin once it is heard."""
    rolling = RollingPlaylist(segments, window=None, first_segments=3, speed=SPEED)
    origin.playlists["/drill-live.m3u8"] = rolling
    hearing = asyncio.create_task(pull(server, origin.url("drill-live.m3u8")))
    while rolling.shown < 5 and not hearing.done():  # noqa: ASYNC110 - it moves with the time
        await asyncio.sleep(0.1)
    origin.fail(pattern, *faults)
    heard = await hearing
    left = origin.pending_faults
    origin.heal()
    del origin.playlists["/drill-live.m3u8"]
    return Heard(finals=heard.finals, states=heard.states, error=f"{left} left") if left else heard


async def _hear_stalling(server: BenchServer, origin: Origin, pcm: bytes) -> Heard:
    path = make_file(origin.folder, pcm, "wav", name="stalling")
    origin.fail(f"*{path.name}", Stall(after_bytes=len(pcm) // 2, for_s=STALL_S))
    return await pull(server, origin.url(path.name))


async def _hear_azurite(server: BenchServer, folder: Path, pcm: bytes) -> Heard:
    (folder / "azurite").mkdir()
    media = make_file(folder, pcm, "wav", name="blob").read_bytes()
    async with run_azurite(folder / "azurite") as azurite:
        await azurite.create_container("talks", is_public=False)
        await azurite.put("talks", "blob.wav", media)
        await azurite.end()  # which writes it down
        await azurite.start()
        url = azurite.signed_url("talks", "blob.wav", expires_in_s=600, permissions="r")
        cues = Cues()
        hearing = asyncio.create_task(pull(server, url, cues=cues))
        await cues.is_heard.wait()
        await azurite.kill()
        await azurite.start()
        return await hearing


async def _judge_icecast(
    server: BenchServer, folder: Path, pcm: bytes, expected: Heard
) -> DrillRow:
    """Restart a radio server; its broadcaster then plays the clip from the beginning again."""
    began = time.monotonic()
    home = folder / "icecast-drill"
    home.mkdir()
    home.chmod(0o777)
    station = make_file(folder, pcm, "mp3", name="station-drill")
    async with run_icecast(home, burst_bytes=0) as icecast:
        await icecast.feed(station, "/live.mp3")
        cues = Cues()
        url = icecast.url("/live.mp3")
        hearing = asyncio.create_task(pull(server, url, mode="quality", cues=cues))
        await asyncio.sleep(ICECAST_BEFORE_S)
        await icecast.restart()
        fed_at = time.monotonic()
        await asyncio.sleep(ICECAST_AFTER_S)
        cues.may_stop.set()
        heard = await hearing
    offset_s = fed_at - heard.listening_at_s
    said = [word for word in _words(expected) if JUDGED_FROM_S <= word[1] < JUDGED_TO_S]
    after = [word for word in _words(heard) if word[1] >= offset_s]
    matched = _match(said, after)
    time_error_s = median([abs(there - here - offset_s) for here, there in matched] or [9e9])
    lost = len(said) - len(matched)
    return DrillRow(
        fault="Icecast restart",
        took_s=time.monotonic() - began,
        words=len(said),
        different_words=lost,
        is_identical=False,
        time_error_s=time_error_s,
        losses=heard.states.count(ConnectionState.LOADING.value) - 1,
        error=heard.error,
        is_good=not heard.error and lost <= MAX_LOST_WORDS and time_error_s <= MAX_TIME_ERROR_S,
    )


def _words(heard: Heard) -> list[tuple[str, float]]:
    """Return each word, made equal, and when it begins in seconds."""
    return [
        (normalise(word.text), word.start_ms / 1000)
        for final in heard.finals
        for word in final.words or ()
    ]


def _match(
    said: list[tuple[str, float]], heard: list[tuple[str, float]]
) -> list[tuple[float, float]]:
    """Return where each word that was heard was said and heard."""
    matcher = SequenceMatcher(None, [w for w, _ in said], [w for w, _ in heard], autojunk=False)
    return [
        (said[block.a + i][1], heard[block.b + i][1])
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
    ]


def format_drill(rows: list[DrillRow]) -> str:
    """Return the table."""
    cells = [
        [
            row.fault,
            f"{row.took_s:.0f}",
            f"{row.different_words} of {row.words}",
            "yes" if row.is_identical else "no",
            f"{row.time_error_s:.2f}",
            str(row.losses),
            row.error or ("ok" if row.is_good else "NOT GOOD"),
        ]
        for row in rows
    ]
    return format_table(
        ["fault", "took s", "words differ", "identical", "time error s", "told", ""], cells
    )

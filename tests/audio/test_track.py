from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

import av
import numpy as np
import pytest

from scribewire.audio.frames import Missing
from scribewire.audio.track import TrackBreak, TrackReader
from tests.parts.damage import blank_packets
from tests.parts.installed import need_part
from tests.parts.media import run_ffmpeg

FRAME_S = 1024 / 16_000  # of AAC


def read(data: bytes) -> tuple[TrackReader, list[float | str]]:
    """Return the reader at its end, and what came of the track: sound, a hole, a break."""
    told: list[float | str] = []
    with av.open(io.BytesIO(data), "r") as container:
        track = TrackReader(container)
        try:
            told.extend(draw(frame) for frame in track.frames())
        except TrackBreak as error:
            told.append(error.words)
    return track, [one for one, _ in groupby(told)]


def draw(frame: av.AudioFrame | Missing) -> float | str:
    return round(frame.seconds / FRAME_S, 3) if isinstance(frame, Missing) else "sound"


@pytest.fixture
def broken(encode: Callable[..., bytes]) -> Callable[[Iterable[int]], bytes]:
    noise = np.random.default_rng(3).integers(-9000, 9000, 64_000, np.int16)  # 64 packets
    whole = encode("mp4", "aac", noise)
    return lambda numbers: blank_packets(whole, numbers)


def test_the_time_of_broken_packets_is_missing(broken: Callable[[Iterable[int]], bytes]) -> None:
    track, told = read(broken([*range(10, 20), 30, 31]))

    assert told == ["sound", 10, "sound", 2, "sound"]
    assert track.broken_packets == 12
    assert track.missing_s == pytest.approx(12 * FRAME_S)


def test_the_last_frames_may_be_broken_as_those_of_a_file_that_was_cut(
    broken: Callable[[Iterable[int]], bytes],
) -> None:
    assert read(broken(range(61, 64)))[1] == ["sound", pytest.approx(2.5)]


def test_an_end_that_cannot_be_decoded_is_an_error_that_says_from_where_on(
    broken: Callable[[Iterable[int]], bytes],
) -> None:
    track, told = read(broken(range(30, 64)))

    assert told == ["sound", "from second 1.9 on it cannot be decoded"]
    assert track.is_heard


def test_a_track_of_which_nothing_can_be_decoded_is_not_heard(
    broken: Callable[[Iterable[int]], bytes],
) -> None:
    track, told = read(broken(range(64)))

    assert (told, track.is_heard, track.broken_packets) == ([], False, 64)


VIDEO = ("-f", "lavfi", "-i", "color=c=black:s=64x36:r=25:d=8")
LATE = (*VIDEO, "-itsoffset", "3", "-f", "lavfi", "-i", "sine=440:d=4", "-map", "0", "-map", "1")
HOLE = ("-f", "lavfi", "-i", "sine=440:d=9", "-af", "aselect='lt(t,2)+gte(t,5)'")
CLOCKED = {
    "mkv": ("-f", "matroska"), "webm": ("-f", "webm"), "mp4": ("-f", "mp4"),
    "ts": ("-f", "mpegts"), "flv": ("-ar", "44100", "-f", "flv"), "asf": ("-f", "asf"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("arguments", CLOCKED.values(), ids=CLOCKED)
@pytest.mark.parametrize("made_of", [LATE, HOLE], ids=["late", "hole"])
def test_time_without_sound_is_missing(
    made_of: tuple[str, ...], arguments: tuple[str, ...], tmp_path: Path
) -> None:
    need_part("ffmpeg")
    path = tmp_path / "media"
    run_ffmpeg((*made_of, *arguments, str(path)))

    track, told = read(path.read_bytes())

    assert [type(one) for one in told] == ([float, str] if made_of is LATE else [str, float, str])
    assert track.missing_s == pytest.approx(3, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["flac", "m4a", "mka"])
def test_a_file_that_ends_before_the_time_that_it_says_is_an_error(
    suffix: str, tmp_path: Path
) -> None:
    need_part("ffmpeg")
    path = tmp_path / f"talk.{suffix}"
    run_ffmpeg(("-f", "lavfi", "-i", "anoisesrc=d=8", "-movflags", "faststart", str(path)))
    whole = path.read_bytes()

    _, told = read(whole[: len(whole) // 2])

    assert told[0] == "sound"
    assert re.fullmatch(r"it ends at second [34]\.\d, though it says 8\.0", str(told[-1]))
    assert read(whole)[1] == ["sound"]

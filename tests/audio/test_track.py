from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from itertools import groupby

import av
import numpy as np
import pytest

from scribewire.audio.frames import Missing
from scribewire.audio.track import TrackBreak, TrackReader
from tests.parts.damage import blank_packets

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
    track, told = read(broken([*range(10, 20), 30]))

    assert told == ["sound", 10, "sound", 1, "sound"]
    assert track.broken_packets == 11
    assert track.missing_s == pytest.approx(11 * FRAME_S)


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

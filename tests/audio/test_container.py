"""What containers say of their tracks; which of several is heard is in test_tracks.py."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import numpy as np
import pytest

from scribewire.audio.container import AudioInfo, TrackWish, choose_tracks, describe, describe_wav
from scribewire.audio.wav_stream import find_wav
from tests.parts.wav import wav


def test_a_track_is_described(encode: Callable[..., bytes], tone: np.ndarray) -> None:
    with av.open(io.BytesIO(encode("flac", "flac", tone)), "r") as container:
        info = describe(container)

    assert info == AudioInfo(
        container="flac", codec="flac", rate_hz=16_000, channels=1, duration_ms=1_000
    )


@pytest.mark.parametrize(
    ("wish", "is_found"),
    [(TrackWish(), True), (TrackWish(number=1, language="nl"), True), (TrackWish(number=2), False)],
)
def test_a_track_is_found_by_its_number(
    wish: TrackWish, is_found: bool, encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    with av.open(io.BytesIO(encode("flac", "flac", tone)), "r") as container:
        found = choose_tracks(container, wish)
        undecodable = choose_tracks(container, wish, lambda _: False)

    assert (len(found), undecodable) == (int(is_found), [])


def test_a_wav_is_described_by_its_header() -> None:
    data = wav(bytes(48_000), bits=24, channels=2, rate_hz=8000)
    found = find_wav(lambda size: data[:size])

    assert found is not None
    assert describe_wav(found) == AudioInfo(
        container="wav", codec="pcm_s24le", rate_hz=8000, channels=2, duration_ms=1000
    )

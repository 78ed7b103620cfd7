"""Which of several audio tracks is heard; ffmpeg makes a film in several languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scribewire.audio.container import TrackWish
from tests.audio.test_decoder_process import Said, decode
from tests.parts.installed import need_part
from tests.parts.media import run_ffmpeg

pytestmark = pytest.mark.slow  # ffmpeg encodes, and each case starts a process

TONES_HZ = (300, 700, 1500)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One track of a codec that is not decoded here, one in German, one in Dutch."""
    need_part("ffmpeg")
    path: Path = tmp_path_factory.mktemp("film") / "film.mkv"
    tones = [("-f", "lavfi", "-i", f"sine=f={hz}:r=48000:d=1") for hz in TONES_HZ]
    inputs = [word for tone in tones for word in tone]
    maps = [word for number in range(3) for word in ("-map", str(number))]
    codecs = ("-c:a:0", "truehd", "-c:a:1", "aac", "-c:a:2", "flac", "-strict", "-2")
    tags = ("-metadata:s:a:1", "language=ger", "-metadata:s:a:2", "language=nld")
    run_ffmpeg((*inputs, *maps, *codecs, *tags, str(path)))
    return path.read_bytes()


def loudest_hz(said: Said) -> float:
    samples = np.frombuffer(said.pcm, "<i2").astype(np.float64)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 16_000 / samples.size)


@pytest.mark.parametrize(
    ("wish", "track"),
    [
        (TrackWish(), 2),  # the first that can be decoded
        (TrackWish(number=3), 3),
        (TrackWish(language="nl"), 3),
        (TrackWish(language="fr"), 2),
        (TrackWish(number=2, language="nl"), 2),
    ],
)
def test_a_track_is_chosen(wish: TrackWish, track: int, film: bytes) -> None:
    said = decode(film, wish=wish)

    assert loudest_hz(said) == pytest.approx(TONES_HZ[track - 1], abs=5)
    assert said.info is not None
    assert said.info["track"] == track
    assert said.info["tracks"] == [
        "1: truehd, 48000 Hz, 2 channels",
        "2: aac, 48000 Hz, 1 channel, de",
        "3: flac, 48000 Hz, 1 channel, nl",
    ]


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "a codec that is not decoded here"), (4, "3 audio tracks, no track 4")],
)
def test_a_track_that_is_asked_for_and_cannot_be_heard_is_refused(
    number: int, words: str, film: bytes
) -> None:
    said = decode(film, wish=TrackWish(number=number))

    assert said.refusal is not None
    assert words in said.refusal.words

"""Which of several audio tracks is heard; ffmpeg makes a film in several languages."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from scribewire.audio.container import TrackWish
from scribewire.types import PCM_BYTES_PER_S
from tests.audio.test_decoder_process import Said, decode, read_file
from tests.parts.installed import find_part, need_part
from tests.parts.likeness import measure_likeness
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


# A first track that is silent.

CONTAINERS = {  # what ffmpeg makes of several tracks, and how
    "mkv": ("-c:a", "aac"),
    "webm": ("-c:a", "libopus"),
    "mp4": ("-c:a", "aac", "-movflags", "+faststart"),
    "fragments.mp4": ("-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov"),
    "index-last.mp4": ("-c:a", "aac"),
    "ts": ("-c:a:0", "ac3", "-c:a:1", "aac"),
    "mpg": ("-c:a", "mp2", "-ar", "44100"),
    "vob": ("-c:a", "ac3", "-ar", "48000"),
    "avi": ("-c:a", "pcm_s16le"),
    "ogg": ("-c:a", "libvorbis"),
}
LOSSLESS = ("-c:a", "pcm_s16le")
SILENCE = "anullsrc=r=48000:cl=stereo:d=9"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some five seconds of it."""
    need_part("ffmpeg", "espeak-ng")
    path: Path = tmp_path_factory.mktemp("speech") / "speech.wav"
    words = "Nobody has plugged anything into the first track, and this is the second."
    subprocess.run([find_part("espeak-ng"), "-w", str(path), words], check=True)
    return path


def speaks_from(speech: Path, seconds: float) -> str:
    """Return a track as a filter of ffmpeg: silence, then the speech."""
    return f"amovie={speech},aresample=16000,adelay={1000 * seconds:.0f}"


def make_tracks(path: Path, tracks: Sequence[str], how: Sequence[str] = LOSSLESS) -> bytes:
    """Return a file with a track for each filter."""
    inputs = [word for track in tracks for word in ("-f", "lavfi", "-i", track)]
    maps = [word for number in range(len(tracks)) for word in ("-map", str(number))]
    run_ffmpeg((*inputs, *maps, *how, str(path)))
    return path.read_bytes()


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_first_track_that_is_silent_is_left_for_the_one_that_speaks(
    name: str, speech: Path, tmp_path: Path
) -> None:
    tracks = (SILENCE, speaks_from(speech, 1))
    file = make_tracks(tmp_path / f"two.{name}", tracks, CONTAINERS[name])
    moved, asked_for = decode(file), decode(file, wish=TrackWish(number=2))

    likeness = measure_likeness(moved.pcm, asked_for.pcm)
    assert likeness.correlation > 0.95  # half a sample beside it, where rates differ
    assert (likeness.delay_s, likeness.surplus_s) == pytest.approx((0, 0), abs=0.002)
    assert (moved.settled, moved.refusal) == (2, None)
    assert moved.gaps_s == asked_for.gaps_s
    assert read_file(file)[: len(moved.pcm)] == moved.pcm


@pytest.mark.parametrize(
    ("first_from_s", "second_from_s", "settled"),
    [(3, 1, 2), (0, 1, 1), (2, None, 1), (1, 1.5, 1), (None, 1, 2), (None, None, None)],
)
def test_who_speaks_first_is_heard_to_the_end(
    first_from_s: float | None,
    second_from_s: float | None,
    settled: int | None,
    speech: Path,
    tmp_path: Path,
) -> None:
    tracks = [
        SILENCE if seconds is None else speaks_from(speech, seconds)
        for seconds in (first_from_s, second_from_s)
    ]
    file = make_tracks(tmp_path / "two.mkv", tracks)
    said = decode(file)

    assert said.settled == settled
    assert said.pcm == decode(file, wish=TrackWish(number=settled or 1)).pcm


@pytest.mark.parametrize(
    "wish",
    [TrackWish(number=1), TrackWish(settled=1), TrackWish(language="en")],
    ids=["asked for", "heard before", "in the language"],
)
def test_a_silent_track_stays_where_it_is_wished(
    wish: TrackWish, speech: Path, tmp_path: Path
) -> None:
    tags = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu")
    tracks = (SILENCE, speaks_from(speech, 1))
    said = decode(make_tracks(tmp_path / "two.mkv", tracks, (*LOSSLESS, *tags)), wish=wish)

    assert said.settled is None
    assert len(said.pcm) == 9 * PCM_BYTES_PER_S
    assert not said.pcm.strip(b"\0")


def test_what_was_settled_on_before_is_heard_if_it_is_there(speech: Path, tmp_path: Path) -> None:
    file = make_tracks(tmp_path / "two.mkv", (speaks_from(speech, 0), speaks_from(speech, 2)))
    second = decode(file, wish=TrackWish(number=2))

    assert decode(file, wish=TrackWish(settled=2)).pcm == second.pcm != decode(file).pcm
    assert decode(file, wish=TrackWish(settled=3)).pcm == decode(file).pcm


def test_of_three_the_one_that_speaks_is_heard(speech: Path, tmp_path: Path) -> None:
    tracks = (SILENCE, SILENCE, speaks_from(speech, 1))
    said = decode(make_tracks(tmp_path / "three.mkv", tracks))

    assert said.settled == 3

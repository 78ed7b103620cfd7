"""Files of every kind through the decoder process: what is heard of them, and of their tracks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.audio.container import TrackWish
from scribewire.audio.local_decoder import read_audio
from scribewire.audio.wire import WireDecoder
from scribewire.errors import ClientFault
from tests.audio.test_decoder_process import decode
from tests.parts.damage import blank_packets
from tests.parts.installed import need_part
from tests.parts.media import FILE_KINDS, make_file, run_ffmpeg
from tests.parts.wav import WavFields, wav

if TYPE_CHECKING:
    from scribewire.types import Samples

pytestmark = pytest.mark.slow  # each case starts a process


def read(path: Path, wish: TrackWish | None = None) -> Samples:
    return np.concatenate([np.empty(0, np.float32), *read_audio(path, wish)])


def loudest_hz(samples: Samples) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * 16_000 / samples.size)


FORMATS: list[WavFields] = [
    {"bits": 8}, {"bits": 16}, {"bits": 24, "channels": 2}, {"bits": 32, "rate_hz": 44_100},
    {"bits": 16, "channels": 6, "rate_hz": 48_000}, {"code": 6, "bits": 8, "rate_hz": 8_000},
    {"code": 3, "bits": 32}, {"code": 3, "bits": 64, "channels": 2},
]  # fmt: skip


@pytest.mark.parametrize("fields", FORMATS, ids=str)
def test_a_wav_file_gives_the_samples_that_it_gives_over_the_wire(
    fields: WavFields, tmp_path: Path
) -> None:
    audio = np.random.default_rng(3).integers(-9000, 9000, 14_400, np.int16).tobytes()
    if fields.get("code") == 3:
        audio = np.random.default_rng(3).uniform(-1, 1, 3600).astype("<f8").tobytes()
        audio = audio if fields["bits"] == 64 else np.frombuffer(audio).astype("<f4").tobytes()
    path = tmp_path / "a.wav"
    path.write_bytes(wav(audio, **fields))

    wire = WireDecoder()
    over_the_wire = [wire.receive_bytes(path.read_bytes()), wire.receive_end()]

    assert np.array_equal(read(path), np.concatenate(over_the_wire))


CODECS = [
    ("mp3", "libmp3lame", 44_100), ("adts", "aac", 48_000), ("flac", "flac", 16_000),
    ("ogg", "libopus", 48_000), ("webm", "libopus", 48_000), ("mp4", "aac", 44_100),
    ("mpegts", "mp2", 48_000), ("aiff", "pcm_s16be", 22_050), ("wav", "adpcm_ms", 16_000),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec", "rate_hz"), CODECS)
def test_every_usual_file_is_read_at_16_khz(
    container: str, codec: str, rate_hz: int, encode: Callable[..., bytes], tmp_path: Path
) -> None:
    seconds = np.arange(rate_hz) / rate_hz
    tone = (np.sin(2 * np.pi * 440 * seconds) * 16_384).astype(np.int16)
    path = tmp_path / "a"
    path.write_bytes(encode(container, codec, np.stack([tone, tone]), rate_hz))

    samples = read(path)

    assert samples.size == pytest.approx(16_000, abs=2_000)  # coders pad
    assert loudest_hz(samples) == pytest.approx(440, abs=2)
    assert np.abs(samples[4_000:12_000]).max() == pytest.approx(0.5, abs=0.1)


KINDS_BY_FRAMES = {"mp3", "mpegts", "mpg", "vob", "flv"}
"""What stands at the end of a file tells whether a last frame is padding; a pipe cannot look."""


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_a_file_is_heard_as_it_is_from_a_pipe(kind: str, tmp_path: Path) -> None:
    need_part("ffmpeg")
    noise = np.random.default_rng(0).normal(size=3 * 16_000) * 3000
    path = make_file(tmp_path, noise.clip(-20_000, 20_000).astype("<i2").tobytes(), kind)

    piped = np.frombuffer(decode(path.read_bytes()).pcm, "<i2")
    samples = np.rint(read(path) * 32_768)

    if kind not in KINDS_BY_FRAMES:
        assert samples.size == piped.size
    shorter = min(samples.size, piped.size)
    assert np.array_equal(samples[:shorter], piped[:shorter])
    assert max(samples.size, piped.size) - shorter < 2 * 1152


def test_a_chained_ogg_file_is_heard_as_it_is_from_a_pipe(
    encode: Callable[..., bytes], tone: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(
        encode("ogg", "libopus", tone) + encode("ogg", "libopus", np.stack([tone] * 2), 48_000)
    )

    samples = read(path)

    assert samples.size == pytest.approx(16_000 + 16_000 / 3, abs=500)
    assert np.array_equal(
        np.rint(samples * 32_768), np.frombuffer(decode(path.read_bytes()).pcm, "<i2")
    )


def test_a_file_that_ends_too_soon_says_so_as_from_a_pipe(tmp_path: Path) -> None:
    need_part("ffmpeg")
    noise = np.random.default_rng(0).normal(size=4 * 16_000) * 3000
    path = make_file(tmp_path, noise.astype("<i2").tobytes(), "m4a")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])

    piped = decode(path.read_bytes()).refusal

    assert piped is not None
    assert "it ends at second 2" in piped.words
    with pytest.raises(ClientFault) as caught:
        read(path)
    assert caught.value.message == f"{path}: {piped.words}"


def test_what_cannot_be_decoded_is_silence(encode: Callable[..., bytes], tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(-9000, 9000, 64_000, np.int16)
    path = tmp_path / "a.m4a"
    path.write_bytes(blank_packets(encode("mp4", "aac", noise), range(10, 20)))

    samples = read(path)

    assert samples.size == pytest.approx(64_000, abs=1600)
    assert np.count_nonzero(samples == 0) == pytest.approx(0.64 * 16_000, abs=500)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One track in German, one in Dutch."""
    need_part("ffmpeg")
    path: Path = tmp_path_factory.mktemp("film") / "film.mp4"
    tones = [("-f", "lavfi", "-i", f"sine=f={hz}:r=48000:d=1") for hz in (300, 700)]
    inputs = [word for tone in tones for word in tone]
    tags = ("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=nld")
    run_ffmpeg((*inputs, "-map", "0", "-map", "1", "-c:a", "aac", *tags, str(path)))
    return path


@pytest.mark.parametrize(
    ("wish", "hz"),
    [(TrackWish(), 300), (TrackWish(number=2), 700), (TrackWish(language="nl"), 700)],
)
def test_a_track_of_a_file_is_chosen(wish: TrackWish, hz: int, film: Path) -> None:
    assert loudest_hz(read(film, wish)) == pytest.approx(hz, abs=5)


def test_a_track_that_is_not_there_is_not_replaced(film: Path, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(bytes(99)))

    with pytest.raises(ClientFault, match="found 2 audio tracks, no track 3"):
        read(film, TrackWish(number=3))
    with pytest.raises(ClientFault, match="found 1 audio track, no track 2"):
        read(tmp_path / "a.wav", TrackWish(number=2))

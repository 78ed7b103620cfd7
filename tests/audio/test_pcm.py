from __future__ import annotations

import io
import wave

import av
import numpy as np
import pytest

from scribewire.audio.pcm import (
    SAMPLE_BYTES,
    WIRE_PCM,
    Encoding,
    PcmFormat,
    as_wired,
    decode_channels,
    decode_pcm,
    encode_pcm,
    to_float,
)
from tests.parts.wav import wav


def decode(pcm: bytes, encoding: Encoding) -> list[float]:
    pcm_format = PcmFormat(encoding=encoding, channels=1, rate_hz=16_000)
    values: list[float] = decode_pcm(pcm, pcm_format).tolist()
    return values


CASES: list[tuple[Encoding, bytes, list[float]]] = [
    ("u8", b"\x80\x00\xc0\xff", [0.0, -1.0, 0.5, 127 / 128]),
    ("s16", b"\x00\x00\x00\x80\x00\x40\xff\xff", [0.0, -1.0, 0.5, -1 / 32768]),
    ("s24", b"\x00\x00\x00\x00\x00\x80\x00\x00\x40\xff\xff\xff", [0.0, -1.0, 0.5, -(2.0**-23)]),
    ("s32", b"\x00\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x40", [0.0, -1.0, 0.5]),
    ("f32", np.array([0.25, -1.0], "<f4").tobytes(), [0.25, -1.0]),
    ("f64", np.array([0.25, -1.0], "<f8").tobytes(), [0.25, -1.0]),
    ("mulaw", b"\xff\x7f\x00\x80", [0.0, 0.0, -32124 / 32768, 32124 / 32768]),
    ("alaw", b"\xd5\x55\x2a\xaa", [8 / 32768, -8 / 32768, -32256 / 32768, 32256 / 32768]),
]


@pytest.mark.parametrize(("encoding", "pcm", "expected"), CASES, ids=[case[0] for case in CASES])
def test_each_encoding_is_scaled_to_one(
    encoding: Encoding, pcm: bytes, expected: list[float]
) -> None:
    assert decode(pcm, encoding) == expected


@pytest.mark.parametrize("encoding", [case[0] for case in CASES])
def test_no_bytes_are_no_samples(encoding: Encoding) -> None:
    assert decode(b"", encoding) == []


@pytest.mark.parametrize(("encoding", "code"), [("alaw", 6), ("mulaw", 7)])
def test_telephone_codes_are_those_of_ffmpeg(encoding: Encoding, code: int) -> None:
    every_code = bytes(range(256))

    with av.open(io.BytesIO(wav(every_code, code=code, bits=8)), "r") as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]

    assert decode(every_code, encoding) == (np.concatenate(frames) / 32768).tolist()


def test_sixteen_bits_are_those_of_the_standard_library(tone: np.ndarray) -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(tone.tobytes())

    assert decode(file.getvalue()[44:], "s16") == (tone / 32768).tolist()


@pytest.mark.parametrize("encoding", ["f32", "f64"])
def test_floats_that_are_no_samples_become_silence_or_full_scale(encoding: Encoding) -> None:
    values = [np.nan, np.inf, -np.inf, 1.5, -7.0]
    pcm = np.array(values, "<f4" if encoding == "f32" else "<f8").tobytes()

    assert decode(pcm, encoding) == [0.0, 0.0, 0.0, 1.0, -1.0]


def test_a_float_too_large_for_32_bits_is_clipped_without_a_warning() -> None:
    assert decode(np.array([1e300, -1e300], "<f8").tobytes(), "f64") == [1.0, -1.0]


def test_channels_are_kept_apart() -> None:
    blocks = np.arange(6, dtype="<i2") * 1024
    stereo = PcmFormat(encoding="s16", channels=2, rate_hz=16_000)

    assert (
        decode_channels(blocks.tobytes(), stereo).tolist()
        == (blocks / 32768).reshape(3, 2).tolist()
    )


def test_to_float_gives_32_bits_for_every_type() -> None:
    assert to_float(np.zeros(2, np.uint8)).dtype == np.float32
    assert to_float(np.zeros(2, np.int16)).dtype == np.float32
    assert to_float(np.zeros(2, np.int32)).dtype == np.float32
    assert to_float(np.zeros(2, np.float32)).dtype == np.float32
    assert to_float(np.zeros(2, np.float64)).dtype == np.float32


def test_a_block_holds_every_channel() -> None:
    assert PcmFormat(encoding="s24", channels=6, rate_hz=48_000).block_bytes == 18


@pytest.mark.parametrize(
    ("sample", "pcm"),
    [
        (0.0, b"\x00\x00"),
        (0.5, b"\x00\x40"),
        (-1.0, b"\x00\x80"),
        (1.0, b"\xff\x7f"),
        (-1.5, b"\x00\x80"),
    ],
)
def test_samples_are_rounded_and_never_wrap(sample: float, pcm: bytes) -> None:
    assert encode_pcm(np.array([sample], np.float32)) == pcm


def test_every_sample_of_the_wire_survives_both_ways() -> None:
    pcm = np.arange(-32_768, 32_768, dtype="<i2").tobytes()

    assert encode_pcm(decode_pcm(pcm, WIRE_PCM)) == pcm


def test_samples_as_wired_are_those_that_their_pcm_holds() -> None:
    samples = np.array([0.1, -0.99999, 1.0, 2.0], np.float32)

    wired = as_wired(samples)

    assert np.array_equal(wired, decode_pcm(encode_pcm(samples), WIRE_PCM))
    assert np.array_equal(as_wired(wired), wired)
    assert np.abs(wired[:2] - samples[:2]).max() <= 0.5 / 32_768


@pytest.mark.parametrize("encoding", ["s16", "s24", "s32", "f32", "f64"])
def test_big_endian_samples_are_the_same_the_other_way_round(encoding: Encoding) -> None:
    little = PcmFormat(encoding=encoding, channels=1, rate_hz=16_000)
    big = PcmFormat(encoding=encoding, channels=1, rate_hz=16_000, is_big_endian=True)
    width = SAMPLE_BYTES[encoding]
    pcm = np.random.default_rng(0).normal(size=100).astype("<f8").tobytes()[: 90 * width]
    pcm = pcm[: len(pcm) // width * width]
    swapped = np.frombuffer(pcm, np.uint8).reshape(-1, width)[:, ::-1].tobytes()

    assert np.array_equal(decode_pcm(swapped, big), decode_pcm(pcm, little))

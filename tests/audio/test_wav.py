from __future__ import annotations

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.audio.pcm import Encoding, PcmFormat
from scribewire.audio.wav import MAX_HEADER_BYTES, MAX_HEADER_CHUNKS, WavHeader, parse_wav_header
from scribewire.errors import ClientFault
from tests.parts.wav import WavFields, wav

# What ffmpeg writes before the samples of `-f wav -`: 78 bytes, a LIST chunk, no size known.
FFMPEG_HEADER = (
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"
    b"\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00"
    b"LIST\x1a\x00\x00\x00INFOISFT\x0d\x00\x00\x00Lavf61.7.100\x00\x00data\xff\xff\xff\xff"
)
SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
MONO_16 = PcmFormat(encoding="s16", channels=1, rate_hz=16_000)


def refusal(head: bytes) -> str:
    with pytest.raises(ClientFault) as caught:
        parse_wav_header(head)
    return caught.value.message


def test_the_header_of_ffmpeg_has_78_bytes() -> None:
    assert parse_wav_header(FFMPEG_HEADER + b"\x01\x02") == WavHeader(MONO_16, 78)


def test_the_header_of_the_standard_library_is_read() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((2, 3, 44_100, 0, "NONE", ""))

    expected = PcmFormat(encoding="s24", channels=2, rate_hz=44_100)
    assert parse_wav_header(file.getvalue()) == WavHeader(expected, 44)


@pytest.mark.parametrize("length", range(len(FFMPEG_HEADER)))
def test_a_header_that_is_not_whole_waits_for_more(length: int) -> None:
    assert parse_wav_header(FFMPEG_HEADER[:length]) is None


@pytest.mark.parametrize("size", [0, 2, 0xFFFFFFFF])
def test_sizes_are_not_believed(size: int) -> None:
    assert parse_wav_header(wav(b"\x00" * 64, size=size)) == WavHeader(MONO_16, 44)


def test_rf64_is_read_past_its_size_chunk() -> None:
    plain = wav(form=b"RF64", size=0xFFFFFFFF)
    head = plain[:12] + b"ds64" + struct.pack("<I", 28) + bytes(28) + plain[12:]

    assert parse_wav_header(head) == WavHeader(MONO_16, 44 + 36)


def test_a_chunk_of_odd_size_is_padded() -> None:
    head = wav(between=b"note" + struct.pack("<I", 3) + b"abc\x00")

    assert parse_wav_header(head) == WavHeader(MONO_16, 44 + 12)


ENCODINGS: list[tuple[int, int, Encoding]] = [
    (1, 8, "u8"), (1, 16, "s16"), (1, 24, "s24"), (1, 32, "s32"),
    (3, 32, "f32"), (3, 64, "f64"), (6, 8, "alaw"), (7, 8, "mulaw"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "bits", "encoding"), ENCODINGS)
@pytest.mark.parametrize("is_extensible", [False, True])
def test_every_encoding_is_known_plain_and_extensible(
    code: int, bits: int, encoding: Encoding, *, is_extensible: bool
) -> None:
    subtype = code.to_bytes(2, "little") + SUBTYPE_TAIL
    extension = struct.pack("<HHI", 22, bits, 3) + subtype if is_extensible else b""
    head = wav(code=0xFFFE if is_extensible else code, bits=bits, channels=2, extension=extension)

    header = parse_wav_header(head)

    expected = PcmFormat(encoding=encoding, channels=2, rate_hz=16_000)
    assert header == WavHeader(expected, len(head))


REFUSED: list[tuple[WavFields, str]] = [
    ({"rate_hz": 0}, "sample rate 0 Hz: expected 8000 to 192000"),
    ({"rate_hz": 7_999}, "sample rate 7999 Hz: expected 8000 to 192000"),
    ({"rate_hz": 192_001}, "sample rate 192001 Hz"),
    ({"channels": 0}, "0 channels: expected 1 to 8"),
    ({"channels": 9}, "9 channels: expected 1 to 8"),
    ({"channels": 65_535, "block_bytes": 65_534}, "65535 channels"),
    ({"block_bytes": 3}, "blocks of 3 bytes: expected 2 for 1 x 16 bits"),
    ({"block_bytes": 0}, "blocks of 0 bytes"),
    ({"bits": 12, "block_bytes": 2}, "12 bits per sample in audio format 1: expected 8"),
    ({"code": 3, "bits": 16}, "16 bits per sample in audio format 3: expected 32, 64"),
    ({"code": 0x55}, "audio format 85: expected 1 (PCM)"),
    ({"code": 0xFFFE}, "an extensible `fmt ` chunk of 16 bytes: expected 40"),
    ({"code": 0xFFFE, "extension": bytes(24)}, "sub-format 0000"),
    ({"form": b"RIFX"}, "big-endian (RIFX): expected RIFF"),
    ({"between": b"LIST\xff\xff\xff\x7f"}, "chunk 'LIST' of 2147483647 bytes"),
    ({"between": b"note\x00\x00\x00\x00" * MAX_HEADER_CHUNKS}, "64 chunks without audio"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_an_impossible_header_is_refused_with_the_reason(fields: WavFields, reason: str) -> None:
    message = refusal(wav(**fields))

    assert message.startswith(f"WAV header: {reason}")
    assert message.endswith("; send 16-bit PCM at 16 kHz, mono, with or without a WAV header")


def test_another_kind_of_riff_is_refused_by_its_name() -> None:
    assert "a RIFF file of type 'AVI '" in refusal(b"RIFF\x00\x00\x00\x00AVI LIST")


def test_data_before_its_format_is_refused() -> None:
    assert "before `fmt `" in refusal(b"RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00")


def test_a_short_format_is_refused() -> None:
    assert "a `fmt ` chunk of 4 bytes" in refusal(b"RIFF\0\0\0\0WAVEfmt \4\0\0\0\1\0\1\0")


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_any_bytes_end_in_a_header_a_wait_or_a_client_fault(body: bytes, fmt: bytes) -> None:
    head = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + body
    try:
        header = parse_wav_header(head)
    except ClientFault:
        return

    assert header is None or header.byte_count <= MAX_HEADER_BYTES

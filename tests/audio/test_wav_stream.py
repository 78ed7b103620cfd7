from __future__ import annotations

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.audio.pcm import Encoding, PcmFormat
from scribewire.audio.wav import MAX_HEADER_CHUNKS
from scribewire.audio.wav_stream import MAX_SKIPPED_BYTES, WavStream, find_wav
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


AUDIO = bytes(range(1, 65))


def refusal(head: bytes) -> str:
    with pytest.raises(ClientFault) as caught:
        WavStream().receive(head)
    return caught.value.message


def header(head: bytes) -> tuple[PcmFormat, int] | None:
    """Return what a header says, and how long it is; None where it waits for more."""
    stream = WavStream()
    audio = stream.receive(head + AUDIO)
    return (
        None if stream.pcm_format is None else (stream.pcm_format, len(head + AUDIO) - len(audio))
    )


def heard(data: bytes, piece: int) -> bytes:
    stream = WavStream()
    return b"".join(stream.receive(data[i : i + piece]) for i in range(0, len(data), piece))


def test_the_header_of_ffmpeg_has_78_bytes() -> None:
    assert header(FFMPEG_HEADER) == (MONO_16, 78)


def test_the_header_of_the_standard_library_is_read() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((2, 3, 44_100, 0, "NONE", ""))

    expected = PcmFormat(encoding="s24", channels=2, rate_hz=44_100)
    assert header(file.getvalue()) == (expected, 44)


@pytest.mark.parametrize("length", range(len(FFMPEG_HEADER)))
def test_a_header_that_is_not_whole_waits_for_more(length: int) -> None:
    stream = WavStream()

    assert stream.receive(FFMPEG_HEADER[:length]) == b""
    assert stream.pcm_format is None


@pytest.mark.parametrize("size", [0, 2, 63, 64, 0x7FFFFFFF, 0xFFFFFFFF])
def test_sizes_are_not_believed(size: int) -> None:
    for piece in (1, 7, 1000):
        assert heard(wav(AUDIO * 9, size=size), piece) == AUDIO * 9


def test_rf64_is_read_past_its_size_chunk() -> None:
    plain = wav(form=b"RF64", size=0xFFFFFFFF)
    head = plain[:12] + b"ds64" + struct.pack("<I", 28) + bytes(28) + plain[12:]

    assert header(head) == (MONO_16, 44 + 36)


def test_a_chunk_of_odd_size_is_padded() -> None:
    head = wav(between=b"note" + struct.pack("<I", 3) + b"abc\x00")

    assert header(head) == (MONO_16, 44 + 12)


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

    expected = PcmFormat(encoding=encoding, channels=2, rate_hz=16_000)
    assert header(head) == (expected, len(head))


REFUSED: list[tuple[WavFields, str]] = [
    ({"rate_hz": 0}, "sample rate 0 Hz: expected 8000 to 192000"),
    ({"rate_hz": 7_999}, "sample rate 7999 Hz: expected 8000 to 192000"),
    ({"rate_hz": 192_001}, "sample rate 192001 Hz"),
    ({"channels": 0}, "0 channels: expected 1 to 8"),
    ({"channels": 9}, "9 channels: expected 1 to 8"),
    ({"channels": 65_535, "block_bytes": 65_534}, "65535 channels"),
    ({"bits": 12, "block_bytes": 2}, "12 bits per sample in audio format 1: expected 8"),
    ({"code": 3, "bits": 16}, "16 bits per sample in audio format 3: expected 32, 64"),
    ({"code": 0x55}, "audio format 85: expected 1 (PCM)"),
    ({"code": 0xFFFE}, "an extensible `fmt ` chunk of 16 bytes: expected 40"),
    ({"code": 0xFFFE, "extension": bytes(24)}, "sub-format 0000"),
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


@given(st.binary(max_size=300), st.binary(max_size=40), st.integers(1, 300))
def test_any_bytes_end_in_audio_a_wait_or_a_client_fault(
    body: bytes, fmt: bytes, piece: int
) -> None:
    data = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + body
    try:
        audio = heard(data, len(data))
    except ClientFault:
        with pytest.raises(ClientFault):
            heard(data, piece)
    else:
        assert heard(data, piece) == audio
        assert audio in data


@pytest.mark.parametrize("block", [0, 1, 3, 4, 65_535])
def test_a_block_that_contradicts_the_width_is_not_believed(block: int) -> None:
    assert header(wav(block_bytes=block)) == (MONO_16, 44)


def test_24_bits_in_four_bytes_are_the_upper_ones() -> None:
    expected = PcmFormat(encoding="s32", channels=2, rate_hz=16_000)

    assert header(wav(bits=24, channels=2, block_bytes=8)) == (expected, 44)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_rifx_has_its_bytes_the_other_way_round(bits: int) -> None:
    little = wav(bits=bits)
    form = struct.pack(">HHIIHH", *struct.unpack("<HHIIHH", little[20:36]))
    big = b"RIFX" + bytes(4) + b"WAVEfmt " + struct.pack(">I", 16) + form + b"data" + bytes(4)
    found = header(big)

    assert found is not None
    assert found[0].is_big_endian is (bits > 8)
    assert (found[0].rate_hz, found[0].channels, found[1]) == (16_000, 1, 44)


@pytest.mark.parametrize("size", [80_000, 5_000_001])
@pytest.mark.parametrize("piece", [999, 1 << 20])
def test_long_chunks_before_the_audio_are_passed_over(size: int, piece: int) -> None:
    between = b"bext" + struct.pack("<I", size) + bytes(size + size % 2)

    assert heard(wav(AUDIO, between=between), piece) == AUDIO


def test_not_without_end() -> None:
    half = MAX_SKIPPED_BYTES // 2
    between = (b"bext" + struct.pack("<I", half) + bytes(half)) * 3

    assert "chunk 'bext'" in refusal(wav(between=between))


BEHIND = b"LIST" + struct.pack("<I", 10) + b"INFOnothing" + b"id3 " + struct.pack("<I", 4) + b"song"


@pytest.mark.parametrize("piece", [1, 5, 1000])
@pytest.mark.parametrize("audio", [AUDIO, AUDIO[:-1] + b"\0"])
def test_chunks_behind_the_audio_are_none(piece: int, audio: bytes) -> None:
    assert heard(wav(audio) + BEHIND, piece) == audio


def test_behind_an_odd_size_a_byte_is_left_out() -> None:
    assert heard(wav(AUDIO[:-1], bits=8) + b"\0" + BEHIND, 100) == AUDIO[:-1]


def test_what_stands_behind_a_stale_size_and_is_no_chunk_is_audio() -> None:
    assert heard(wav(AUDIO * 5, size=100), 7) == AUDIO * 5


@pytest.mark.parametrize(
    ("data", "is_found"),
    [
        (wav(AUDIO), True),
        (wav(AUDIO, between=b"bext" + struct.pack("<I", 80_000) + bytes(80_000)), True),
        (wav(AUDIO, code=0x55), False),  # MP3 in a WAV: FFmpeg knows it
        (wav(AUDIO)[:30], False),
        (b"OggS" + bytes(100), False),
        (b"", False),
    ],
)
def test_a_wav_that_is_read_here_is_known_by_its_head(data: bytes, *, is_found: bool) -> None:
    found = find_wav(lambda size: data[:size])

    assert (found is not None) is is_found
    if found is not None:
        assert (found.pcm_format, found.data_bytes) == (MONO_16, len(AUDIO))

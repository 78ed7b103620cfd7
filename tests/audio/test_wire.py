from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scribewire.audio.pcm import WIRE_PCM, Encoding, PcmFormat
from scribewire.audio.sniff import SNIFF_LIMIT
from scribewire.audio.wire import CompressedAudio, WireDecoder, WireLayout
from scribewire.errors import ClientFault
from tests.parts.wav import WavFields, wav

if TYPE_CHECKING:
    from scribewire.types import Samples


def decode(data: bytes, cuts: list[int] | None = None) -> Samples:
    decoder = WireDecoder()
    edges = [0, *(cuts or []), len(data)]
    pieces = [decoder.receive_bytes(data[start:end]) for start, end in pairwise(edges)]
    return np.concatenate([*pieces, decoder.receive_end()])


@cache
def noise(count: int, amplitude: int = 9000) -> bytes:
    random = np.random.default_rng(count)
    return random.integers(-amplitude, amplitude, count, np.int16).tobytes()


def test_bytes_without_a_header_are_16_bit_samples() -> None:
    pcm = b"\x00\x00\x00\x80\x00\x40\xff\xff"

    assert decode(pcm).tolist() == [0.0, -1.0, 0.5, -1 / 32768]


def test_a_sample_split_over_two_messages_is_joined() -> None:
    decoder = WireDecoder()
    decoder.receive_bytes(bytes(16))

    assert decoder.receive_bytes(b"\x00\x40\x00").tolist() == [0.5]
    assert decoder.receive_bytes(b"\x80").tolist() == [-1.0]


def test_an_odd_byte_at_the_end_is_dropped() -> None:
    assert decode(b"\x00\x40" * 10 + b"\x7f").tolist() == [0.5] * 10


@pytest.mark.parametrize("count", range(8))
def test_a_stream_too_short_to_recognise_is_pcm(count: int) -> None:
    pcm = b"\x00\x40" * 4

    assert decode(pcm[:count], list(range(1, count))).tolist() == [0.5] * (count // 2)


def test_no_more_than_the_limit_is_held_back() -> None:
    decoder = WireDecoder()
    possible_frame = b"\xff\xf1\x50\x83\xff\xe0\x00\x00"  # an AAC frame of the greatest length
    heard = 0
    for position in range(SNIFF_LIMIT):
        byte = possible_frame[position : position + 1] or b"\x00"
        heard += decoder.receive_bytes(byte).size

    assert heard == SNIFF_LIMIT // 2


def test_a_wav_header_is_no_audio() -> None:
    assert decode(wav(b"\x00\x40" * 3)).tolist() == [0.5] * 3


@pytest.mark.parametrize("size", [0, 4, 0xFFFFFFFF])
def test_all_bytes_after_the_header_are_audio(size: int) -> None:
    assert decode(wav(b"\x00\x40" * 9, size=size)).size == 9


def test_a_header_inside_the_stream_is_audio() -> None:
    assert decode(bytes(16) + wav()).size == 8 + 22


def test_another_rate_is_resampled_and_loses_no_tail() -> None:
    assert decode(wav(noise(4_800), rate_hz=48_000)).size == 1_600
    assert decode(wav(noise(800), rate_hz=8_000)).size == 1_600


def test_a_stream_that_ends_inside_its_header_has_no_audio() -> None:
    assert decode(wav()[:30]).size == 0


def test_a_compressed_file_is_refused_with_what_to_send_instead() -> None:
    with pytest.raises(ClientFault) as caught:
        decode(b"ID3\x03\x00" + bytes(100))

    assert caught.value.message == (
        "this looks like an MP3 file: send 16-bit PCM at 16 kHz, mono, with or without a WAV "
        "header; to decode it first: ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -"
    )


def test_the_middle_of_a_recording_is_refused_with_what_to_do() -> None:
    with pytest.raises(ClientFault, match="this looks like the middle of a WebM recording: its fi"):
        decode(b"\x1fC\xb6u" + bytes(100))


def test_what_takes_a_decoder_comes_with_all_that_came_of_it() -> None:
    decoder = WireDecoder()
    for byte in b"\x1aE\xdf":
        assert not decoder.receive_bytes(bytes([byte])).size
    with pytest.raises(CompressedAudio, match="a WebM or Matroska file") as caught:
        decoder.receive_bytes(b"\xa3\x9f")

    assert caught.value.head == b"\x1aE\xdf\xa3\x9f"


def test_a_refused_stream_stays_refused() -> None:
    decoder = WireDecoder()
    for data in (wav(rate_hz=0), bytes(100), wav()):
        with pytest.raises(ClientFault, match="sample rate 0"):
            decoder.receive_bytes(data)


STREAMS: list[tuple[str, WavFields]] = [
    ("raw", {}), ("24 bit stereo at 44.1 kHz", {"bits": 24, "channels": 2, "rate_hz": 44_100}),
    ("8 kHz telephone", {"code": 7, "bits": 8, "rate_hz": 8_000}),
    ("eight channels of floats", {"code": 3, "bits": 32, "channels": 8, "rate_hz": 48_000}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fields"), STREAMS, ids=[name for name, _ in STREAMS])
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 9_000), max_size=60).map(sorted))
def test_the_cuts_between_messages_change_no_sample(
    name: str, fields: WavFields, cuts: list[int]
) -> None:
    data = noise(4_478) if name == "raw" else wav(noise(4_478), **fields)

    assert np.array_equal(decode(data, [min(cut, len(data)) for cut in cuts]), decode(data))


@pytest.mark.parametrize(("name", "fields"), STREAMS, ids=[name for name, _ in STREAMS])
def test_bytes_that_come_one_by_one_change_no_sample(name: str, fields: WavFields) -> None:
    data = noise(800) if name == "raw" else wav(noise(800), **fields)

    assert np.array_equal(decode(data, list(range(1, len(data)))), decode(data))


@settings(max_examples=60, deadline=None)
@given(
    mark=st.sampled_from([b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0", b"\xff\xfb", b"ID3"]),
    body=st.binary(max_size=400),
    cuts=st.lists(st.integers(0, 50), max_size=5).map(sorted),
)
def test_any_bytes_end_in_samples_or_a_client_fault(
    mark: bytes, body: bytes, cuts: list[int]
) -> None:
    data = mark + body
    try:
        samples = decode(data, [min(cut, len(data)) for cut in cuts])
    except ClientFault:
        return

    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert np.abs(samples).max(initial=0.0) <= 1.0


@pytest.mark.parametrize(
    ("fields", "header_bytes", "byte_of_16_000"),
    [
        (None, 0, 32_000),
        (WavFields(), 44, 44 + 32_000),
        (WavFields(rate_hz=8000, between=b"LIST\x04\0\0\0abcd"), 56, 56 + 16_000),
        (WavFields(rate_hz=44_100, channels=2), 44, 44 + 44_100 * 4),
    ],
)
@pytest.mark.parametrize("piece_bytes", [7, 100_000])
def test_where_the_audio_lies_is_known_once_it_has_begun(
    fields: WavFields | None, header_bytes: int, byte_of_16_000: int, piece_bytes: int
) -> None:
    data = noise(400) if fields is None else wav(noise(400), **fields)
    decoder = WireDecoder()
    for start in range(0, len(data), piece_bytes):
        decoder.receive_bytes(data[start : start + piece_bytes])

    assert decoder.layout is not None
    assert decoder.layout.header_bytes == header_bytes
    assert decoder.layout.byte_of(16_000) == byte_of_16_000
    assert decoder.layout.byte_of(0) == header_bytes


LIST = b"LIST" + (8).to_bytes(4, "little") + b"\x7f" * 8


@pytest.mark.parametrize("at_sample", [0, 512, 1024])
@pytest.mark.parametrize("piece_bytes", [7, 100_000])
@pytest.mark.parametrize("size", [2048, 400])  # that of the audio, and one that is wrong
def test_from_its_midst_too_what_stands_behind_its_audio_is_not_heard(
    at_sample: int, piece_bytes: int, size: int
) -> None:
    data = wav(noise(1024), size=size) + (LIST if size == 2048 else b"")
    whole = WireDecoder()
    expected = whole.receive_bytes(data).tolist()
    assert whole.layout is not None
    begin = whole.layout.byte_of(at_sample)
    rest = WireDecoder(whole.layout, begin=begin)
    pieces = [
        rest.receive_bytes(data[start : start + piece_bytes]).tolist()
        for start in range(begin, len(data), piece_bytes)
    ]

    assert [sample for piece in pieces for sample in piece] == expected[at_sample:]


def test_with_its_layout_a_stream_is_heard_from_its_midst() -> None:
    data = wav(noise(4000), rate_hz=16_000)
    layout = WireLayout(pcm=WIRE_PCM, header_bytes=44)
    rest = WireDecoder(layout)
    heard = rest.receive_bytes(data[layout.byte_of(1000) :])

    assert rest.layout == layout
    assert heard.tolist() == decode(data).tolist()[1000:]


@pytest.mark.parametrize("encoding", ["mulaw", "s16", "f32"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("sample", [0, 700, 9_001, 20_480])
def test_from_a_joint_on_the_samples_are_the_same(
    encoding: Encoding, rate_hz: int, sample: int
) -> None:
    pcm = PcmFormat(encoding=encoding, channels=1, rate_hz=rate_hz)
    layout = WireLayout(pcm=pcm, header_bytes=58)
    noise = np.random.default_rng(5).standard_normal(rate_hz * 2).astype("<f4") / 8
    data = bytes(58) + (noise.tobytes() if encoding == "f32" else noise.tobytes()[: rate_hz * 4])
    whole = WireDecoder(layout, begin=58)
    expected = np.concatenate([whole.receive_bytes(data[58:]), whole.receive_end()])
    joint = layout.joint_for(sample)
    joined = WireDecoder(layout, begin=joint.begin, skipped=joint.skipped)

    pieces = [joined.receive_bytes(data[joint.begin :][:501])]
    pieces += [joined.receive_bytes(data[joint.begin :][501:]), joined.receive_end()]

    assert layout.is_exact
    assert np.array_equal(np.concatenate(pieces), expected[sample:])


def test_what_is_mixed_or_of_an_odd_rate_is_joined_nowhere() -> None:
    stereo = PcmFormat(encoding="s16", channels=2, rate_hz=16_000)
    odd = PcmFormat(encoding="s16", channels=1, rate_hz=44_100)

    assert [WireLayout(pcm=one).is_exact for one in (WIRE_PCM, stereo, odd)] == [True, False, False]

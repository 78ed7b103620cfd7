from __future__ import annotations

import pytest

from scribewire.client.pushed_format import PushedFormat, read_format
from tests.parts.wav import wav

PLAIN = PushedFormat()
OTHER = PushedFormat(bytes_per_s=None, is_plain=False)
WAV = wav(bytes(320))

CASES = [
    ("nothing", b"", PLAIN),
    ("silence", bytes(192), PLAIN),
    ("quiet noise", b"\xff\xff\x01\x00" * 48, PLAIN),
    ("a WAV of the wire", WAV, PushedFormat(header_bytes=44)),
    ("a WAV whose header is not there yet", WAV[:30], OTHER),
    (
        "a WAV of another rate",
        WAV[:24] + (8000).to_bytes(4, "little") + (16_000).to_bytes(4, "little") + WAV[32:],
        PushedFormat(bytes_per_s=16_000, header_bytes=44, is_plain=False),
    ),
    (
        "a WAV with something before its audio",
        WAV[:36] + b"LIST" + WAV[40:],
        PushedFormat(header_bytes=44, is_plain=False),
    ),
    ("a WAV of no known kind", WAV[:12] + b"JUNK" + WAV[16:], OTHER),
    ("WebM", b"\x1aE\xdf\xa3" + bytes(188), OTHER),
    ("Ogg", b"OggS" + bytes(188), OTHER),
    ("MP4", bytes(4) + b"ftyp" + bytes(184), OTHER),
    ("MP3", b"\xff\xfb\x90\x00" + bytes(188), OTHER),
    ("a transport stream", b"G" + bytes(187) + b"G" + bytes(3), OTHER),
    ("PCM that begins as one", b"G" + bytes(191), PLAIN),
]


@pytest.mark.parametrize(
    ("head", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_audio_is_shows_in_its_first_bytes(head: bytes, expected: PushedFormat) -> None:
    if expected == OTHER and head == WAV[:30]:
        assert not read_format(head).is_plain
        return
    assert read_format(head) == expected


@pytest.mark.parametrize(
    ("form", "byte", "ms"),
    [
        (PLAIN, 3200, 100),
        (PLAIN, 3231, 100),
        (PushedFormat(header_bytes=44), 3244, 100),
        (PushedFormat(header_bytes=44), 10, 0),
        (PushedFormat(bytes_per_s=8000, is_plain=False), 3200, 400),
        (OTHER, 3200, None),
    ],
)
def test_bytes_are_counted_in_the_time_of_their_format(
    form: PushedFormat, byte: int, ms: int | None
) -> None:
    assert form.ms_until(byte) == ms


@pytest.mark.parametrize(("header_bytes", "ms", "byte"), [(0, 100, 3200), (44, 100, 3244)])
def test_a_time_is_a_place_in_the_audio(header_bytes: int, ms: int, byte: int) -> None:
    form = PushedFormat(header_bytes=header_bytes)

    assert (form.byte_at(0), form.byte_at(ms)) == (0, byte)


@pytest.mark.parametrize(
    ("header_bytes", "byte", "whole"),
    [(0, 0, 0), (0, 7, 8), (0, 8, 8), (44, 0, 0), (44, 10, 44), (44, 45, 46), (44, 46, 46)],
)
def test_audio_begins_with_a_whole_sample(header_bytes: int, byte: int, whole: int) -> None:
    assert PushedFormat(header_bytes=header_bytes).whole_from(byte) == whole

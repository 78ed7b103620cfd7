from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scribewire.audio.sniff import (
    PCM,
    SNIFF_LIMIT,
    UNDECIDED,
    WAV,
    find_frames,
    find_stranger,
    sniff,
)

MARKS = [
    (b"OggS\x00\x02\x00\x00", "an Ogg (Vorbis or Opus) file"),
    (b"fLaC\x00\x00\x00\x22", "a FLAC file"),
    (b"ID3\x04\x00\x00\x00\x00", "an MP3 file"),
    (b"\x1aE\xdf\xa3\x9f\x42\x86\x81", "a WebM or Matroska file"),
    (b"\x00\x00\x00\x1cftypM4A ", "an MP4 or M4A file"),
    (b"caff\x00\x01\x00\x00", "a Core Audio file"),
    (b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file"),
    (b"#!AMR\n\x3c\x91", "an AMR file"),
    (b"FLV\x01\x05\x00\x00\x00", "a Flash video file"),
    (b"FORM\x00\x01\x00\x00", "an AIFF file"),
    (b".snd\x00\x00\x00\x18", "a Sun audio file"),
    ((b"G" + bytes(187)) * 3, "an MPEG transport stream"),
]


@pytest.mark.parametrize(("head", "name"), MARKS, ids=[name for _, name in MARKS])
def test_a_file_is_known_by_its_mark(head: bytes, name: str) -> None:
    guess = sniff(head)

    assert (guess.kind, guess.name) == ("compressed", name)


BLOCK = b"\xa3\x87\x81\x00\x14\x80\xfc\xff\xfe"  # 20 ms of silence as Opus, and its head
LONG_BLOCK = b"\xa3\x40\x87\x81\x00\x14\x80" + bytes(131)
MIDDLES = [
    ("a cluster", b"\x1fC\xb6u\x01\xff\xff\xff", "the middle of a WebM recording"),
    ("a cluster but its first byte", b"C\xb6u\x01" + b"\xff" * 7, "the middle of a WebM recording"),
    ("two blocks", BLOCK * 2, "the middle of a WebM recording"),
    ("two long blocks", LONG_BLOCK * 2, "the middle of a WebM recording"),
    ("two but the first byte", (BLOCK * 2)[1:], "the middle of a WebM recording"),
    ("two long but the first byte", (LONG_BLOCK * 2)[1:], "the middle of a WebM recording"),
    (
        "a picture behind",
        LONG_BLOCK[1:] + b"\xa3\x20\x40\x00\x82",
        "the middle of a WebM recording",
    ),
    ("a block and a cluster", BLOCK + b"\x1fC\xb6u\x01", "the middle of a WebM recording"),
    ("a fragment", b"\x00\x00\x00\x60moof\x00\x00", "the middle of an MP4 recording"),
    ("a segment", b"\x00\x00\x00\x18stypmsdh", "the middle of an MP4 recording"),
]


@pytest.mark.parametrize(
    ("head", "name"), [case[1:] for case in MIDDLES], ids=[case[0] for case in MIDDLES]
)
def test_a_later_piece_of_a_recording_is_no_noise(head: bytes, name: str) -> None:
    guess = sniff(head)

    assert (guess.kind, guess.name) == ("middle", name)


@pytest.mark.parametrize(
    "head",
    [
        BLOCK + bytes(64),
        b"\xa3\x87\x82" + BLOCK[3:] + BLOCK,  # of two tracks
        b"\xa3\x87\x81\x00\x14\x00" + BLOCK[6:] + BLOCK,  # no flag
        BLOCK + b"\xa3\x87\x80" + bytes(64),
        b"\xa3\x7f\xff\x81" + bytes(64),  # longer than sound is
    ],
)
def test_a_block_without_a_second_one_is_pcm(head: bytes) -> None:
    assert sniff(head) == PCM


@pytest.mark.parametrize("form", [b"RIFF", b"RIFX", b"RF64"])
def test_a_wav_header_is_known_by_its_form(form: bytes) -> None:
    assert sniff(form) == WAV


FRAMED = [("mp3", "libmp3lame", "an MP3 file"), ("mp2", "mp2", "an MP3 file")]
FRAMED += [("adts", "aac", "an AAC (ADTS) file")]


@pytest.mark.parametrize(("container", "codec", "name"), FRAMED)
@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_frames_without_a_mark_are_known_by_their_distance(
    container: str, codec: str, name: str, rate_hz: int,
    encode: Callable[..., bytes], tone: np.ndarray,
) -> None:  # fmt: skip
    file = encode(container, codec, tone, rate_hz)
    frames = file[file.index(b"\xff") :]  # an ID3 tag comes first

    assert sniff(frames).name == name
    assert sniff(frames[:40]) == UNDECIDED


@pytest.mark.parametrize(("container", "codec", "name"), FRAMED)
def test_frames_are_found_where_a_stream_is_entered(
    container: str, codec: str, name: str,
    encode: Callable[..., bytes], tone: np.ndarray,
) -> None:  # fmt: skip
    file = encode(container, codec, np.tile(tone, 4), 44_100)

    for start in range(2000, 2400, 7):
        found = find_frames(file[start : start + 4096])
        assert found is not None
        assert found.name == name


@pytest.mark.parametrize("seed", range(20))
def test_no_frames_are_found_in_noise(seed: int) -> None:
    assert find_frames(np.random.default_rng(seed).bytes(8192)) is None


NOT_FRAMES = [
    ("silence", b"\x00\x00" * 4096),
    ("samples of -1", b"\xff\xff" * 4096),
    ("a sample of -1025, then silence", b"\xff\xfb" + b"\x00" * 8192),
    ("a sync with a bit rate, then silence", b"\xff\xfb\x90\x00" + b"\x00" * 8192),
    ("an AAC sync with a length, then silence", b"\xff\xf1\x50\x80\x20\x00" + b"\x00" * 8192),
    ("an AAC sync with a rate that is reserved", b"\xff\xf1\x7c\x80\x20\x00\x00\x00"),
    ("an AAC sync with an impossible length", b"\xff\xf1\x50\x80\x00\x80\x00\x00"),
    ("a layer that is reserved", b"\xff\xe1\x90\x00\x00\x00\x00\x00"),
    ("a version that is reserved", b"\xff\xeb\x90\x00\x00\x00\x00\x00"),
    ("a rate that is reserved", b"\xff\xfb\x9c\x00\x00\x00\x00\x00"),
    ("a free bit rate, which has no distance", b"\xff\xfb\x00\x00\x00\x00\x00\x00"),
]


@pytest.mark.parametrize(("name", "head"), NOT_FRAMES, ids=[name for name, _ in NOT_FRAMES])
def test_a_sync_without_a_second_one_is_pcm(name: str, head: bytes) -> None:
    assert sniff(head) == PCM, name


@pytest.mark.parametrize(
    "head", [b"", b"R", b"Ogg", b"\x00\x00\x00\x00ft", b"\xff\xfb\x90\x00", BLOCK]
)
def test_a_short_beginning_is_undecided(head: bytes) -> None:
    assert sniff(head) == UNDECIDED


@given(st.binary(max_size=40))
def test_the_limit_always_decides(head: bytes) -> None:
    assert sniff(head.ljust(SNIFF_LIMIT, b"\x00")) != UNDECIDED


@pytest.mark.parametrize(
    "header", [b"\xff\xfb", b"\xff\xfd", b"\xff\xf3", b"\xff\xe3", b"\xff\xf1"]
)
def test_the_limit_decides_after_every_sync(header: bytes) -> None:
    for third in range(256):
        head = header + bytes([third]) + b"\xff" * (SNIFF_LIMIT - 3)

        assert sniff(head) != UNDECIDED


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    amplitude=st.sampled_from([1, 2, 20, 300, 1100, 4000, 32_767]),
)
def test_noise_is_pcm(seed: int, amplitude: int) -> None:
    streams = np.random.default_rng(seed).integers(-amplitude, amplitude + 1, (50, 4200), np.int16)

    assert all(sniff(stream.tobytes()) == PCM for stream in streams)


@pytest.mark.parametrize("amplitude", [2, 30, 300, 1100, 4000])
def test_noise_that_begins_with_a_sync_is_pcm(amplitude: int) -> None:
    """The worst case on purpose: every stream begins with what MP3 and AAC begin with."""
    random = np.random.default_rng(amplitude)
    streams = random.integers(-amplitude, amplitude + 1, (400, 4200), np.int16)
    streams[:, 0] = random.choice([-1025, -1281, -3073, -7169, -3841, -1793], 400)

    misfires = [guess for stream in streams if (guess := sniff(stream.tobytes())) != PCM]

    assert misfires == []


STRANGERS = [
    (b"\n<!DOCTYPE HTML><title>404</title>", "an HTML page"),
    (b"\xef\xbb\xbf<html lang=en>", "an HTML page"),
    (b"<?xml version='1.0'?><!-- page --><html>", "an HTML page"),
    (b"<?xml version='1.0'?><Error/>", "an XML document"),
    (b'{"error": "expired"}', "JSON"),
    (b"No such stream: \xc3\xa9", "text"),
    (b"cut within a character: \xc3", "text"),
    (b"#EXTM3U\n#EXTINF:5,", "a playlist"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "a picture (PNG)"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a picture (JPEG)"),
    (b"RIFF\x00\x10\x00\x00WEBPVP8 ", "a picture (WebP)"),
    (b"%PDF-1.7", "a PDF document"),
]


@pytest.mark.parametrize(("head", "name"), STRANGERS, ids=[name for _, name in STRANGERS])
def test_what_is_no_audio_is_named(head: bytes, name: str) -> None:
    assert find_stranger(head) == name


@pytest.mark.parametrize("head", [head for head, _ in MARKS if b"\x00" in head])
def test_audio_is_no_stranger(head: bytes) -> None:
    assert find_stranger(head) is None

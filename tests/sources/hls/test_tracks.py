from __future__ import annotations

from pathlib import Path

import pytest

from scribewire.sources.hls.tracks import (
    FRAGMENTED_MP4,
    LOOKED_AT_BYTES,
    WHOLE_MP4,
    WHOLE_WAV,
    SegmentTracks,
    find_tracks,
)
from tests.parts.installed import need_part
from tests.parts.media import run_ffmpeg

TS = "an MPEG transport stream"
TONE = ("-f", "lavfi", "-i", "sine=f=300:d=1")
PICTURE = ("-f", "lavfi", "-i", "color=s=64x36:r=5:d=1")
VIDEO = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def packet(pid: int, payload: bytes, *, begins: bool = True, adaptation: int = 0) -> bytes:
    flags = 0x10 | (0x20 if adaptation else 0)
    head = bytes([0x47, (0x40 if begins else 0) | pid >> 8, pid & 0xFF, flags])
    field = bytes([adaptation - 1]) + bytes(adaptation - 1) if adaptation else b""
    return (head + field + payload).ljust(188, b"\xff")


def section(table: int, body: bytes) -> bytes:
    size = len(body) + 9
    head = bytes([table, 0xB0 | size >> 8, size & 0xFF, 0, 1, 0xC1, 0, 0])
    return b"\x00" + head + body + b"sums"


def association(map_pid: int = 0x100) -> bytes:
    network = bytes([0, 0, 0xE0, 0x10])
    return packet(0, section(0, network + bytes([0, 1, 0xE0 | map_pid >> 8, map_pid & 0xFF])))


def program(*streams: tuple[int, int, bytes], map_pid: int = 0x100, adaptation: int = 0) -> bytes:
    body = bytes([0xE1, 0, 0xF0, 2, 9, 0])
    for kind, pid, descriptors in streams:
        size = len(descriptors)
        body += bytes([kind, 0xE0 | pid >> 8, pid & 0xFF, 0xF0, size]) + descriptors
    return packet(map_pid, section(2, body), adaptation=adaptation)


def stream(*packets: bytes) -> bytes:
    return b"".join(packets) + packet(0x1FFF, b"") * 3


AAC, MP3, H264 = (0x0F, 0x101, b""), (0x03, 0x101, b""), (0x1B, 0x102, b"")
AAC_PACKET = packet(0x101, b"media")
LISTED = (
    # What the map says, the type that is told of it, and whether there is sound.
    ((AAC,), "0x0f", True),
    ((MP3, H264), "0x03", True),
    ((H264,), "", False),
    ((H264, (0x15, 0x101, b"")), "", False),  # timed metadata
    (((0x06, 0x101, b"\x6a\x01\x00"),), "0x06", True),  # AC-3
    (((0x06, 0x101, b"\x05\x04Opus"),), "0x06", True),
    (((0x06, 0x101, b"\x59\x08subtitle"),), "", False),
    (((0x99, 0x101, b""),), "0x99", True),  # nobody knows
)


@pytest.mark.parametrize(("streams", "kinds", "has_sound"), LISTED)
def test_the_map_says_what_is_in_a_transport_stream(
    streams: tuple[tuple[int, int, bytes], ...], kinds: str, *, has_sound: bool
) -> None:
    media = stream(association(), program(*streams), AAC_PACKET)

    assert find_tracks(media) == SegmentTracks(f"{TS} {kinds}".rstrip(), has_sound)


def test_what_the_map_lists_and_nobody_sends_is_no_sound() -> None:
    media = stream(association(), program(AAC, H264), packet(0x102, b"picture"))

    assert find_tracks(media) == SegmentTracks(f"{TS} 0x0f", has_sound=False)


def test_sound_that_begins_late_is_found() -> None:
    picture = packet(0x102, b"picture") * 3000
    media = stream(association(), program(AAC, H264), picture, AAC_PACKET)

    assert len(media) < LOOKED_AT_BYTES
    assert find_tracks(media).has_sound


@pytest.mark.parametrize(
    "media",
    [
        stream(AAC_PACKET),  # no map
        stream(association(), AAC_PACKET),
        stream(association(), packet(0x100, b"\x00\x02\xb0\xff" + b"\x00" * 180)),  # goes on
        stream(packet(0, b""), packet(0, b"\xff"), packet(0, b"\x00\x00")),
        stream(association(), program(AAC), AAC_PACKET)[:400],
        b"\x47" * 1000,
        b"",
    ],
)
def test_what_cannot_be_read_may_have_sound(media: bytes) -> None:
    assert find_tracks(media).has_sound


def test_any_bytes_are_looked_at() -> None:
    whole = stream(association(), program(AAC, H264), AAC_PACKET)
    for at in range(len(whole)):
        for bit in (0, 7):
            broken = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
            assert find_tracks(broken).format


def test_a_field_before_the_map_is_passed_over() -> None:
    media = stream(association(), program(AAC, adaptation=20), AAC_PACKET)

    assert find_tracks(media).format == f"{TS} 0x0f"


def box(name: bytes, body: bytes = b"", *, is_long: bool = False) -> bytes:
    if is_long:
        return b"\x00\x00\x00\x01" + name + (len(body) + 16).to_bytes(8, "big") + body
    return (len(body) + 8).to_bytes(4, "big") + name + body


@pytest.mark.parametrize(
    ("media", "head", "format_"),
    [
        (box(b"ftyp") + box(b"mdat", bytes(100)) + box(b"moov"), b"", WHOLE_MP4),
        (box(b"ftyp") + box(b"mdat", bytes(100), is_long=True) + box(b"moov"), b"", WHOLE_MP4),
        (box(b"ftyp") + box(b"moov") + box(b"moof") + box(b"mdat"), b"", FRAGMENTED_MP4),
        (box(b"styp") + box(b"moof") + box(b"mdat"), b"", FRAGMENTED_MP4),
        (box(b"ftyp") + box(b"moov"), box(b"ftyp") + box(b"moov"), FRAGMENTED_MP4),
        (box(b"ftyp") + bytes(8) + box(b"moov"), b"", FRAGMENTED_MP4),  # a box without an end
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", b"", WHOLE_WAV),
    ],
)
def test_a_file_by_itself_is_told_from_a_part_of_one(
    media: bytes, head: bytes, format_: str
) -> None:
    assert find_tracks(media, head).format == format_


@pytest.mark.parametrize(
    ("name", "data"), [("MP3", b"ID3\x04\x00"), ("unknown", b"segment"), ("WAV", b"RIFF")]
)
def test_of_other_formats_the_name_is_known(name: str, data: bytes) -> None:
    assert find_tracks(data).has_sound
    assert name.lower() in find_tracks(data).format.lower() or name == "WAV"


@pytest.mark.slow  # ffmpeg encodes
@pytest.mark.parametrize(
    ("arguments", "suffix", "expected"),
    [
        ((*TONE, "-c:a", "aac"), "mpegts", SegmentTracks(f"{TS} 0x0f", has_sound=True)),
        ((*TONE, "-c:a", "libmp3lame"), "mpegts", SegmentTracks(f"{TS} 0x03", has_sound=True)),
        ((*TONE, "-c:a", "ac3"), "mpegts", SegmentTracks(f"{TS} 0x81", has_sound=True)),
        ((*TONE, "-c:a", "libopus"), "mpegts", SegmentTracks(f"{TS} 0x06", has_sound=True)),
        ((*PICTURE, *VIDEO), "mpegts", SegmentTracks(TS, has_sound=False)),
        (
            (*PICTURE, *TONE, *VIDEO, "-c:a", "aac"),
            "mpegts",
            SegmentTracks(f"{TS} 0x0f", has_sound=True),
        ),
        ((*TONE, "-c:a", "aac"), "mp4", SegmentTracks(FRAGMENTED_MP4, has_sound=True)),
        ((*PICTURE, *VIDEO), "mp4", SegmentTracks(FRAGMENTED_MP4, has_sound=False)),
        ((*PICTURE, *TONE, *VIDEO), "mp4", SegmentTracks(FRAGMENTED_MP4, has_sound=True)),
    ],
)
def test_what_ffmpeg_makes_is_known(
    arguments: tuple[str, ...], suffix: str, expected: SegmentTracks, tmp_path: Path
) -> None:
    need_part("ffmpeg")
    path = tmp_path / "segment"
    fragments = ("-movflags", "+frag_keyframe+empty_moov") if suffix == "mp4" else ()
    run_ffmpeg((*arguments, *fragments, "-f", suffix, str(path)))

    assert find_tracks(path.read_bytes()) == expected

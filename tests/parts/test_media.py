from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from scribewire.errors import ServerFault
from scribewire.types import PCM_BYTES_PER_S, SAMPLE_RATE
from tests.parts.installed import need_part
from tests.parts.media import (
    FILE_KINDS,
    HLS_KINDS,
    decode_file,
    make_discontinuous_hls,
    make_file,
    make_hls,
    run_ffmpeg,
    timestamp_tag,
)
from tests.parts.playlists import read_segments

SECONDS = 2.5
# What the beginning and the end of a codec's frames add, at most.
PADDING_S = 0.15


@pytest.fixture(autouse=True)
def _ffmpeg() -> None:
    need_part("ffmpeg")


@pytest.fixture(scope="module")
def pcm() -> bytes:
    """A tone that rises."""
    time_s = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    return (8000 * np.sin(2 * np.pi * (200 + 100 * time_s) * time_s)).astype("<i2").tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILE_KINDS)
def test_a_file_of_each_kind_holds_the_sound(kind: str, pcm: bytes, tmp_path: Path) -> None:
    path = make_file(tmp_path, pcm, kind)

    heard = decode_file(path)
    if FILE_KINDS[kind].is_lossless:
        assert heard == pcm
    assert abs(len(heard) / PCM_BYTES_PER_S - SECONDS) <= PADDING_S


@pytest.mark.slow
@pytest.mark.parametrize("kind", HLS_KINDS)
def test_a_playlist_of_each_kind_has_its_segments(kind: str, pcm: bytes, tmp_path: Path) -> None:
    playlist = make_hls(tmp_path, pcm, kind, segment_s=1)

    text = playlist.read_text()
    segments = read_segments(text)
    assert len(segments) == 3
    assert abs(sum(segment.duration_s for segment in segments) - SECONDS) <= PADDING_S
    assert all((tmp_path / segment.uri).is_file() for segment in segments)
    assert text.endswith("#EXT-X-ENDLIST\n")
    made = HLS_KINDS[kind]
    assert ("#EXT-X-KEY" in text, "IV=" in text) == (made.is_encrypted, made.has_iv)
    assert ("#EXT-X-BYTERANGE" in text) == made.is_single_file
    assert ("#EXT-X-MAP" in text) == (made.segment_suffix == "m4s")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ts", "ts-aes", "ts-aes-iv", "fmp4", "fmp4-flac", "aac"])
def test_a_player_hears_all_of_a_playlist(kind: str, pcm: bytes, tmp_path: Path) -> None:
    playlist = make_hls(tmp_path, pcm, kind, segment_s=1, first_sequence=5)

    output = ("-map", "0:a", "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "pipe:1")
    heard = run_ffmpeg(("-allowed_extensions", "ALL", "-i", str(playlist), *output))

    assert "#EXT-X-MEDIA-SEQUENCE:5\n" in playlist.read_text()
    assert abs(len(heard) / PCM_BYTES_PER_S - SECONDS) <= PADDING_S
    if kind == "fmp4-flac":
        assert heard == pcm


@pytest.mark.slow
def test_separate_encodes_are_parted_by_a_discontinuity(pcm: bytes, tmp_path: Path) -> None:
    kinds = ("ts", "ts-aes")

    playlist = make_discontinuous_hls(tmp_path, [pcm, pcm, pcm], kinds=kinds, segment_s=2)

    segments = read_segments(playlist.read_text())
    assert [segment.is_discontinuous for segment in segments] == [False, False, *[True, False] * 2]
    assert [len(segment.lasting) for segment in segments] == [0, 0, 1, 1, 0, 0]


def test_a_timestamp_tag_tells_the_time_of_a_packed_segment() -> None:
    tag = timestamp_tag(10.0)

    assert tag[:10] == b"ID3\x04\x00\x00\x00\x00\x00\x3f"
    assert tag[10:20] == b"PRIV\x00\x00\x00\x35\x00\x00"
    assert tag.endswith(b"transportStreamTimestamp\0" + struct.pack(">Q", 900_000))
    assert len(tag) == 10 + 0x3F


def test_what_ffmpeg_says_is_told() -> None:
    with pytest.raises(ServerFault, match="No such file"):
        run_ffmpeg(("-i", "nowhere.wav", "-f", "null", "-"))

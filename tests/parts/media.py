"""Speech as media: every container and every kind of HLS playlist, made by ffmpeg.

All of it is made from PCM as the server hears it (16-bit little-endian, 16 kHz, mono) and lies in
a folder that the caller gives; `tests.parts.origin` serves one.
"""

from __future__ import annotations

import re
import secrets
import struct
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scribewire.errors import ServerFault
from scribewire.types import SAMPLE_RATE
from tests.parts.installed import find_part
from tests.parts.playlists import join_playlists, read_segments, write_playlist

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FFMPEG_PATIENCE_S = 120.0  # an hour of speech is encoded in less; who takes longer hangs
_PCM_INPUT: Final = ("-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "pipe:0")
# The cheapest picture there is: what it shows is nobody's business here.
_PICTURE: Final = "color=c=black:s=64x36:r=5"
_PICTURE_CODEC: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_TIMESTAMP_OWNER: Final = b"com.apple.streaming.transportStreamTimestamp"
_TIMESTAMP_HZ = 90_000  # of MPEG-TS
_TIMESTAMP_END = 1 << 33  # it has 33 bits


# Files.


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """How one kind of file is made."""

    suffix: str
    arguments: tuple[str, ...]
    """Of ffmpeg, for the output."""
    is_lossless: bool = False
    """Whether the samples come back as they were."""
    has_picture: bool = False


FILE_KINDS: Final[dict[str, FileKind]] = {
    "wav": FileKind(suffix="wav", arguments=("-c:a", "pcm_s16le"), is_lossless=True),
    "flac": FileKind(suffix="flac", arguments=("-c:a", "flac"), is_lossless=True),
    "ogg-flac": FileKind(suffix="oga", arguments=("-c:a", "flac"), is_lossless=True),
    "alac": FileKind(
        suffix="m4a",
        arguments=("-c:a", "alac", "-movflags", "+faststart"),
        is_lossless=True,
    ),
    "mp3": FileKind(suffix="mp3", arguments=("-c:a", "libmp3lame", "-b:a", "64k")),
    "aac": FileKind(suffix="aac", arguments=("-c:a", "aac", "-b:a", "64k", "-f", "adts")),
    "m4a": FileKind(
        suffix="m4a",
        arguments=("-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart"),
    ),
    "m4a-index-last": FileKind(suffix="m4a", arguments=("-c:a", "aac", "-b:a", "64k")),
    "m4a-fragmented": FileKind(
        suffix="m4a",
        arguments=("-c:a", "aac", "-b:a", "64k", "-movflags", "+frag_keyframe+empty_moov"),
    ),
    "mp4": FileKind(
        suffix="mp4",
        arguments=("-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart"),
        has_picture=True,
    ),
    "ogg": FileKind(suffix="ogg", arguments=("-c:a", "libvorbis", "-b:a", "48k")),
    "opus": FileKind(suffix="opus", arguments=("-c:a", "libopus", "-b:a", "48k")),
    "webm": FileKind(suffix="webm", arguments=("-c:a", "libopus", "-b:a", "48k")),
    "mpegts": FileKind(suffix="ts", arguments=("-c:a", "aac", "-b:a", "64k", "-f", "mpegts")),
    "mpg": FileKind(
        suffix="mpg",
        arguments=("-c:a", "mp2", "-ar", "44100", "-c:v", "mpeg2video", "-r", "25"),
        has_picture=True,
    ),
    "vob": FileKind(
        suffix="vob",
        arguments=("-c:a", "ac3", "-ar", "48000", "-c:v", "mpeg2video", "-r", "25", "-f", "vob"),
        has_picture=True,
    ),
    "avi": FileKind(suffix="avi", arguments=("-c:a", "pcm_s16le"), is_lossless=True),
    "avi-picture": FileKind(
        suffix="avi", arguments=("-c:a", "libmp3lame", "-ar", "44100"), has_picture=True
    ),
    "caf": FileKind(suffix="caf", arguments=("-c:a", "pcm_s16be"), is_lossless=True),
    "caf-index-last": FileKind(suffix="caf", arguments=("-c:a", "libopus", "-b:a", "48k")),
    "mov": FileKind(suffix="mov", arguments=("-c:a", "aac", "-b:a", "64k"), has_picture=True),
    "flv": FileKind(suffix="flv", arguments=("-c:a", "aac", "-b:a", "64k"), has_picture=True),
}
"""Every kind of file that stream mode reads, by a name that tells them apart."""


def make_file(folder: Path, pcm: bytes, kind: str, *, name: str = "talk") -> Path:
    """Make one of `FILE_KINDS` of `pcm`. Raises ServerFault with the words of ffmpeg."""
    made = FILE_KINDS[kind]
    path = folder / f"{name}.{made.suffix}"
    _encode(pcm, (*made.arguments, str(path)), has_picture=made.has_picture)
    return path


# HLS.


@dataclass(frozen=True, slots=True, kw_only=True)
class HlsKind:
    """How one kind of media playlist is made."""

    arguments: tuple[str, ...] = ("-c:a", "aac", "-b:a", "64k")
    """Of ffmpeg, before those of the muxer."""
    segment_suffix: str = "ts"
    is_single_file: bool = False
    """Whether the segments are byte ranges of one file."""
    is_encrypted: bool = False
    has_iv: bool = False
    """Whether the playlist gives the IV; else it is the segment's sequence number."""
    has_picture: bool = False
    packed_as: str = ""
    """The muxer of raw audio segments, which ffmpeg's HLS muxer does not make."""


HLS_KINDS: Final[dict[str, HlsKind]] = {
    "ts": HlsKind(),
    "ts-mp3": HlsKind(arguments=("-c:a", "libmp3lame", "-b:a", "64k")),
    "ts-picture": HlsKind(has_picture=True),
    "ts-byte-ranges": HlsKind(is_single_file=True),
    "ts-aes": HlsKind(is_encrypted=True),
    "ts-aes-iv": HlsKind(is_encrypted=True, has_iv=True),
    "fmp4": HlsKind(segment_suffix="m4s"),
    "fmp4-flac": HlsKind(
        arguments=("-c:a", "flac", "-strict", "experimental"), segment_suffix="m4s"
    ),
    "fmp4-byte-ranges": HlsKind(segment_suffix="m4s", is_single_file=True),
    "aac": HlsKind(segment_suffix="aac", packed_as="adts"),
    "mp3": HlsKind(
        arguments=("-c:a", "libmp3lame", "-b:a", "64k"), segment_suffix="mp3", packed_as="mp3"
    ),
}
"""Every kind of media playlist that stream mode reads; only "fmp4-flac" keeps the samples."""


def make_hls(
    folder: Path,
    pcm: bytes,
    kind: str = "ts",
    *,
    name: str = "talk",
    segment_s: float = 2.0,
    rate_hz: int = 44_100,
    first_sequence: int = 0,
) -> Path:
    """Make one of `HLS_KINDS` of `pcm` and return its playlist, a finite one with ENDLIST.

    Raises ServerFault with the words of ffmpeg.
    """
    made = HLS_KINDS[kind]
    rate = ("-ar", str(SAMPLE_RATE if kind == "fmp4-flac" else rate_hz))
    muxer = (
        _packed_arguments(folder, made, name, segment_s, first_sequence)
        if made.packed_as
        else _muxer_arguments(folder, made, name, segment_s, first_sequence)
    )
    playlist = folder / f"{name}.m3u8"
    _encode(
        pcm,
        (*made.arguments, *rate, *muxer),
        has_picture=made.has_picture,
        key_frame_s=segment_s,
    )
    if made.packed_as:
        _stamp_segments(folder, playlist)
    if made.packed_as or (made.is_encrypted and not made.has_iv):
        _write_anew(playlist, first_sequence)
    return playlist


def make_discontinuous_hls(
    folder: Path,
    parts: Sequence[bytes],
    *,
    kinds: Sequence[str] = ("ts",),
    name: str = "talk",
    segment_s: float = 2.0,
    rates_hz: Sequence[int] = (44_100, 22_050),
) -> Path:
    """Make a playlist of separate encodes, a discontinuity between them; kinds and rates rotate."""
    made: list[str] = []
    sequence = 0  # an IV may be the number of the segment
    for number, pcm in enumerate(parts):
        one = make_hls(
            folder,
            pcm,
            kinds[number % len(kinds)],
            name=f"{name}-part{number}",
            segment_s=segment_s,
            rate_hz=rates_hz[number % len(rates_hz)],
            first_sequence=sequence,
        )
        made.append(one.read_text("utf-8"))
        sequence += len(read_segments(made[-1]))
    path = folder / f"{name}.m3u8"
    path.write_text(join_playlists(made), "utf-8")
    return path


def _muxer_arguments(
    folder: Path, made: HlsKind, name: str, segment_s: float, first_sequence: int
) -> tuple[str, ...]:
    is_fragmented = made.segment_suffix == "m4s"
    arguments = ["-f", "hls", "-hls_time", f"{segment_s:g}", "-hls_list_size", "0"]
    arguments += ["-hls_playlist_type", "vod", "-start_number", str(first_sequence)]
    arguments += ["-hls_segment_type", "fmp4" if is_fragmented else "mpegts"]
    if is_fragmented and not made.is_single_file:
        arguments += ["-hls_fmp4_init_filename", f"{name}-init.mp4"]
    if made.is_single_file:
        arguments += ["-hls_flags", "single_file"]
    else:
        pattern = folder / f"{name}-%04d.{made.segment_suffix}"
        arguments += ["-hls_segment_filename", str(pattern)]
    if made.is_encrypted:
        # Told to look at the key for each segment, ffmpeg takes the segment's number as IV.
        arguments += [] if made.has_iv else ["-hls_flags", "periodic_rekey"]
        arguments += ["-hls_key_info_file", str(_write_key(folder, name, has_iv=made.has_iv))]
    return (*arguments, str(folder / f"{name}.m3u8"))


def _write_key(folder: Path, name: str, *, has_iv: bool) -> Path:
    """Write a key and what ffmpeg wants to know of it: its URI, its path, its IV if it has one."""
    key, info = folder / f"{name}.key", folder / f"{name}.keyinfo"
    key.write_bytes(secrets.token_bytes(16))
    lines = [key.name, str(key), *([secrets.token_hex(16)] if has_iv else [])]
    info.write_text("\n".join(lines) + "\n", "utf-8")
    return info


def _packed_arguments(
    folder: Path, made: HlsKind, name: str, segment_s: float, first_sequence: int
) -> tuple[str, ...]:
    # Without these an MP3 segment begins with a frame that holds no sound.
    plain = ("-segment_format_options", "write_xing=0:id3v2_version=0")
    return (
        *("-f", "segment", "-segment_time", f"{segment_s:g}"),
        *("-segment_start_number", str(first_sequence)),
        *("-segment_format", made.packed_as, *(plain if made.packed_as == "mp3" else ())),
        *("-segment_list", str(folder / f"{name}.m3u8"), "-segment_list_type", "m3u8"),
        str(folder / f"{name}-%04d.{made.segment_suffix}"),
    )


def _write_anew(playlist: Path, first_sequence: int) -> None:
    """Count the segments as was asked for, and leave the IV out, which follows from that."""
    text = re.sub(r",IV=0x[0-9a-fA-F]{32}", "", playlist.read_text("utf-8"))
    anew = write_playlist(read_segments(text), kind="VOD", first_sequence=first_sequence)
    playlist.write_text(anew, "utf-8")


def _stamp_segments(folder: Path, playlist: Path) -> None:
    """Begin each packed segment with its time, as RFC 8216 wants it (section 3.4)."""
    start_s = 0.0
    for one in read_segments(playlist.read_text("utf-8")):
        segment = folder / one.uri
        segment.write_bytes(timestamp_tag(start_s) + segment.read_bytes())
        start_s += one.duration_s


def timestamp_tag(seconds: float) -> bytes:
    """Return the ID3 tag that tells when a packed audio segment begins."""
    stamp = struct.pack(">Q", round(seconds * _TIMESTAMP_HZ) % _TIMESTAMP_END)
    private = _TIMESTAMP_OWNER + b"\0" + stamp
    frame = b"PRIV" + _synchsafe(len(private)) + b"\0\0" + private
    return b"ID3\x04\x00\x00" + _synchsafe(len(frame)) + frame


def _synchsafe(number: int) -> bytes:
    """Write a length as ID3 does: seven bits a byte, so that no sync word can occur."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


# ffmpeg.


def _encode(
    pcm: bytes,
    output: tuple[str, ...],
    *,
    has_picture: bool = False,
    key_frame_s: float = 2.0,
) -> None:
    if not has_picture:
        run_ffmpeg((*_PCM_INPUT, *output), pcm)
        return
    # A picture has to begin anew where a segment does.
    key_frames = ("-force_key_frames", f"expr:gte(t,n_forced*{key_frame_s:g})")
    picture = ("-f", "lavfi", "-i", f"{_PICTURE}:d={len(pcm) / (2 * SAMPLE_RATE)}")
    streams = ("-map", "1:v", "-map", "0:a")
    run_ffmpeg((*_PCM_INPUT, *picture, *streams, *_PICTURE_CODEC, *key_frames, *output), pcm)


def run_ffmpeg(arguments: Sequence[str], given: bytes = b"") -> bytes:
    """Run ffmpeg on `given` and return what it writes to its output. Raises ServerFault."""
    command = [find_part("ffmpeg"), "-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
    # A list of arguments without a shell: nothing in it is read as a command.
    done = subprocess.run(
        [*command, *arguments],
        input=given,
        capture_output=True,
        timeout=FFMPEG_PATIENCE_S,
        check=False,
    )
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise ServerFault(f"ffmpeg {' '.join(arguments)}: {words or done.returncode}")
    return done.stdout


def decode_file(path: Path) -> bytes:
    """Return what ffmpeg hears in a file, as the server's PCM: the yardstick of a codec's delay."""
    output = ("-map", "0:a:0", "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "pipe:1")
    # Else it refuses the keys of a playlist for their names.
    options = ("-allowed_extensions", "ALL") if path.suffix == ".m3u8" else ()
    return run_ffmpeg((*options, "-i", str(path), *output))

"""The header of a WAV stream, as far as it can be believed.

Only the format is taken from it. Sizes of the file and of the `data` chunk are ignored: ffmpeg
writes 0xFFFFFFFF into a pipe, others 0 or whatever the file once had. All bytes after the
header are audio.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NoReturn

from scribewire.audio.pcm import SAMPLE_BYTES, Encoding, PcmFormat
from scribewire.errors import ClientFault

MAX_HEADER_BYTES = 64 * 1024  # a pipe's is 44 to 200; a broadcast file's `bext` has some KB
MAX_HEADER_CHUNKS = 64  # so that a header sent byte by byte costs little to read again
MIN_RATE_HZ = 8_000  # the telephone
MAX_RATE_HZ = 192_000  # the studio
MAX_CHANNELS = 8

REMEDY = "send 16-bit PCM at 16 kHz, mono, with or without a WAV header"

_CHUNK_HEADER_BYTES = 8
_FMT_BYTES = 16
_FMT_EXTENSIBLE_BYTES = 40
_EXTENSIBLE = 0xFFFE
# The last 14 bytes of KSDATAFORMAT_SUBTYPE_*; the first two are a plain format code.
_SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")

_ENCODINGS: dict[tuple[int, int], Encoding] = {
    (1, 8): "u8",
    (1, 16): "s16",
    (1, 24): "s24",
    (1, 32): "s32",
    (3, 32): "f32",
    (3, 64): "f64",
    (6, 8): "alaw",
    (7, 8): "mulaw",
}
_CODES_WITH_SAMPLES = {code for code, _ in _ENCODINGS}


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What a header says, and where it ends."""

    pcm_format: PcmFormat
    byte_count: int
    """The audio begins here."""


def parse_wav_header(head: bytes | bytearray) -> WavHeader | None:
    """Return the header, or None while `head` ends inside of it.

    Raises ClientFault for a format that cannot be, or that nothing here reads.
    """
    if len(head) < 12:  # noqa: PLR2004 - "RIFF", a size, "WAVE"
        return None
    _check_form(head)
    pcm_format: PcmFormat | None = None
    position = 12
    for _ in range(MAX_HEADER_CHUNKS):
        if len(head) < position + _CHUNK_HEADER_BYTES:
            return None
        name, size = struct.unpack_from("<4sI", head, position)
        position += _CHUNK_HEADER_BYTES
        if name == b"data":
            if pcm_format is None:
                _refuse("the `data` chunk comes before `fmt `", "`fmt ` first")
            return WavHeader(pcm_format, position)
        following = position + size + size % 2
        if following > MAX_HEADER_BYTES:
            _refuse(f"chunk {_show(name)} of {size} bytes", f"`data` within {MAX_HEADER_BYTES}")
        if len(head) < following:
            return None
        if name == b"fmt ":
            pcm_format = _parse_format(bytes(head[position : position + size]))
        position = following
    return _refuse(f"{MAX_HEADER_CHUNKS} chunks without audio", "a `data` chunk")


def _check_form(head: bytes | bytearray) -> None:
    if head[:4] == b"RIFX":
        _refuse("big-endian (RIFX)", "RIFF")
    if head[8:12] != b"WAVE":
        _refuse(f"a RIFF file of type {_show(bytes(head[8:12]))}", "`WAVE`")


def _parse_format(chunk: bytes) -> PcmFormat:
    if len(chunk) < _FMT_BYTES:
        _refuse(f"a `fmt ` chunk of {len(chunk)} bytes", f"{_FMT_BYTES} or more")
    code, channels, rate_hz, _, block_bytes, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == _EXTENSIBLE:
        code = _extended_code(chunk)
    if code not in _CODES_WITH_SAMPLES:
        _refuse(f"audio format {code}", "1 (PCM), 3 (float), 6 (A-law) or 7 (mu-law)")
    encoding = _ENCODINGS.get((code, bits))
    if encoding is None:
        widths = ", ".join(str(width) for known, width in _ENCODINGS if known == code)
        _refuse(f"{bits} bits per sample in audio format {code}", widths)
    if not 1 <= channels <= MAX_CHANNELS:
        _refuse(f"{channels} channels", f"1 to {MAX_CHANNELS}")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        _refuse(f"sample rate {rate_hz} Hz", f"{MIN_RATE_HZ} to {MAX_RATE_HZ}")
    if block_bytes != SAMPLE_BYTES[encoding] * channels:
        expected = SAMPLE_BYTES[encoding] * channels
        _refuse(f"blocks of {block_bytes} bytes", f"{expected} for {channels} x {bits} bits")
    return PcmFormat(encoding=encoding, channels=channels, rate_hz=rate_hz)


def _extended_code(chunk: bytes) -> int:
    if len(chunk) < _FMT_EXTENSIBLE_BYTES:
        _refuse(f"an extensible `fmt ` chunk of {len(chunk)} bytes", f"{_FMT_EXTENSIBLE_BYTES}")
    subtype = chunk[24:40]
    if subtype[2:] != _SUBTYPE_TAIL:
        _refuse(f"sub-format {subtype.hex()}", "PCM, float, A-law or mu-law")
    return int.from_bytes(subtype[:2], "little")


def _show(name: bytes) -> str:
    return repr(name.decode("latin-1"))


def _refuse(found: str, expected: str) -> NoReturn:
    raise ClientFault(f"WAV header: {found}: expected {expected}; {REMEDY}")

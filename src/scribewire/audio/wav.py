"""How the audio of a WAV file is written, as far as its header can be believed.

Where the size of a block contradicts the width of the samples, that width is believed; only samples
of 24 bits are often written in four bytes each, at the upper end, as the format allows.
"""

from __future__ import annotations

import struct
from typing import NoReturn

from scribewire.audio.pcm import SAMPLE_BYTES, Encoding, PcmFormat
from scribewire.errors import ClientFault

MAX_HEADER_CHUNKS = 64  # real ones have a dozen
MIN_RATE_HZ = 8_000  # the telephone
MAX_RATE_HZ = 192_000  # the studio
MAX_CHANNELS = 8

REMEDY = "send 16-bit PCM at 16 kHz, mono, with or without a WAV header"

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


def check_form(head: bytes | bytearray) -> str:
    """Return the byte order of a file that begins so, as `struct` names it.

    Raises ClientFault for what is no WAV.
    """
    if head[8:12] != b"WAVE":
        refuse(f"a RIFF file of type {show(bytes(head[8:12]))}", "`WAVE`")
    return ">" if head[:4] == b"RIFX" else "<"


def parse_format(chunk: bytes, order: str = "<") -> PcmFormat:
    """Return what a `fmt ` chunk says.

    Raises ClientFault for a format that cannot be, or that nothing here reads.
    """
    if len(chunk) < _FMT_BYTES:
        refuse(f"a `fmt ` chunk of {len(chunk)} bytes", f"{_FMT_BYTES} or more")
    code, channels, rate_hz, _, block_bytes, bits = struct.unpack_from(f"{order}HHIIHH", chunk)
    if code == _EXTENSIBLE:
        code = _extended_code(chunk)
    if code not in _CODES_WITH_SAMPLES:
        refuse(f"audio format {code}", "1 (PCM), 3 (float), 6 (A-law) or 7 (mu-law)")
    encoding = _ENCODINGS.get((code, bits))
    if encoding is None:
        widths = ", ".join(str(width) for known, width in _ENCODINGS if known == code)
        refuse(f"{bits} bits per sample in audio format {code}", widths)
    if not 1 <= channels <= MAX_CHANNELS:
        refuse(f"{channels} channels", f"1 to {MAX_CHANNELS}")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        refuse(f"sample rate {rate_hz} Hz", f"{MIN_RATE_HZ} to {MAX_RATE_HZ}")
    if encoding == "s24" and block_bytes == SAMPLE_BYTES["s32"] * channels:
        encoding = "s32"
    return PcmFormat(
        encoding=encoding,
        channels=channels,
        rate_hz=rate_hz,
        is_big_endian=order == ">" and SAMPLE_BYTES[encoding] > 1,
    )


def _extended_code(chunk: bytes) -> int:
    if len(chunk) < _FMT_EXTENSIBLE_BYTES:
        refuse(f"an extensible `fmt ` chunk of {len(chunk)} bytes", f"{_FMT_EXTENSIBLE_BYTES}")
    subtype = chunk[24:40]
    if subtype[2:] != _SUBTYPE_TAIL:
        refuse(f"sub-format {subtype.hex()}", "PCM, float, A-law or mu-law")
    return int.from_bytes(subtype[:2], "little")


def show(name: bytes) -> str:
    """Return the name of a chunk as a message has it."""
    return repr(name.decode("latin-1"))


def refuse(found: str, expected: str) -> NoReturn:
    """Raise the ClientFault of a header that cannot be read."""
    raise ClientFault(f"WAV header: {found}: expected {expected}; {REMEDY}")

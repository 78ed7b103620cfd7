"""One WAV header for every test: honest unless told to lie."""

from __future__ import annotations

import struct
from typing import Final, TypedDict, Unpack

FOREVER: Final = 0xFFFFFFFF
"""What a live stream says of its length."""


class WavFields(TypedDict, total=False):
    """What a header says, whatever is true. What is left out is 16 bits, 16 kHz and mono."""

    size: int
    """Of the samples, in bytes."""
    rate_hz: int
    channels: int
    bits: int
    code: int
    """How samples are encoded; 1 is integers."""
    block_bytes: int
    """Of one sample of each channel."""
    extension: bytes
    """Behind the 16 bytes that every `fmt ` chunk has."""
    between: bytes
    """Chunks before the samples."""
    form: bytes
    """RIFF, as a rule."""


def wav(pcm: bytes = b"", **fields: Unpack[WavFields]) -> bytes:
    """Return a WAV file of these samples."""
    size, rate_hz = fields.get("size", len(pcm)), fields.get("rate_hz", 16_000)
    channels, bits = fields.get("channels", 1), fields.get("bits", 16)
    block = fields.get("block_bytes", channels * bits // 8)
    layout = (fields.get("code", 1), channels, rate_hz, rate_hz * block, block, bits)
    form = struct.pack("<HHIIHH", *layout) + fields.get("extension", b"")
    chunks = b"WAVE" + _chunk(b"fmt ", len(form)) + form + fields.get("between", b"")
    whole = min(len(chunks) + 8 + size, FOREVER)
    return _chunk(fields.get("form", b"RIFF"), whole) + chunks + _chunk(b"data", size) + pcm


def _chunk(name: bytes, size: int) -> bytes:
    return name + struct.pack("<I", size)

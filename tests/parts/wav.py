"""One WAV header for every test: honest unless told to lie."""

from __future__ import annotations

import struct
from typing import Final

FOREVER: Final = 0xFFFFFFFF
"""What a live stream says of its length."""


def wav(
    pcm: bytes = b"",
    *,
    size: int | None = None,
    rate_hz: int = 16_000,
    channels: int = 1,
    bits: int = 16,
    code: int = 1,
) -> bytes:
    """Return a WAV file of these samples; `size` is what it says of them, whatever is true.

    `code` says how they are encoded: 1 is integers.
    """
    size = len(pcm) if size is None else size
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * frame, frame, bits)
    return wav_of(b"fmt " + struct.pack("<I", len(form)) + form, pcm, size=size)


def wav_of(chunks: bytes, pcm: bytes = b"", *, size: int, form: bytes = b"RIFF") -> bytes:
    """Return a WAV file whose chunks before the samples are as given, right or wrong."""
    whole = min(4 + len(chunks) + 8 + size, FOREVER)
    head = form + struct.pack("<I", whole) + b"WAVE"
    return head + chunks + b"data" + struct.pack("<I", size) + pcm

"""Audio in every disguise: WAV headers by hand, compressed files by FFmpeg."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest


@pytest.fixture(scope="session")
def make_wav() -> Callable[..., bytes]:
    """Build a WAV stream around `audio`; every field of the header may lie."""

    def build(audio: bytes = b"", **fields: Any) -> bytes:  # noqa: ANN401 - ints and bytes
        code, bits = fields.get("code", 1), fields.get("bits", 16)
        channels, rate_hz = fields.get("channels", 1), fields.get("rate_hz", 16_000)
        block = fields.get("block_bytes", channels * bits // 8)
        fmt: bytes = struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * block, block, bits)
        fmt += fields.get("extension", b"")
        size = fields.get("size", len(audio))
        chunks: bytes = b"fmt " + struct.pack("<I", len(fmt)) + fmt
        chunks = chunks + fields.get("between", b"")
        head: bytes = fields.get("form", b"RIFF") + struct.pack("<I", size) + b"WAVE"
        data = b"data" + struct.pack("<I", size) + audio
        return head + chunks + data

    return build


@pytest.fixture(scope="session")
def tone() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """One second of 440 Hz at 16 kHz, half of full scale."""
    return (np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000) * 16_384).astype(np.int16)


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Write 16-bit samples, shape (channels, count), as a file of some container and codec."""

    def write(container: str, codec: str, samples: np.ndarray, rate_hz: int = 16_000) -> bytes:
        rows = np.atleast_2d(samples)
        layout = {1: "mono", 2: "stereo"}[rows.shape[0]]
        file = io.BytesIO()
        with av.open(file, "w", format=container) as output:
            stream = output.add_stream(codec, rate=rate_hz, layout=layout)
            assert isinstance(stream, av.AudioStream)
            frame = av.AudioFrame.from_ndarray(rows.T.reshape(1, -1), "s16", layout)
            frame.sample_rate = rate_hz
            for part in (frame, None):
                output.mux(stream.encode(part))
        return file.getvalue()

    return write

"""Audio in every disguise."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import numpy as np
import pytest


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

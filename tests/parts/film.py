"""A film in several languages, as far as it can be heard."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import av
import numpy as np

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKET_SAMPLES: Final = SAMPLE_RATE // 10


def make_film(*tracks: bytes) -> bytes:
    """Return a Matroska file of these tracks, 16-bit PCM at 16 kHz, a tenth of a second a packet.

    The samples come back as they were.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        streams = [container.add_stream("pcm_s16le", SAMPLE_RATE, layout="mono") for _ in tracks]
        for pcm, stream in zip(tracks, streams, strict=True):
            for frame in _cut(pcm):
                container.mux(stream.encode(frame))
    return file.getvalue()


def _cut(pcm: bytes) -> Sequence[av.AudioFrame]:
    samples = np.frombuffer(pcm, "<i2").reshape(1, -1)
    frames: list[av.AudioFrame] = []
    for start in range(0, samples.shape[1], _PACKET_SAMPLES):
        piece = np.ascontiguousarray(samples[:, start : start + _PACKET_SAMPLES])
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        frames.append(frame)
    return frames

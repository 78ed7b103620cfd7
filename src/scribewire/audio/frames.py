"""Frames of a decoder to samples at 16 kHz, and the time of which there are no frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribewire.audio.mixer import Mixer
from scribewire.audio.pcm import as_wired, to_float
from scribewire.audio.resampler import Resampler
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame

    from scribewire.types import Samples

LEAST_GAP_S = 0.3
"""What is missing for less is silence within the sound: a word may go on behind it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Time of a track of which nothing can be heard."""

    seconds: float


def resample_frames(frames: Iterator[AudioFrame | Missing]) -> Iterator[Samples | Missing]:
    """Yield what each frame adds at 16 kHz, rounded to what the wire can say, then the rest.

    Missing time is filled with silence, or passed on from `LEAST_GAP_S` on.
    """
    part: _Part | None = None
    for frame in frames:
        if isinstance(frame, Missing):
            if part is not None and frame.seconds < LEAST_GAP_S:
                yield part.receive_silence(frame.seconds)
                continue
            if part is not None:
                yield part.receive_end()
            part = None
            yield frame
            continue
        rate_hz, channels = frame.sample_rate, frame.layout.nb_channels
        if part is None or not part.fits(rate_hz, channels):  # a chained stream's next part
            if part is not None:
                yield part.receive_end()
            part = _Part(rate_hz, channels)
        yield part.receive_frame(frame)
    if part is not None:
        yield part.receive_end()


def find_peak(frame: AudioFrame) -> float:
    """Return the largest sample of any channel, relative to full scale."""
    return float(np.abs(to_float(frame.to_ndarray())).max(initial=0.0))


def silence(seconds: float) -> Iterator[Samples]:
    """Yield so much silence, at most a second at once."""
    left = round(seconds * SAMPLE_RATE)
    while left > 0:
        yield np.zeros(min(left, SAMPLE_RATE), np.float32)
        left -= SAMPLE_RATE


class _Part:
    """Frames of one rate and as many channels, mixed and resampled."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._rate_hz, self._channels = rate_hz, channels
        self._mixer = Mixer(channels, rate_hz)
        self._resampler = Resampler(rate_hz)

    def fits(self, rate_hz: int, channels: int) -> bool:
        return (rate_hz, channels) == (self._rate_hz, self._channels)

    def receive_frame(self, frame: AudioFrame) -> Samples:
        values = frame.to_ndarray()
        # Planar: one row per channel. Packed: one row, the channels take turns.
        blocks = values.T if frame.format.is_planar else values.reshape(-1, self._channels)
        return self._receive_blocks(to_float(blocks))

    def receive_silence(self, seconds: float) -> Samples:
        count = round(seconds * self._rate_hz)
        return self._receive_blocks(np.zeros((count, self._channels), np.float32))

    def receive_end(self) -> Samples:
        last = self._resampler.receive_samples(self._mixer.receive_end())
        return as_wired(np.concatenate([last, self._resampler.receive_end()]))

    def _receive_blocks(self, blocks: Samples) -> Samples:
        mixed = self._mixer.receive_blocks(blocks)
        return as_wired(self._resampler.receive_samples(mixed))

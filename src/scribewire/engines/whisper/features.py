"""Whisper's log-mel features: 80 or 128 bands of 25 ms, every 10 ms.

What the model was trained on it must be given, so every constant here is OpenAI's: a periodic Hann
window, frames centred on their time with the samples mirrored at both ends, the power spectrum,
triangles of equal area on Slaney's mel scale, log10, everything more than 8 below the loudest
raised to that, scaled about 1. The tests compare with numbers of the reference.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

LogMel: TypeAlias = npt.NDArray[np.float32]

WINDOW_SAMPLES = 400  # 25 ms
HOP_SAMPLES = 160  # 10 ms
_LEAST_POWER = 1e-10
_RANGE = 8.0  # powers of ten below the loudest
# Slaney's scale is straight up to 1000 Hz, and logarithmic from there on.
_STRAIGHT_HZ = 200 / 3
_BEND_HZ = 1000.0
_BEND_MEL = _BEND_HZ / _STRAIGHT_HZ
_LOG_STEP = np.log(6.4) / 27


def log_mel(samples: Samples, n_mels: int) -> LogMel:
    """Return the features, shape (n_mels, samples // HOP_SAMPLES); at least a window of samples."""
    mirrored = np.pad(samples, WINDOW_SAMPLES // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(mirrored, WINDOW_SAMPLES)[::HOP_SAMPLES]
    frames = frames[: samples.size // HOP_SAMPLES]
    spectrum = np.fft.rfft(frames * _window(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    mel = _filters(n_mels) @ power.T
    levels = np.log10(np.maximum(mel, _LEAST_POWER))
    levels = np.maximum(levels, levels.max() - _RANGE)
    return np.asarray((levels + 4.0) / 4.0, np.float32)


@cache
def _window() -> LogMel:
    return np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)


@cache
def _filters(n_mels: int) -> LogMel:
    """Return how much of each frequency is in each band, shape (n_mels, frequencies)."""
    frequencies = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE)
    edges = _hz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), n_mels + 2))
    widths = np.diff(edges)
    slopes = edges[:, np.newaxis] - frequencies
    rising = -slopes[:-2] / widths[:-1, np.newaxis]
    falling = slopes[2:] / widths[1:, np.newaxis]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    areas = 2.0 / (edges[2:] - edges[:-2])
    return np.asarray(triangles * areas[:, np.newaxis], np.float32)


def _mel(hz: float) -> float:
    return float(_BEND_MEL + np.log(hz / _BEND_HZ) / _LOG_STEP)  # of what lies above the bend


def _hz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _BEND_HZ * np.exp(_LOG_STEP * (mels - _BEND_MEL))
    return np.where(mels < _BEND_MEL, _STRAIGHT_HZ * mels, above)

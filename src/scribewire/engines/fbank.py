"""Kaldi's filter bank features: 80 mel bands of 25 ms, every 10 ms.

What a speaker-embedding model was trained on it must be given, so every constant here is Kaldi's
or WeSpeaker's choice: 16-bit scale, DC removed and pre-emphasis frame by frame, Hamming window,
power spectrum, triangles in mel, log, no dither, only frames that lie wholly inside the audio,
and the mean of the stretch subtracted. The tests compare with kaldi-native-fbank.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

Features: TypeAlias = npt.NDArray[np.float32]

BANDS = 80
WINDOW_SAMPLES = 25 * SAMPLE_RATE // 1000
HOP_SAMPLES = 10 * SAMPLE_RATE // 1000
_FFT_SAMPLES = 512  # the power of two above the window
_BLOCK_FRAMES = 2**18 // (_FFT_SAMPLES // 2 * BANDS)
_PRE_EMPHASIS = 0.97
_LOWEST_HZ, _HIGHEST_HZ = 20.0, SAMPLE_RATE / 2
_SIXTEEN_BIT = 32768.0
SILENCE = 1e-4  # features all below it are rounding: the samples were equal throughout
_FLOOR = np.finfo(np.float32).eps


def mel_features(samples: Samples) -> Features:
    """Return the mean-free log energies, shape (frames, BANDS); no frame under 25 ms."""
    if samples.size < WINDOW_SAMPLES:
        return np.zeros((0, BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[::HOP_SAMPLES]
    frames = frames * np.float32(_SIXTEEN_BIT)
    frames -= frames.mean(axis=1, keepdims=True)
    emphasized = (
        frames - np.float32(_PRE_EMPHASIS) * np.pad(frames, ((0, 0), (1, 0)), "edge")[:, :-1]
    )
    spectrum = np.fft.rfft(emphasized * _window(), _FFT_SAMPLES)[:, :-1]  # Kaldi leaves Nyquist out
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
    features = np.log(np.maximum(_band_energies(power), _FLOOR))
    return np.asarray(features - features.mean(axis=0), np.float32)


def _band_energies(power: Features) -> Features:
    """Return `power` in bands, a few frames at a time.

    A product of more than 2^18 terms numpy's OpenBLAS shares out to threads of its own, which
    then spin: measured, 25 ms of processor time for what takes 0.2 ms.
    """
    triangles = _mel_triangles()
    energies = np.empty((len(power), BANDS), np.float32)
    for at in range(0, len(power), _BLOCK_FRAMES):
        block = slice(at, at + _BLOCK_FRAMES)
        np.matmul(power[block], triangles, out=energies[block])
    return energies


@cache
def _window() -> Features:
    return np.hamming(WINDOW_SAMPLES).astype(np.float32)


@cache
def _mel_triangles() -> Features:
    """Return the weight of each frequency in each band, shape (_FFT_SAMPLES // 2, BANDS)."""
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), BANDS + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    frequencies = _mel(np.arange(_FFT_SAMPLES // 2) * (SAMPLE_RATE / _FFT_SAMPLES))[:, np.newaxis]
    rising = (frequencies - left) / (centre - left)
    falling = (right - frequencies) / (right - centre)
    return np.maximum(np.minimum(rising, falling), 0).astype(np.float32)


def _mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))

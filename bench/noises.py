"""Sounds without speech, made from a seed: white, pink, hum and clicks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

Wave: TypeAlias = npt.NDArray[np.float64]

MAINS_HZ = 50.0
CLICKS_PER_S = 3.0  # somebody typing
CLICK_DECAY_S = 0.004
CLICK_S = 0.1  # after it nothing of a click is left


def make_noise(kind: str, *, level_db: float, seconds: float, seed: int) -> Samples:
    """Return noise of one of `KINDS` whose root mean square is `level_db` of full scale.

    What goes over full scale is clipped, as a sound card does: only loud clicks do.
    """
    wave = KINDS[kind](round(seconds * SAMPLE_RATE), np.random.default_rng(seed))
    wave *= 10 ** (level_db / 20) / np.sqrt(np.mean(np.square(wave)))
    noise: Samples = np.clip(wave, -1, 1).astype(np.float32)
    return noise


def _white(count: int, random: np.random.Generator) -> Wave:
    return random.standard_normal(count)


def _pink(count: int, random: np.random.Generator) -> Wave:
    spectrum = np.fft.rfft(random.standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    frequencies[0] = np.inf  # no constant part
    return np.fft.irfft(spectrum / np.sqrt(frequencies), count)


def _hum(count: int, random: np.random.Generator) -> Wave:
    time_s = np.arange(count) / SAMPLE_RATE
    wave = np.zeros(count)
    for harmonic in range(1, 20):
        phase = random.uniform(0, 2 * np.pi)
        wave += np.sin(2 * np.pi * MAINS_HZ * harmonic * time_s + phase) / harmonic
    return wave


def _clicks(count: int, random: np.random.Generator) -> Wave:
    length = round(CLICK_S * SAMPLE_RATE)
    wave = np.zeros(count + length)
    decay = np.exp(-np.arange(length) / (CLICK_DECAY_S * SAMPLE_RATE))
    for at in random.integers(0, count, round(CLICKS_PER_S * count / SAMPLE_RATE)):
        strength = random.uniform(0.2, 1)
        wave[at : at + length] += strength * decay * random.standard_normal(length)
    return wave[:count]


KINDS: Final[Mapping[str, Callable[[int, np.random.Generator], Wave]]] = {
    "white": _white,
    "pink": _pink,
    "hum": _hum,
    "clicks": _clicks,
}

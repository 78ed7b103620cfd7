"""How much of a recording is left after a codec: the measure of what lossy media bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Signal = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What was heard beside what was said, moved to where they fit best."""

    correlation: float
    """Where both are: 1 when they are the same, 0 when they have nothing in common."""
    delay_s: float
    """How much later the same thing is heard; negative when the beginning is missing."""
    surplus_s: float
    """How much longer it is; negative when something is missing."""


def measure_likeness(heard: bytes, said: bytes) -> Likeness:
    """Compare two recordings, both as 16-bit PCM at 16 kHz; neither may be empty or silent."""
    one, other = _read(heard), _read(said)
    size = one.size + other.size  # so that nothing comes around
    spectrum = np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size))
    products = np.fft.irfft(spectrum, size)
    delay = int(np.argmax(products))
    delay = delay - size if delay >= one.size else delay
    common_one, common_other = one[max(delay, 0) :], other[max(-delay, 0) :]
    common = min(common_one.size, common_other.size)
    return Likeness(
        correlation=_correlate(common_one[:common], common_other[:common]),
        delay_s=delay / SAMPLE_RATE,
        surplus_s=(one.size - other.size) / SAMPLE_RATE,
    )


def _correlate(one: Signal, other: Signal) -> float:
    energy = float(np.sqrt(np.dot(one, one) * np.dot(other, other)))
    return float(np.dot(one, other)) / energy if energy else 0.0


def _read(pcm: bytes) -> Signal:
    return np.frombuffer(pcm, "<i2").astype(np.float64)

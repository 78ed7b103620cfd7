"""Values that every layer shares: samples, time on the audio clock, words, modes.

Time inside is a whole number of samples since the stream began; on the wire it is whole
milliseconds. Both conversions live here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.float32]
    """Mono audio in [-1, 1] at `SAMPLE_RATE`, shape (count,)."""

    Vector: TypeAlias = npt.NDArray[np.float32]
    """One point in a model's space, shape (dimensions,)."""

SAMPLE_RATE = 16_000  # Hz: the rate the wire protocol names and every engine takes
PCM_BYTES_PER_S = 2 * SAMPLE_RATE  # of 16-bit mono at that rate, as audio is passed on

Mode = Literal["fast", "quality"]
"""The earliest finals, or the best."""

ShapeName = Literal["standard", "legacy"]
"""How results look on the wire: as the specification has it, or as clients of before expect it."""

DeviceWish = Literal["auto", "cpu", "cuda"]
"""What models that can run on a GPU do run on; `auto`: on one if there is one."""

Pace = Literal["fast", "realtime"]
"""How quickly a finite source is read: as fast as it can be, or as fast as it plays."""


def samples_to_ms(samples: int) -> int:
    """Return the position or length in whole milliseconds, rounded down."""
    return samples * 1000 // SAMPLE_RATE


def ms_to_samples(ms: int) -> int:
    """Return the position or length in samples."""
    return ms * SAMPLE_RATE // 1000


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of audio: samples since the stream began, or whatever unit its owner says."""

    start: int
    end: int
    """After the last one, not before `start`."""

    @property
    def length(self) -> int:
        """How much lies between the two."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of a final, with its place in the stream."""

    text: str
    """With its punctuation and case."""
    start_ms: int
    """From the stream's first sample."""
    end_ms: int
    """From the stream's first sample, not before `start_ms`."""
    confidence: float
    """Probability that the word is right, 0 to 1."""

"""Any sample rate to 16 kHz, as a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soxr

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

# Libsoxr's own default. 0.4 ms of work per second of audio at 192 kHz, so there is no reason
# to take less, and speech holds nothing that VHQ would add.
QUALITY = "HQ"


# Where a stream may be joined so that after a while the output is the same to the last bit: libsoxr
# works in blocks, and there another stream's blocks begin where this one's do. In samples of each
# rate, found by trying; of other rates no such place is known. tests/audio/test_resampler.py tells
# when libsoxr has changed.
_BLOCKS = {SAMPLE_RATE: 1, 8000: 830, 24_000: 2202, 32_000: 1660, 48_000: 4404}
_SETTLING = 4000  # samples of output; 1660 were found


@dataclass(frozen=True, slots=True)
class ResamplerJoint:
    """Where to begin in the midst of a stream, to go on as if from its beginning."""

    begin: int
    """The first sample to take, at its own rate."""
    skipped: int
    """Of the output, how many samples to leave out."""


def find_joint(rate_hz: int, sample: int) -> ResamplerJoint | None:
    """Return where to begin for output from one of its samples on; None: only at the beginning."""
    block = _BLOCKS.get(rate_hz)
    if block is None:
        return None
    settling = 0 if rate_hz == SAMPLE_RATE else _SETTLING
    begin = max(sample - settling, 0) * rate_hz // SAMPLE_RATE // block * block
    return ResamplerJoint(begin, sample - begin * SAMPLE_RATE // rate_hz)


class Resampler:
    """Bring one stream from its own rate to `SAMPLE_RATE`.

    The same samples give the same output, bit by bit, however they are cut. That is libsoxr's
    doing, and tests/audio/test_resampler.py holds it to that.
    """

    def __init__(self, rate_hz: int) -> None:
        # None: the stream has the right rate already.
        self._soxr = (
            None
            if rate_hz == SAMPLE_RATE
            else soxr.ResampleStream(rate_hz, SAMPLE_RATE, 1, dtype="float32", quality=QUALITY)
        )

    def receive_samples(self, samples: Samples) -> Samples:
        """Return what can be said so far: the filter holds a few hundred samples back."""
        if self._soxr is None:
            return samples
        return _clip(self._soxr.resample_chunk(np.ascontiguousarray(samples)))

    def receive_end(self) -> Samples:
        """Return what was held back. Nothing may be received afterwards."""
        if self._soxr is None:
            return np.empty(0, np.float32)
        return _clip(self._soxr.resample_chunk(np.empty(0, np.float32), last=True))


def _clip(samples: Samples) -> Samples:
    # The filter overshoots at edges of loud audio.
    return np.clip(samples, -1.0, 1.0, out=samples)

"""Any sample rate to 16 kHz, as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soxr

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

# Libsoxr's own default. 0.4 ms of work per second of audio at 192 kHz, so there is no reason
# to take less, and speech holds nothing that VHQ would add.
QUALITY = "HQ"


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

"""What every engine does to its input before a model sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scribewire.types import Samples


def clean_samples(samples: Samples) -> Samples:
    """Return the samples with what is no finite number as silence and the rest in [-1, 1].

    The input is never changed; it comes back as it is when there is nothing to do.
    """
    if samples.size == 0 or (np.isfinite(samples).all() and np.abs(samples).max() <= 1.0):
        return samples
    return np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)

"""How far a rate measured on a few clips can be trusted.

Theory of operation. The clips are taken for a sample of all clips there could have been. Drawing
as many clips again, with replacement, many times, and pooling each draw gives the spread of the
rate. Two systems are compared on the same draws: what makes a clip hard for both cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Counts: TypeAlias = Sequence[float]
"""One number for each clip, in an order that is the same everywhere."""

DRAWS = 10_000  # the ends of the interval then move by less than a tenth of its width
_Z = 1.959964  # of a normal distribution, 95 % lie so many deviations around its middle
SEED = 20_240  # any; the same one makes the same table


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measured value and where its true one lies, with 95 % probability."""

    value: float
    low: float
    high: float


def estimate_rate(errors: Counts, words: Counts, *, seed: int = SEED) -> Estimate:
    """Return all errors by all words, in percent."""
    drawn = _draw_rates(errors, words, seed)
    return _estimate(_pool(errors, words), drawn)


def estimate_difference(
    errors: Counts, other_errors: Counts, words: Counts, *, seed: int = SEED
) -> Estimate:
    """Return the first rate less the other, in percentage points, on the same clips."""
    drawn = _draw_rates(errors, words, seed) - _draw_rates(other_errors, words, seed)
    return _estimate(_pool(errors, words) - _pool(other_errors, words), drawn)


def wilson(count: int, total: int) -> Estimate:
    """Return a share in percent with Wilson's interval, which is one of 0 and of 100 % too."""
    assert 0 <= count <= total > 0
    share, z2 = count / total, _Z * _Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = math.sqrt(share * (1 - share) / total + z2 / (4 * total * total)) * _Z
    spread /= 1 + z2 / total
    return Estimate(value=100 * share, low=100 * (middle - spread), high=100 * (middle + spread))


def _pool(errors: Counts, words: Counts) -> float:
    return 100 * sum(errors) / sum(words)


def _draw_rates(errors: Counts, words: Counts, seed: int) -> npt.NDArray[np.float64]:
    assert len(errors) == len(words) > 0
    chosen = np.random.default_rng(seed).integers(0, len(words), (DRAWS, len(words)))
    drawn_errors = 100 * np.asarray(errors, float)[chosen].sum(axis=1)
    drawn_words = np.asarray(words, float)[chosen].sum(axis=1)
    nothing = np.full(DRAWS, np.nan)  # a draw of clips without words says nothing
    rates: npt.NDArray[np.float64] = np.divide(
        drawn_errors, drawn_words, out=nothing, where=drawn_words > 0
    )
    return rates


def _estimate(value: float, drawn: npt.NDArray[np.float64]) -> Estimate:
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Estimate(value=value, low=float(low), high=float(high))

"""Whether probabilities are what they claim to be, and the logistic function that makes them so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

BINS = 10
STEPS = 50  # of Newton's method, which needs about eight
RIDGE = 1e-6  # keeps a fit of few words finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The predictions between two tenths."""

    count: int
    said: float
    """Their mean."""
    right: float
    """The share that came true."""


def reliability(said: Numbers, is_right: Flags) -> tuple[Bin, ...]:
    """Return the bins that hold something, lowest first."""
    places = np.minimum((said * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            count=int(inside.sum()),
            said=float(said[inside].mean()),
            right=float(is_right[inside].mean()),
        )
        for inside in (places == place for place in range(BINS))
        if inside.any()
    )


def calibration_error(said: Numbers, is_right: Flags) -> float:
    """Return the expected calibration error: how far a bin is off, on average over words."""
    bins = reliability(said, is_right)
    return sum(one.count * abs(one.said - one.right) for one in bins) / sum(b.count for b in bins)


def fit_logistic(features: Numbers, is_right: Flags) -> Numbers:
    """Return the weights under which the outcomes are most likely. The first feature is 1."""
    weights = np.zeros(features.shape[1])
    for _ in range(STEPS):
        said = predict(features, weights)
        slope = features.T @ (is_right - said) - RIDGE * weights
        curve = (features * (said * (1 - said))[:, None]).T @ features
        weights += np.linalg.solve(curve + RIDGE * np.eye(len(weights)), slope)
    return weights


def predict(features: Numbers, weights: Numbers) -> Numbers:
    """Return the probability of each row."""
    probabilities: Numbers = 1 / (1 + np.exp(-(features @ weights)))
    return probabilities


def random_halves(names: Sequence[str], *, count: int, seed: int) -> Iterator[Flags]:
    """Return which rows are for fitting, some times; all rows of a name go to one side."""
    unique = sorted(set(names))
    random = np.random.default_rng(seed)
    for _ in range(count):
        chosen = set(random.permutation(unique)[: len(unique) // 2].tolist())
        yield np.array([name in chosen for name in names])

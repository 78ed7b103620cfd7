"""Fit a model's stability curve, and judge the fit on speakers that it has not heard.

Theory of operation. Logistic regression by Newton's method with a small ridge, which keeps a
number near zero where little speaks for it. Half of the speakers are drawn for the fit, the other
half judges it, many times over: how a single half falls is luck. Partials of the halves are
pooled by speaker, never by partial, because those of one utterance resemble each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bench.partial_runs import Judged
from scribewire.recognition.stability import evidence

Numbers: TypeAlias = npt.NDArray[np.float64]

RIDGE = 1.0  # as much as one partial of evidence against every number that is not zero
NEWTON_STEPS = 30  # it converges in fewer than ten
HALVINGS = 20  # each judged both ways
BINS = 10
SEED = 20_240  # any; the same one makes the same table


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The partials whose stability lies in one tenth."""

    count: int
    claimed: float
    """The mean stability."""
    lasted: float
    """The share that did last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What was fitted, and how well it does on unseen speakers."""

    numbers: dict[str, float]
    """On everything."""
    half_errors: tuple[float, ...]
    """Expected calibration error of each half, fitted on the other."""
    errors: tuple[float, ...]
    """The same of the two halves together: every speaker once, unseen."""
    pooled_error: float
    """The same over all halvings together."""
    table: tuple[Bin | None, ...]
    """Of all halvings together."""


def fit_stability(judged: Sequence[Judged]) -> Fit:
    """Fit on all, and on halves of the speakers."""
    features = np.array([list(evidence(one.shown).values()) for one in judged])
    lasted = np.array([one.has_lasted for one in judged], float)
    speakers = np.array([one.speaker for one in judged])
    half_errors: list[float] = []
    claims: list[Numbers] = []
    for half in _halves(speakers):
        claimed = np.empty(len(judged))
        for train in (half, ~half):
            claimed[~train] = predict(
                features[~train], fit_logistic(features[train], lasted[train])
            )
            half_errors.append(calibration_error(claimed[~train], lasted[~train]))
        claims.append(claimed)
    pooled, truth = np.concatenate(claims), np.tile(lasted, len(claims))
    names = list(evidence(judged[0].shown))
    numbers = fit_logistic(features, lasted).tolist()
    return Fit(
        numbers=dict(zip(names, numbers, strict=True)),
        half_errors=tuple(half_errors),
        errors=tuple(calibration_error(claimed, lasted) for claimed in claims),
        pooled_error=calibration_error(pooled, truth),
        table=reliability(pooled, truth),
    )


def _halves(speakers: npt.NDArray[np.str_]) -> list[npt.NDArray[np.bool_]]:
    names = np.unique(speakers)
    random = np.random.default_rng(SEED)
    drawn = [random.permutation(names)[: len(names) // 2] for _ in range(HALVINGS)]
    return [np.isin(speakers, half) for half in drawn]


def fit_logistic(features: Numbers, truths: Numbers, *, ridge: float = RIDGE) -> Numbers:
    """Return the weights of the features; the first is the constant, which the ridge spares."""
    weights = np.zeros(features.shape[1])
    penalty = np.diag([1e-6, *[ridge] * (features.shape[1] - 1)])
    for _ in range(NEWTON_STEPS):
        predicted = predict(features, weights)
        slope = features.T @ (predicted - truths) + penalty @ weights
        curve = (features.T * (predicted * (1 - predicted))) @ features + penalty
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def predict(features: Numbers, weights: Numbers) -> Numbers:
    """Return the probability of each row."""
    odds: Numbers = features @ weights
    return 1 / (1 + np.exp(-odds))


def calibration_error(claimed: Numbers, lasted: Numbers) -> float:
    """Return the expected calibration error: the mean gap of the tenths, by their partials."""
    gaps = [
        bin_.count * abs(bin_.claimed - bin_.lasted)
        for bin_ in reliability(claimed, lasted)
        if bin_ is not None
    ]
    return sum(gaps) / len(claimed)


def reliability(claimed: Numbers, lasted: Numbers) -> tuple[Bin | None, ...]:
    """Return the tenths of stability, from the lowest; None where there is no partial."""
    tenths = np.minimum((claimed * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            count=int(chosen.sum()),
            claimed=float(claimed[chosen].mean()),
            lasted=float(lasted[chosen].mean()),
        )
        if (chosen := tenths == tenth).any()
        else None
        for tenth in range(BINS)
    )

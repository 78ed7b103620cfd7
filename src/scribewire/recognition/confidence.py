"""How likely a word of a final is right.

Theory of operation. A word is as sure as its least likely token, and a decoder is surer of that
one than it should be. So the odds that the decoder gives it are put through a logistic function,
whose two numbers are fitted for each model on speech with known words (`bench/confidence.py
--fit`). In loud noise they say too much, for there a decoder is wrong with confidence.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.recognition.calibration import ConfidenceCurve

_LEAST_DOUBT = 0.001  # closer to 0 and to 1 than this, a decoder's probabilities say no more


def word_confidence(logprobs: Sequence[float], curve: ConfidenceCurve) -> float:
    """Return the probability that the word of these tokens is right, 0 to 1; 0 without any."""
    if not logprobs:
        return 0.0
    one, least = confidence_features(logprobs)
    odds = curve.one * one + curve.least * least
    return round(1 / (1 + math.exp(-odds)), 3)


def confidence_features(logprobs: Sequence[float]) -> tuple[float, float]:
    """Return what tells of a word's tokens: 1, and the log-odds of the least likely one."""
    least = min(max(math.exp(min(logprobs)), _LEAST_DOUBT), 1 - _LEAST_DOUBT)
    return 1.0, math.log(least / (1 - least))

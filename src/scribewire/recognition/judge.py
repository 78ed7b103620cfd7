"""Whether something was said, or a model guessed at noise.

A speech model asked about music or a cough answers with something: "You", "Thank you for
watching". Two witnesses tell: how sure the VAD was that somebody spoke, and how sure the decoder
was of its words. Where the VAD was never sure, nothing was said; where it was sure all along, the
decoder must have lost its way before it is not believed; between the two, the decoder decides.

The bounds are a model's own, for each guesses in its way; `bench/noise.py --speech` shows what
lies on either side of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.recognition.calibration import JudgeBounds
    from scribewire.recognition.requests import Hypothesis


@dataclass(frozen=True, slots=True, kw_only=True)
class Voicing:
    """What the VAD said of an utterance, from its first frame of speech to its last."""

    mean: float
    """Of the frames' speech probabilities; 0 without any speech."""
    highest: float
    """The highest of them; 0 without any speech."""

    def reaches(self, mean: float, highest: float) -> bool:
        """Whether both are as high."""
        return self.highest >= highest and self.mean >= mean


def is_speech(voicing: Voicing, hypothesis: Hypothesis, bounds: JudgeBounds) -> bool:
    """Tell whether the hypothesis is of something that was said."""
    if not hypothesis.tokens or voicing.highest < bounds.min_highest:
        return False
    is_one_word = " " not in hypothesis.text
    if is_one_word and not voicing.reaches(
        bounds.min_mean_of_one_word, bounds.min_highest_of_one_word
    ):
        return False
    logprob = sum(token.logprob for token in hypothesis.tokens) / len(hypothesis.tokens)
    is_sure = voicing.reaches(bounds.sure_mean, bounds.sure_highest)
    return logprob >= (bounds.min_logprob if is_sure else bounds.doubtful_logprob)

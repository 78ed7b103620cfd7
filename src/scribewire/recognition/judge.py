"""Whether something was said, or a model guessed at noise.

A speech model asked about music or a cough answers with something: "You", "Thank you for
watching". Two witnesses tell: how long and how surely the VAD heard somebody speak, and how sure
the decoder was of its words. Of several words what they say is added up, so a certain decoder
outweighs a doubtful VAD and the other way round: the mean of the VAD, the seconds of speech (more
of them than a bound prove no more), and the mean log-probability of the tokens. A single word is
what decoders are most certain of when they guess, so there the mean of the VAD counts many times,
its length for nothing, and no decoder is certain enough for a VAD that doubts. A decoder that lost
its way is not believed however sure the VAD is.

The bounds are a model's own, for each guesses in its way; `bench/noise.py --speech` and
`bench/conditions.py` show what lies on either side of them.
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
    seconds: float
    """Length of the frames of speech."""


def is_speech(voicing: Voicing, hypothesis: Hypothesis, bounds: JudgeBounds) -> bool:
    """Tell whether the hypothesis is of something that was said."""
    if not hypothesis.tokens or not voicing.seconds:
        return False
    logprob = sum(token.logprob for token in hypothesis.tokens) / len(hypothesis.tokens)
    if logprob < bounds.min_logprob:
        return False
    if " " not in hypothesis.text:
        weighed = bounds.mean_weight_of_one_word * voicing.mean
        return weighed + logprob >= bounds.min_sum_of_one_word
    seconds = min(voicing.seconds, bounds.max_seconds)
    return voicing.mean + seconds + logprob >= bounds.min_sum

"""Whether something was said, or a model guessed at noise.

A speech model asked about music or a cough answers with something: "You", "Thank you for
watching". Two witnesses tell: how sure the VAD was that somebody spoke, and how sure the decoder
was of its words. Where the VAD was never sure, nothing was said; where it was sure all along, the
decoder must have lost its way before it is not believed; between the two, the decoder decides.

The bounds are those of `bench/noise.py --speech`: 924 s without speech, seven variations of what
was recorded of it (louder, quieter, shifted), and the 292 finals of 110 clips of real speech.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.recognition.requests import Hypothesis

MIN_HIGHEST = 0.8  # below it are 36 of 93 guesses; real speech has 0.849 at least
MIN_HIGHEST_OF_ONE_WORD = 0.9  # guesses are often one word: up to 0.873; real ones from 0.929
MIN_MEAN_OF_ONE_WORD = 0.65  # a guess that passes all else has 0.49, a real word 0.86 at least
SURE_HIGHEST, SURE_MEAN = 0.96, 0.75  # a guess has never had both; 91 % of real speech has
MIN_LOGPROB = -1.5  # when the VAD is sure: real speech goes down to -1.20, a word in loud noise
DOUBTFUL_LOGPROB = -0.48  # when it is not: real speech from -0.41, guesses up to -0.54


@dataclass(frozen=True, slots=True, kw_only=True)
class Voicing:
    """What the VAD said of an utterance, from its first frame of speech to its last."""

    mean: float
    """Of the frames' speech probabilities; 0 without any speech."""
    highest: float
    """The highest of them; 0 without any speech."""

    @property
    def is_sure(self) -> bool:
        """Whether the VAD has no doubt that somebody spoke."""
        return self.highest >= SURE_HIGHEST and self.mean >= SURE_MEAN

    @property
    def carries_one_word(self) -> bool:
        """Whether this is enough for a text of one word, as guesses often are."""
        return self.highest >= MIN_HIGHEST_OF_ONE_WORD and self.mean >= MIN_MEAN_OF_ONE_WORD


def is_speech(voicing: Voicing, hypothesis: Hypothesis) -> bool:
    """Tell whether the hypothesis is of something that was said."""
    if not hypothesis.tokens or voicing.highest < MIN_HIGHEST:
        return False
    if " " not in hypothesis.text and not voicing.carries_one_word:
        return False
    logprob = sum(token.logprob for token in hypothesis.tokens) / len(hypothesis.tokens)
    return logprob >= (MIN_LOGPROB if voicing.is_sure else DOUBTFUL_LOGPROB)

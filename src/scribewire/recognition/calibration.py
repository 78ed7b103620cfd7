"""The numbers that were fitted for one model: when it is believed, and when it is shown.

They come with an engine, from a file beside its model's entry.
What each group of numbers does stands where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scribewire.types import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeBounds:
    """Whether something was said, or the model guessed at noise; see judge.py."""

    min_sum: float
    """Of the VAD's mean, the seconds of speech and the mean log-probability of the tokens."""
    max_seconds: float
    """More seconds of speech add nothing."""
    min_logprob: float
    """Mean of the tokens below which a hypothesis is not believed although the VAD is sure."""
    mean_weight_of_one_word: float
    """How many times the VAD's mean counts for a text of one word, as guesses often are."""
    min_sum_of_one_word: float
    """The sum then, without the seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopBounds:
    """Whether a text repeats itself, or somebody did; see loops.py. Means are of tokens."""

    guess_logprob: float
    """Below it, what is repeated was a guess when it came first."""
    long_guess_logprob: float
    """The same for a whole sentence."""
    doubtful_logprob: float
    """Below it, or if it is said many times, it was one if its sayings are of uneven length ..."""
    max_stretch: float
    """... which is when the longest lasts more than this many times the shortest."""
    min_logprob: float
    """Below it, what is left of a text that was mostly loop is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceCurve:
    """Log-odds that a word of a final is right; see confidence.py."""

    one: float
    """The constant."""
    least: float
    """Times the log-odds of its least likely token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityCurve:
    """Log-odds that a partial is a prefix of the final; see stability.py."""

    one: float
    """The constant."""
    least: float
    """Times the logarithm of the least likely word's probability."""
    length: float
    """Times the number of words."""
    unseen: float
    """Times the number of words that no earlier hypothesis had."""
    settled: float
    """Added for what was decoded in a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowingBounds:
    """From which probability on partials show words; see stabilizer.py."""

    min_probability: float
    """Of a word that only this hypothesis has."""
    min_first_probability: float
    """Of the first word, while nothing is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLengths:
    """How much a partial's decode takes of a long utterance; see window_partials.py."""

    max_window_samples: int
    """A longer window is cut as soon as it can be."""
    lead_in_samples: int
    """At least: what is forced needs sound to stand on."""
    open_samples: int
    """Words that end later than this before the end may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """All that was fitted for one model."""

    judge: JudgeBounds
    loops: LoopBounds
    confidence: ConfidenceCurve
    stability: StabilityCurve
    showing: ShowingBounds
    windows: WindowLengths
    pad_before_samples: int
    """Audio before the first speech frame that a decode takes too: soft onsets."""
    max_pad_after_samples: int
    """The same after the last speech frame of a final, if the endpoint waits for so long."""
    context_samples: Mapping[Mode, int]
    """Audio that a final's decode takes in all, what was said before included; 0: only itself."""
    prompt_tokens: Mapping[Mode, int]
    """How many tokens of what was said before a final's decode is given as a prompt; 0: none."""
    final_width: Mapping[Mode, int]
    """How many hypotheses are followed side by side to find a final."""
    speech_per_noise: float
    """How many times longer a decode of speech takes than one of as much noise, which has no words.
    """

"""A doubtful final is heard once more, from a moment later, and the surer of the two is taken.

The encoder takes the audio in hops, and where in a hop a sound falls is chance: it hangs on the
frame in which the VAD was first sure. Of clear speech that changes nothing. Where the decoder
doubts, on the telephone or in noise, it changes words, now for the better and now for the worse;
which of two hearings is right, the decoder mostly knows. The answer is still of nothing but the
samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.engines.greedy import Decoded
    from scribewire.recognition.requests import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLookRules:
    """When a final is heard again, and how."""

    doubtful_logprob: float
    """Mean of the tokens below which it is."""
    lost_logprob: float
    """Below it, it is a guess rather than doubtful: of two guesses one is always surer, and would
    be taken for something that was said."""
    later_samples: int
    """How much later the second hearing begins: half a hop is furthest from where the first did."""


def wants_second_look(heard: Decoded, rules: SecondLookRules) -> bool:
    """Tell whether what was heard is doubtful. Where nothing was, there is nothing to doubt."""
    if not heard.tokens:
        return False
    return rules.lost_logprob <= _mean_logprob(heard.tokens) < rules.doubtful_logprob


def is_surer(second: Decoded, first: Decoded) -> bool:
    """Tell whether the second hearing is to be taken.

    One that was stopped never is, nor one that says something twice in a row: a decoder that copies
    itself is sure of the copies. What says the same stays as sure as it was at first.
    """
    if not second.tokens or not second.is_complete or _repeats(second.tokens):
        return False
    if _ids(second.tokens) == _ids(first.tokens):
        return False
    return _mean_logprob(second.tokens) > _mean_logprob(first.tokens)


def _repeats(tokens: Sequence[Token]) -> bool:
    """Tell whether two tokens or more stand twice in a row."""
    ids = _ids(tokens)
    return any(
        ids[start : start + period] == ids[start + period : start + 2 * period]
        for period in range(2, len(ids) // 2 + 1)
        for start in range(len(ids) - 2 * period + 1)
    )


def _ids(tokens: Sequence[Token]) -> list[int]:
    return [token.id for token in tokens]


def _mean_logprob(tokens: Sequence[Token]) -> float:
    return sum(token.logprob for token in tokens) / len(tokens)

"""A doubtful final is heard once more, in other hops, and the surer of the two hearings is taken.

The encoder takes the audio in hops, and where in a hop a sound falls is chance: it hangs on the
frame in which the VAD was first sure. Of clear speech that changes nothing. Where the decoder
doubts, on the telephone or in noise, it changes words, now for the better and now for the worse;
which of two hearings is right, the decoder mostly knows. Silence before the audio moves it by part
of a hop, so no sound is lost. The answer is still of nothing but the samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.recognition.stabilizer import letters_of

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
    silence_samples: int
    """Put before the audio the second time: half a hop is furthest from where it first lay."""


def wants_second_look(heard: Decoded, rules: SecondLookRules) -> bool:
    """Tell whether what was heard is doubtful. Where nothing was, there is nothing to doubt."""
    if not heard.tokens:
        return False
    return rules.lost_logprob <= _mean_logprob(heard.tokens) < rules.doubtful_logprob


def is_better(second: Decoded, first: Decoded) -> bool:
    """Tell whether the second hearing is to be taken; the tokens of both are spelled.

    The surer one is, but for one that was stopped, and one that says something twice in a row: a
    decoder that copies itself is sure of the copies. The same words in another spelling are no
    better, however sure; the same tokens are as good as they are sure.
    """
    if not second.tokens or not second.is_complete or _repeats(second.tokens):
        return False
    if _ids(second.tokens) != _ids(first.tokens) and _words(second.tokens) == _words(first.tokens):
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


def _words(tokens: Sequence[Token]) -> list[str]:
    words = "".join(token.text for token in tokens).split()
    return [letters for word in words if (letters := letters_of(word))]


def _mean_logprob(tokens: Sequence[Token]) -> float:
    return sum(token.logprob for token in tokens) / len(tokens)

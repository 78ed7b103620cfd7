"""Greedy decoding: the likeliest token, again and again, over any autoregressive decoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from scribewire.recognition.requests import Token

Logits: TypeAlias = npt.NDArray[np.float32]
"""One number for each token of the vocabulary, shape (vocabulary,)."""


class TokenSteps(Protocol):
    """One decode under way: remembers the tokens it was given."""

    def next_logits(self, token: int) -> Logits:
        """Take `token` as decoded and return the logits of the one after it."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a decode came to."""

    tokens: tuple[Token, ...]
    """Without the marks of start and end."""
    is_complete: bool
    """False when `max_tokens` ended it, not the model."""


def decode_greedily(steps: TokenSteps, *, start: int, end: int, max_tokens: int) -> Decoded:
    """Follow the likeliest token from `start` until `end`, for at most `max_tokens` steps."""
    tokens: list[Token] = []
    latest = start
    for _ in range(max_tokens):
        logits = steps.next_logits(latest)
        latest = int(logits.argmax())
        if latest == end:
            return Decoded(tuple(tokens), is_complete=True)
        tokens.append(Token(latest, token_logprob(logits, latest)))
    return Decoded(tuple(tokens), is_complete=False)


def token_logprob(logits: Logits, token: int) -> float:
    """Return the natural logarithm of the token's probability: a log-softmax of one entry."""
    # The highest is subtracted first, so that no exponential overflows; argmax is faster than max.
    highest = logits[logits.argmax()]
    total = float(np.exp(logits - highest).sum())
    return float(logits[token] - highest) - math.log(total)

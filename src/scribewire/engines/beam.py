"""Beam search: several hypotheses side by side, the likeliest one at the end.

Theory of operation. Each step extends every live hypothesis by its likeliest tokens and keeps the
`width` best of all of them, as rows of one batch. One that ends is finished and leaves the batch.
The search is over when no live one can still beat the finished: probabilities only fall. Sums of
log-probabilities are compared as they are; dividing them by length changed nothing that could be
measured (word error within 0.1 points).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from scribewire.engines.greedy import Decoded, Logits
from scribewire.recognition.requests import Token

if TYPE_CHECKING:
    from collections.abc import Sequence

HOPELESS = 5.0  # further behind the best finished one, a hypothesis has never won: e^-5 = 0.7 %


class RowSteps(Protocol):
    """A decode under way in several rows: each remembers the tokens it was given."""

    def next_logits(self, token: int) -> Logits:
        """Take `token` as the first one, in one row, and return the logits after it."""

    def next_rows(self, parents: Sequence[int], tokens: Sequence[int]) -> Logits:
        """Go on with one row for each of `tokens`, each from its row in `parents`.

        Returns the logits after them, shape (rows, vocabulary).
        """


@dataclass(frozen=True, slots=True)
class _Path:
    tokens: tuple[Token, ...]
    score: float  # logarithm of the probability of all tokens together
    row: int  # in the batch that gave its last token


def decode_with_beam(
    steps: RowSteps, *, start: int, end: int, max_tokens: int, width: int
) -> Decoded:
    """Return the likeliest of the hypotheses that `width` rows find, of at most `max_tokens`."""
    live = [_Path((), 0.0, 0)]
    finished: list[_Path] = []
    logits = steps.next_logits(start)[np.newaxis]
    for _ in range(max_tokens):
        extended = _extend(live, log_softmax(logits), width)
        live = []
        for path in extended:
            if path.tokens[-1].id == end:
                finished.append(path)
            elif len(live) < width:
                live.append(path)
        if _is_decided(live, finished, width):
            break
        parents = [path.row for path in live]
        logits = steps.next_rows(parents, [path.tokens[-1].id for path in live])
        live = [_Path(path.tokens, path.score, row) for row, path in enumerate(live)]
    if finished:
        best = max(finished, key=lambda path: path.score)
        return Decoded(best.tokens[:-1], is_complete=True)
    return Decoded(max(live, key=lambda path: path.score).tokens, is_complete=False)


def log_softmax(logits: Logits) -> Logits:
    """Return the logarithms of the probabilities, row by row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    normalised: Logits = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised


def _extend(live: Sequence[_Path], logprobs: Logits, width: int) -> list[_Path]:
    """Return the likeliest continuations of each path, the best of all first."""
    count = min(width + 1, logprobs.shape[1])  # one may be the end, which takes no row
    extended = []
    for path in live:
        row = logprobs[path.row]
        for token in np.argpartition(row, -count)[-count:]:
            logprob = float(row[token])
            tokens = (*path.tokens, Token(int(token), logprob))
            extended.append(_Path(tokens, path.score + logprob, path.row))
    # Equal scores are told apart by token, so that the same logits give the same text.
    return sorted(extended, key=lambda path: (-path.score, path.row, path.tokens[-1].id))


def _is_decided(live: Sequence[_Path], finished: Sequence[_Path], width: int) -> bool:
    if not live:
        return True
    if not finished:
        return False
    scores = sorted((path.score for path in finished), reverse=True)
    if live[0].score < scores[0] - HOPELESS:
        return True
    return len(scores) >= width and live[0].score < scores[width - 1]

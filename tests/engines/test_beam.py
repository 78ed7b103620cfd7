from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.engines.beam import decode_with_beam, log_softmax
from scribewire.engines.greedy import decode_greedily

if TYPE_CHECKING:
    from scribewire.engines.greedy import Decoded, Logits

START, END, A, B, C = range(5)

# After which tokens comes which, with what probability; what is not said comes with 0.01.
GARDEN: dict[tuple[int, ...], dict[int, float]] = {
    (): {A: 0.55, B: 0.45},
    (A,): {A: 0.35, B: 0.35, END: 0.3},
    (B,): {C: 0.98},
    (B, C): {END: 0.98},
}


class Garden:
    """Steps over a table: where the likeliest first token leads astray."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, ...]] = []
        self.most_rows = 0

    def next_logits(self, token: int) -> Logits:
        if token == START:
            self._rows = [()]
        else:
            self._rows = [(*self._rows[0], token)]
        first: Logits = self._logits()[0]
        return first

    def next_rows(self, parents: Sequence[int], tokens: Sequence[int]) -> Logits:
        self._rows = [(*self._rows[p], t) for p, t in zip(parents, tokens, strict=True)]
        self.most_rows = max(self.most_rows, len(self._rows))
        return self._logits()

    def _logits(self) -> Logits:
        rows = [
            [math.log(GARDEN.get(row, {END: 0.9}).get(token, 0.01)) for token in range(5)]
            for row in self._rows
        ]
        return np.array(rows, np.float32)


def ids(decoded: Decoded) -> list[int]:
    return [token.id for token in decoded.tokens]


def test_it_finds_what_the_likeliest_next_token_hides() -> None:
    greedy = decode_greedily(Garden(), start=START, end=END, max_tokens=9)
    beam = decode_with_beam(Garden(), start=START, end=END, max_tokens=9, width=2)

    assert ids(greedy)[0] == A
    assert ids(beam) == [B, C]
    assert beam.is_complete


def test_tokens_keep_their_own_probabilities() -> None:
    beam = decode_with_beam(Garden(), start=START, end=END, max_tokens=9, width=3)

    total = sum([0.55, 0.45, 0.01, 0.01, 0.01])
    assert beam.tokens[0].logprob == pytest.approx(math.log(0.45 / total), abs=1e-4)


def test_a_width_of_one_is_greedy() -> None:
    greedy = decode_greedily(Garden(), start=START, end=END, max_tokens=9)

    assert ids(decode_with_beam(Garden(), start=START, end=END, max_tokens=9, width=1)) == ids(
        greedy
    )


def test_no_more_rows_than_the_width_are_followed() -> None:
    garden = Garden()

    decode_with_beam(garden, start=START, end=END, max_tokens=9, width=3)

    assert 1 < garden.most_rows <= 3


def test_the_guard_stops_a_search_that_does_not_end() -> None:
    beam = decode_with_beam(Garden(), start=START, end=END, max_tokens=1, width=2)

    assert ids(beam) == [A]
    assert not beam.is_complete


def test_log_softmax_rows_are_logarithms_of_probabilities() -> None:
    rows = log_softmax(np.array([[1e4, 1e4], [0, -1e4]], np.float32))

    assert np.exp(rows).sum(axis=1) == pytest.approx([1, 1])
    assert rows[0] == pytest.approx([math.log(0.5)] * 2)

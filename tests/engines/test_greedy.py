from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.engines.greedy import Decoded, decode_greedily, token_logprob

if TYPE_CHECKING:
    from scribewire.engines.greedy import Logits

START, END, A, B = range(4)


class Written:
    """Steps that give logits from a list and note the tokens they were given."""

    def __init__(self, *rows: list[float]) -> None:
        self._rows = iter(rows)
        self.given: list[int] = []

    def next_logits(self, token: int) -> Logits:
        self.given.append(token)
        return np.array(next(self._rows), np.float32)


def decode(steps: Written, max_tokens: int = 9) -> Decoded:
    return decode_greedily(steps, start=START, end=END, max_tokens=max_tokens)


def test_the_likeliest_token_is_taken_and_fed_back_until_the_end() -> None:
    steps = Written([0, 0, 9, 0], [0, 1, 0, 9], [0, 9, 1, 0])

    result = decode(steps)

    assert [token.id for token in result.tokens] == [A, B]
    assert result.is_complete
    assert steps.given == [START, A, B]


def test_an_end_at_once_is_a_complete_nothing() -> None:
    assert decode(Written([0, 9, 0, 0])) == Decoded((), is_complete=True)


def test_the_guard_stops_a_loop_and_says_so() -> None:
    result = decode(Written(*[[0.0, 0, 9, 0]] * 3), max_tokens=3)

    assert [token.id for token in result.tokens] == [A, A, A]
    assert not result.is_complete


def test_a_guard_of_nothing_asks_nothing() -> None:
    steps = Written()

    assert decode(steps, max_tokens=0) == Decoded((), is_complete=False)
    assert steps.given == []


def test_a_token_carries_its_log_probability() -> None:
    (token,) = decode(Written([0, 0, math.log(2), 0], [0, 9, 0, 0])).tokens

    assert token.id == A
    assert token.logprob == pytest.approx(math.log(2 / 5))


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
def test_log_probabilities_do_not_overflow(shift: float) -> None:
    logits = np.array([1.0, 2.0, 3.0], np.float32) + np.float32(shift)

    found = [token_logprob(logits, token) for token in range(3)]

    assert sum(math.exp(logprob) for logprob in found) == pytest.approx(1, abs=1e-3)


def test_a_hopeless_token_has_a_finite_log_probability() -> None:
    assert token_logprob(np.array([0.0, -5000.0], np.float32), 1) == pytest.approx(-5000)

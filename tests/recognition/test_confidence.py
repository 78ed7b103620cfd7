from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.confidence import word_confidence
from scribewire.testing.scripted import SCRIPTED_CALIBRATION

LOGPROBS = st.floats(min_value=-1e9, max_value=0)


def confidence(*logprobs: float) -> float:
    return word_confidence(logprobs, SCRIPTED_CALIBRATION.confidence)


def of(*probabilities: float) -> float:
    return confidence(*(math.log(probability) for probability in probabilities))


def test_a_word_without_tokens_is_not_trusted() -> None:
    assert confidence() == 0


@given(st.lists(LOGPROBS, min_size=1))
def test_it_is_a_probability(logprobs: list[float]) -> None:
    assert 0 < confidence(*logprobs) < 1


@given(st.lists(LOGPROBS, min_size=1), LOGPROBS)
def test_a_doubtful_token_more_makes_no_word_surer(logprobs: list[float], more: float) -> None:
    assert confidence(*logprobs, more) <= confidence(*logprobs)


@given(LOGPROBS, LOGPROBS)
def test_the_surer_its_token_the_surer_is_a_word(one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert confidence(low) <= confidence(high)


EXAMPLES = [
    # what the decoder gave each token, what the word gets
    ((0.999,), 0.999),
    ((0.95,), 0.967),
    ((0.8, 0.95), 0.868),
    ((0.95, 0.8), 0.868),
    ((0.5,), 0.634),
    ((0.2, 0.2), 0.314),
    ((0.02,), 0.04),
]


@pytest.mark.parametrize(("probabilities", "expected"), EXAMPLES)
def test_the_decoder_is_believed_less_than_it_believes_itself(
    probabilities: tuple[float, ...], expected: float
) -> None:
    assert of(*probabilities) == pytest.approx(expected, abs=0.005)

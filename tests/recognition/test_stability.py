from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.calibration import StabilityCurve
from scribewire.recognition.stability import evidence, partial_stability
from scribewire.recognition.stabilizer import DecodedWord, ShownText
from scribewire.testing.scripted import SCRIPTED_CALIBRATION

PROBABILITIES = st.lists(st.floats(0, 1), max_size=300)


def stability(text: ShownText) -> float:
    return partial_stability(text, SCRIPTED_CALIBRATION.stability)


def shown(*probabilities: float, seen_count: int = 0, is_settled: bool = False) -> ShownText:
    words = tuple(DecodedWord("word", probability) for probability in probabilities)
    return ShownText(words, 0, seen_count, is_settled)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        (shown(0.99), 0.85, 0.95),
        (shown(0.3), 0.3, 0.6),
        (shown(*[0.95] * 5, seen_count=5), 0.8, 0.9),
        (shown(*[0.95] * 30, seen_count=29), 0.3, 0.5),
        (shown(0.95, 0.95, 0.01), 0.0, 0.05),
    ],
    ids=["a sure word", "a doubtful word", "a few words", "a long text", "one bad word"],
)
def test_how_likely_a_text_lasts(text: ShownText, low: float, high: float) -> None:
    assert low <= stability(text) <= high


@given(PROBABILITIES, st.integers(0, 300), st.booleans())
def test_it_is_a_probability(probabilities: list[float], seen_count: int, is_settled: bool) -> None:
    text = shown(*probabilities, seen_count=seen_count, is_settled=is_settled)

    assert 0 <= stability(text) <= 1


@given(PROBABILITIES, st.floats(0, 1))
def test_one_more_word_never_makes_a_text_surer(probabilities: list[float], one: float) -> None:
    assert stability(shown(*probabilities, one)) <= stability(shown(*probabilities))


@given(PROBABILITIES, st.integers(0, 300))
def test_a_word_decoded_twice_never_makes_a_text_less_sure(
    probabilities: list[float], seen_count: int
) -> None:
    seen = shown(*probabilities, seen_count=seen_count + 1)

    assert stability(seen) >= stability(shown(*probabilities, seen_count=seen_count))


@given(PROBABILITIES)
def test_what_was_decoded_in_a_pause_is_at_least_as_sure(probabilities: list[float]) -> None:
    settled = shown(*probabilities, is_settled=True)

    assert stability(settled) >= stability(shown(*probabilities))


def test_everything_known_is_weighed() -> None:
    assert [*evidence(shown(0.5))] == [field.name for field in fields(StabilityCurve)]

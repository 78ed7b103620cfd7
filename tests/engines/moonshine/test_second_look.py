from __future__ import annotations

import pytest

from scribewire.engines.greedy import Decoded
from scribewire.engines.moonshine.second_look import (
    SecondLookRules,
    is_surer,
    wants_second_look,
)
from scribewire.recognition.requests import Token

RULES = SecondLookRules(doubtful_logprob=-0.25, lost_logprob=-0.6, later_samples=192)


def heard(*logprobs: float, is_complete: bool = True, first_id: int = 0) -> Decoded:
    return Decoded(
        tuple(Token(number, logprob) for number, logprob in enumerate(logprobs, start=first_id)),
        is_complete,
    )


@pytest.mark.parametrize(
    ("first", "is_wanted"),
    [
        (heard(-0.1, -0.3), False),
        (heard(-0.25), False),
        (heard(-0.1, -0.5), True),
        (heard(-0.3, is_complete=False), True),  # a loop, perhaps: the other hearing may have none
        (heard(-0.6), True),
        (heard(-0.5, -0.8), False),
        (heard(), False),
    ],
    ids=["sure", "just sure enough", "doubtful", "stopped", "just doubtful", "lost", "nothing"],
)
def test_what_is_doubtful_is_heard_again(first: Decoded, is_wanted: bool) -> None:
    assert wants_second_look(first, RULES) == is_wanted


@pytest.mark.parametrize(
    ("second", "is_taken"),
    [
        (heard(-0.2, -0.2), True),
        (heard(-0.3), True),
        (heard(-0.4), False),
        (heard(-0.5, -0.5), False),
        (heard(-0.1, is_complete=False), False),
        (heard(), False),
    ],
    ids=["surer", "shorter", "as sure", "less sure", "stopped", "nothing"],
)
def test_the_surer_hearing_is_taken(second: Decoded, is_taken: bool) -> None:
    assert is_surer(second, heard(-0.4, -0.4, first_id=100)) == is_taken


def said(*ids: int) -> Decoded:
    return Decoded(tuple(Token(number, -0.1) for number in ids), is_complete=True)


@pytest.mark.parametrize(
    ("second", "is_taken"),
    [
        (said(1, 2, 3, 1, 2, 4), True),
        (said(7, 7, 7), True),  # digits are said like that
        (said(1, 2, 1, 2), False),
        (said(9, 1, 2, 3, 1, 2, 3, 8), False),
    ],
    ids=["begins alike", "one token again", "all of it twice", "in the middle"],
)
def test_a_hearing_that_copies_itself_is_not_taken_for_surer(
    second: Decoded, is_taken: bool
) -> None:
    assert is_surer(second, heard(-0.4, -0.4, first_id=100)) == is_taken


def test_of_the_same_words_the_first_hearing_stays() -> None:
    assert not is_surer(heard(-0.1, -0.1), heard(-0.4, -0.4))

from __future__ import annotations

import pytest

from scribewire.engines.greedy import Decoded
from scribewire.engines.moonshine.second_look import SecondLookRules, is_better, wants_second_look
from scribewire.recognition.requests import Token

RULES = SecondLookRules(doubtful_logprob=-0.2, lost_logprob=-0.6, silence_samples=192)


def heard(*logprobs: float, text: str = "", first_id: int = 0, is_complete: bool = True) -> Decoded:
    """Return what was decoded; without a text of its own, every token is another word."""
    words = [f" {part}" for part in text.split()] or [f" word{n}" for n in range(len(logprobs))]
    pairs = zip(logprobs, words, strict=True)
    return Decoded(
        tuple(Token(number, *pair) for number, pair in enumerate(pairs, first_id)),
        is_complete,
    )


@pytest.mark.parametrize(
    ("first", "is_wanted"),
    [
        (heard(-0.1, -0.2), False),
        (heard(-0.2), False),
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


FIRST = heard(-0.5, -0.5, -0.5, text="Ever field. No")


@pytest.mark.parametrize(
    ("second", "is_taken"),
    [
        (heard(-0.2, -0.2), True),
        (heard(-0.3), True),
        (heard(-0.5), False),
        (heard(-0.75, -0.75), False),
        (heard(-0.1, is_complete=False), False),
        (heard(), False),
        (heard(-0.1, -0.1, -0.1, text="Ever failed. No", first_id=7), True),
        (heard(-0.1, -0.1, -0.1, text="ever field, no", first_id=7), False),
        (heard(-0.1, -0.1, -0.1, -0.1, text="Ever field . No"), False),
        (heard(-0.1, -0.1, -0.1, text="Ever field. No"), True),
        (heard(-0.6, -0.6, -0.6, text="Ever field. No"), False),
    ],
    ids=[
        "surer", "shorter", "as sure", "less sure", "stopped", "nothing", "another word",
        "the same words in small letters", "the same words with another mark",
        "all the same, surer", "all the same, less sure",
    ],
)  # fmt: skip
def test_the_surer_hearing_is_taken_but_no_other_spelling(second: Decoded, is_taken: bool) -> None:
    assert is_better(second, FIRST) == is_taken


def said(*ids: int) -> Decoded:
    return Decoded(tuple(Token(number, -0.1, f" {number}") for number in ids), is_complete=True)


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
    assert is_better(second, FIRST) == is_taken

from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis, Token
from scribewire.testing.checks.hypotheses import decode, decode_if_wanted, ids_of, request_for
from scribewire.testing.checks.inputs import voice
from scribewire.testing.scripted import SCRIPTED_CALIBRATION, SCRIPTED_TRAITS

PLAIN = request_for(voice(120, size=1000))
TIMED = replace(PLAIN, wants_times=True)


class Says:
    """An engine that always says the same."""

    traits = SCRIPTED_TRAITS
    calibration = SCRIPTED_CALIBRATION

    def __init__(self, hypothesis: Hypothesis | None) -> None:
        self._hypothesis = hypothesis

    def decode(self, request: DecodeRequest) -> DecodeResult:
        return DecodeResult(self._hypothesis)

    def close(self) -> None:
        pass


def said(text: str, *tokens: Token) -> Hypothesis:
    return Hypothesis(text, tokens)


HE = Token(1, -0.5, "He")
LLO = Token(2, -0.5, "llo")
GOOD = [
    (PLAIN, said("")),
    (PLAIN, said("Hello", HE, LLO)),
    (PLAIN, said("Hello", replace(HE, logprob=0.0), LLO)),
    (TIMED, said("Hello", replace(HE, start=0, end=1000), replace(LLO, start=1000, end=1000))),
]


@pytest.mark.parametrize(("request_", "hypothesis"), GOOD)
def test_a_good_hypothesis_comes_back(request_: DecodeRequest, hypothesis: Hypothesis) -> None:
    assert decode(Says(hypothesis), "it", request_) == hypothesis


BROKEN = [
    (PLAIN, said(" He", HE), "it: space at an end of the text ' He'"),
    (PLAIN, said("Hello"), "it: the text 'Hello' has no tokens"),
    (PLAIN, said("Hello", HE), "it: the tokens spell 'He', the text is 'Hello'"),
    (PLAIN, said("He", replace(HE, logprob=0.9)), "0.9 is not the logarithm of a probability"),
    (PLAIN, said("He", replace(HE, logprob=float("nan"))), "nan is not the logarithm"),
    (PLAIN, said("He", replace(HE, start=1, end=2)), "it: times that nobody asked for"),
    (TIMED, said("He", HE), "it: a token without its times"),
    (TIMED, said("He", replace(HE, start=1)), "it: a token without its times"),
    (TIMED, said("He", replace(HE, start=-1, end=2)), "it: a token from -1 to 2 of 1000 samples"),
    (TIMED, said("He", replace(HE, start=5, end=4)), "it: a token from 5 to 4 of 1000 samples"),
    (TIMED, said("He", replace(HE, start=5, end=1001)), "it: a token from 5 to 1001"),
    (
        TIMED,
        said("Hello", replace(HE, start=9, end=20), replace(LLO, start=8, end=20)),
        "it: the times (9, 20) and then (8, 20) are out of order",
    ),
]


@pytest.mark.parametrize(("request_", "hypothesis", "sentence"), BROKEN)
def test_a_broken_hypothesis_is_told_what_it_breaks(
    request_: DecodeRequest, hypothesis: Hypothesis, sentence: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        decode(Says(hypothesis), "it", request_)

    assert sentence in str(caught.value)


def test_only_what_is_not_required_may_be_dropped() -> None:
    partial = replace(PLAIN, is_required=False)

    assert decode_if_wanted(Says(None), "it", partial) is None
    with pytest.raises(AssertionError, match="it: a required request was dropped"):
        decode(Says(None), "it", PLAIN)


def test_tokens_become_a_prefix() -> None:
    assert ids_of(said("Hello", HE, LLO)) == (1, 2)

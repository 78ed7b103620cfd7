from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.judge import Voicing, is_speech
from scribewire.recognition.requests import Hypothesis, Token
from scribewire.testing.scripted import SCRIPTED_CALIBRATION

BOUNDS = SCRIPTED_CALIBRATION.judge


def judge(mean: float, highest: float, *logprobs: float, text: str = "One word, or two.") -> bool:
    tokens = tuple(Token(number, logprob) for number, logprob in enumerate(logprobs))
    return is_speech(Voicing(mean=mean, highest=highest), Hypothesis(text, tokens), BOUNDS)


MEASURED = [
    # by bench/noise.py: the text, VAD mean, VAD highest, mean logprob of the tokens, is it real
    ("Lobster alanumberg.", 0.97, 0.999, -0.92, True),  # a hard name, clearly spoken
    ("Later.", 0.94, 0.998, -1.20, True),  # in loud noise
    ("Many people", 0.76, 0.943, -0.16, True),  # very quiet
    ("But,", 0.86, 0.929, -0.41, True),  # on the telephone
    ("Ask not.", 0.42, 0.849, -0.26, True),  # long pauses, old recording
    ("Zero, four, zero, zero.", 0.57, 0.998, -0.16, True),  # long pauses
    ("You", 0.73, 0.818, -0.27, False),  # drums, from here
    ("You", 0.65, 0.834, -0.25, False),
    ("You", 0.40, 0.873, -0.35, False),
    ("You", 0.83, 0.943, -1.17, False),
    ("You", 0.49, 0.948, -0.38, False),
    ("I don't know.", 0.80, 0.914, -0.54, False),
    ("I don't know. I don't know.", 0.60, 0.686, -0.22, False),
    ("We'll be right back.", 0.34, 0.847, -0.66, False),
    ("Thank you for watching!", 0.52, 0.984, -0.73, False),
    ("Thank you for watching.", 0.56, 0.664, -0.46, False),  # a chair
    ("Yeah.", 0.75, 0.852, -0.55, False),  # an empty room
    ("So,", 0.86, 0.940, -1.91, False),  # two frames at the end of a clip
]


@pytest.mark.parametrize(("text", "mean", "highest", "logprob", "is_real"), MEASURED)
def test_speech_is_told_from_guesses(
    text: str, mean: float, highest: float, logprob: float, is_real: bool
) -> None:
    assert judge(mean, highest, logprob, text=text) == is_real


def test_a_decoder_that_lost_its_way_is_not_believed_however_sure_the_vad_is() -> None:
    assert not judge(1.0, 1.0, -2.0)


def test_the_tokens_are_judged_together() -> None:
    assert judge(0.5, 1.0, -0.1, -0.5)
    assert not judge(0.5, 1.0, -0.1, -0.9)


def test_no_tokens_are_no_speech() -> None:
    assert not judge(1.0, 1.0)


PROBABILITY = st.floats(min_value=0, max_value=1)
LOGPROB = st.floats(min_value=-5, max_value=0)


@given(PROBABILITY, PROBABILITY, LOGPROB, PROBABILITY, PROBABILITY, LOGPROB)
def test_more_evidence_never_turns_speech_into_noise(
    mean: float, highest: float, logprob: float, mean_too: float, highest_too: float, too: float
) -> None:
    more = judge(max(mean, mean_too), max(highest, highest_too), max(logprob, too))

    assert more >= judge(mean, highest, logprob)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.judge import Voicing, is_speech
from scribewire.recognition.requests import Hypothesis, Token
from scribewire.testing.scripted import SCRIPTED_CALIBRATION

BOUNDS = SCRIPTED_CALIBRATION.judge


def judge(mean: float, seconds: float, *logprobs: float, text: str = "One word, or two.") -> bool:
    tokens = tuple(Token(number, logprob) for number, logprob in enumerate(logprobs))
    return is_speech(Voicing(mean=mean, seconds=seconds), Hypothesis(text, tokens), BOUNDS)


MEASURED = [
    # by bench/conditions.py and bench/noise.py: the text, VAD mean, seconds of speech, mean
    # log-probability of the tokens, is it real
    ("Lobster alanumberg.", 0.69, 1.15, -0.91, True),  # a hard name
    ("Locke stood a little new burgeon.", 0.67, 1.12, -0.86, True),  # the same in mu-law
    ("This is as one of those.", 0.69, 1.47, -1.01, True),  # at 8 kHz
    ("This is at 12 flames.", 0.72, 1.54, -0.62, True),
    ("Ask not.", 0.40, 0.42, -0.20, True),  # long pauses, old recording, in mu-law
    ("Zero, four, zero, zero.", 0.57, 1.38, -0.16, True),  # long pauses
    ("This in a double boiler and let cook it.", 0.51, 1.60, -0.52, True),  # very quiet
    ("And on.", 0.95, 0.48, -0.82, True),
    ("Later.", 0.93, 0.58, -1.32, True),  # in loud noise
    ("But,", 0.83, 0.19, -0.55, True),  # on the telephone
    ("But,", 0.81, 0.19, -0.37, True),
    ("Six.", 0.81, 0.38, -0.11, True),
    ("Wow.", 0.90, 0.32, -0.90, True),
    ("You", 0.63, 0.16, -0.15, False),  # drums, from here
    ("But", 0.81, 0.19, -0.54, False),  # what a partial would show
    ("You", 0.71, 0.29, -0.26, False),
    ("Mm-hmm,", 0.65, 0.16, -0.42, False),
    ("Uh?", 0.75, 0.32, -1.29, False),
    ("You", 0.58, 0.77, -1.90, False),
    ("We'll see you next time.", 0.57, 0.58, -0.65, False),
    ("Thank you for watching.", 0.58, 0.61, -0.81, False),
    ("What do you think?", 0.52, 0.51, -0.71, False),
    ("I'm going to do it.", 0.81, 0.35, -1.21, False),
    ("You're gonna be right here.", 0.58, 0.77, -1.36, False),
    ("Thank you for watching.", 0.56, 0.13, -0.50, False),  # a chair
    ("Yeah.", 0.51, 0.10, -0.43, False),  # an empty room
    ("So?", 0.86, 0.10, -1.79, False),  # two frames at the end of a clip
]


@pytest.mark.parametrize(("text", "mean", "seconds", "logprob", "is_real"), MEASURED)
def test_speech_is_told_from_guesses(
    text: str, mean: float, seconds: float, logprob: float, is_real: bool
) -> None:
    assert judge(mean, seconds, logprob, text=text) == is_real


def test_a_decoder_that_lost_its_way_is_not_believed_however_sure_the_vad_is() -> None:
    assert not judge(1.0, 10.0, -2.0)


def test_of_several_words_a_certain_decoder_outweighs_a_doubtful_vad_and_the_other_way_round() -> (
    None
):
    assert judge(0.45, 0.4, -0.05)
    assert not judge(0.45, 0.4, -0.6)
    assert judge(0.95, 1.5, -0.9)


def test_of_a_single_word_no_decoder_outweighs_a_doubtful_vad() -> None:
    assert not judge(0.75, 10.0, 0.0, text="Yes.")
    assert judge(0.75, 0.4, 0.0, text="Yes sir.")


def test_the_tokens_are_judged_together() -> None:
    assert judge(0.6, 0.4, -0.1, -0.5)
    assert not judge(0.6, 0.4, -0.1, -0.9)


def test_no_tokens_are_no_speech() -> None:
    assert not judge(1.0, 10.0)


def test_nothing_is_said_where_the_vad_heard_nothing() -> None:
    assert not judge(0.0, 0.0, 0.0)


PROBABILITY = st.floats(min_value=0, max_value=1)
SECONDS = st.floats(min_value=0, max_value=15)
LOGPROB = st.floats(min_value=-5, max_value=0)


@given(PROBABILITY, SECONDS, LOGPROB, PROBABILITY, SECONDS, LOGPROB)
def test_more_evidence_never_turns_speech_into_noise(
    mean: float, seconds: float, logprob: float, mean_too: float, seconds_too: float, too: float
) -> None:
    more = judge(max(mean, mean_too), max(seconds, seconds_too), max(logprob, too))

    assert more >= judge(mean, seconds, logprob)

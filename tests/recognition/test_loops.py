from __future__ import annotations

import pytest

from scribewire.recognition.loops import without_loop
from scribewire.recognition.requests import Hypothesis, Token
from scribewire.testing.scripted import SCRIPTED_CALIBRATION

BOUNDS = SCRIPTED_CALIBRATION.loops


def decoded(drawn: str, *, is_complete: bool = True, has_times: bool = True) -> Hypothesis:
    """One token a word. `-1.3/5` before words: their log-probability, and tenths of a second each.

    It holds until the next one.
    """
    tokens: list[Token] = []
    logprob, length, end = 0.0, 1, 0
    for word in drawn.split():
        if "/" in word:
            logprob, length = float(word.split("/")[0]), int(word.split("/")[1])
            continue
        start, end = end, end + 1600 * length
        times = (start, end) if has_times else (None, None)
        tokens.append(Token(len(tokens) + 1, logprob, f" {word}", *times))
    text = "".join(token.text for token in tokens).strip()
    return Hypothesis(text, tuple(tokens), is_complete)


# Each said as it was decoded; a loop keeps its first saying.
LOOPS = [
    (
        "a guess is copied",
        "-0.1/3 He said: -1.3/3 I'm so excited. -0.2/3 I'm so excited. -0.1/3 And left.",
        "He said: I'm so excited. And left.",
    ),
    (
        "copies of uneven length",
        "-0.1/3 So we went home. -0.7/3 I don't know. -0.2/1 I don't know. -0.1/3 It rained.",
        "So we went home. I don't know. It rained.",
    ),
    (
        "the last copy is cut off",
        "-0.1/3 He told us all: -1.3/3 It is not easy, -0.2/3 it is not easy, it is",
        "He told us all: It is not easy,",
    ),
    (
        "a sentence that was likely a guess",
        "-0.1/3 Then: -0.8/3 It is like home at all times. -0.1/3 It is like home at all times.",
        "Then: It is like home at all times.",
    ),
    (
        "many copies of uneven length, though the first seems certain",
        "-0.1/3 We said so. -0.4/3 I know. -0.1/3 I know. -0.1/1 I know. -0.1/4 I know. Yes.",
        "We said so. I know. Yes.",
    ),
    (
        "one word",
        "-0.1/3 The pencils were -1.3/3 intermittent -0.1/3 intermittent intermittent then.",
        "The pencils were intermittent then.",
    ),
]

SAID = [
    ("one word", "-0.1/3 no no no no no"),
    ("one word, of any length", "-0.6/3 Five, -0.1/1 five, -0.1/6 five, five."),
    ("a doubtful word, twice", "-1.4/3 no -0.2/3 no"),
    ("a sentence", "-0.3/3 Tell me what happened. -0.1/3 Tell me what happened."),
    (
        "a chant",
        "-0.3/3 Four more years! -0.1/3 Four more years! Four more years! Four more years!",
    ),
    ("a few words in noise, evenly", "-0.9/3 Four of clubs, -0.1/3 four of clubs, four of clubs."),
    ("a certain one, unevenly", "-0.2/3 You know, -0.1/9 you know, -0.1/1 you know."),
    ("words that only begin alike", "-1.3/3 it was the best of times it was the worst of times"),
]


@pytest.mark.parametrize(("name", "drawn", "kept"), LOOPS, ids=[case[0] for case in LOOPS])
def test_a_loop_keeps_its_first_saying(name: str, drawn: str, kept: str) -> None:
    found = without_loop(decoded(drawn), BOUNDS)

    assert found.text == kept, name
    assert "".join(token.text for token in found.tokens).strip() == kept


@pytest.mark.parametrize(("name", "drawn"), SAID, ids=[case[0] for case in SAID])
def test_what_is_said_more_than_once_stays(name: str, drawn: str) -> None:
    said = decoded(drawn)

    assert without_loop(said, BOUNDS) is said, name


@pytest.mark.parametrize(
    "drawn",
    [
        "-1.3/3 I'm so excited. -0.2/3 I'm so excited. -0.1/3 I'm so excited. I'm so excited.",
        "-0.7/3 I don't know. -0.2/1 I don't know. -0.1/9 I don't know.",
    ],
)
def test_a_guess_that_was_copied_over_and_over_is_not_believed(drawn: str) -> None:
    assert without_loop(decoded(drawn), BOUNDS) == Hypothesis("", ())


def test_what_is_certain_before_a_loop_is_believed() -> None:
    drawn = "-0.1/3 They will jump the fence. -1.3/3 The end. -0.1/3 The end. The end. The end."

    kept = without_loop(decoded(drawn), BOUNDS)

    assert kept.text == "They will jump the fence. The end."


def test_a_loop_is_cut_from_a_hypothesis_that_was_stopped() -> None:
    looped = decoded("-0.1/3 so it goes on and on and on and on", is_complete=False)

    kept = without_loop(looped, BOUNDS)

    assert kept.text == "so it goes on and"
    assert [token.text for token in kept.tokens] == [" so", " it", " goes", " on", " and"]
    assert not kept.is_complete


def test_of_one_that_was_stopped_a_loop_of_any_period_is_cut() -> None:
    sentence = "you are not the only one who cannot find the way"

    kept = without_loop(decoded(f"-0.1/3 {sentence} {sentence} you", is_complete=False), BOUNDS)

    assert kept.text == sentence


def test_without_times_only_a_guess_is_a_loop() -> None:
    uneven = decoded("-0.7/3 I know. -0.2/1 I know. -0.1/9 I know.", has_times=False)
    guess = decoded("-0.1/3 He said: -1.3/3 I know. -0.2/3 I know.", has_times=False)

    assert without_loop(uneven, BOUNDS) is uneven
    assert without_loop(guess, BOUNDS).text == "He said: I know."


def test_tokens_that_do_not_spell_the_text_tell_nothing() -> None:
    odd = Hypothesis("I know. I know. I know.", (Token(1, -3.0, " other"),))

    assert without_loop(odd, BOUNDS) is odd


def test_nothing_is_no_loop() -> None:
    nothing = Hypothesis("", ())

    assert without_loop(nothing, BOUNDS) is nothing

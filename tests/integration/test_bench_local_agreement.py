"""The loop that bench/live.py loads beside ours: what it commits, and when."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.local_agreement import Agreement, AgreementLoop, Shown, TimedWord
from bench.own_rules import own_endpoint
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.testing.scripted import ScriptedVad, draw_speech, read_tokens
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples


def spoken(text: str, from_s: float = 0.0) -> list[TimedWord]:
    """Return words of half a second each."""
    return [
        TimedWord(f" {word}", from_s + number / 2, from_s + number / 2 + 0.5)
        for number, word in enumerate(text.split())
    ]


def committed(agreement: Agreement) -> str:
    return "".join(word.text for word in agreement.committed).strip()


def test_what_two_hypotheses_begin_with_is_committed() -> None:
    agreement = Agreement()

    agreement.receive(spoken("de zee is"))
    assert (committed(agreement), agreement.text) == ("", "de zee is")

    agreement.receive(spoken("De zee, was diep"))
    assert (committed(agreement), agreement.text) == ("De zee,", "De zee, was diep")

    agreement.receive(spoken("De meren waren diep en"), is_last=True)
    assert committed(agreement) == "De zee, waren diep en"


def test_a_hypothesis_that_says_the_committed_end_again_adds_nothing_twice() -> None:
    agreement = Agreement(committed=spoken("een twee drie"))

    agreement.receive(spoken("twee drie vier", from_s=1.45))

    assert agreement.text == "een twee drie vier"


def test_a_sentence_ends_where_its_last_word_was_committed() -> None:
    agreement = Agreement(committed=spoken("De zee. Een"), rest=spoken("huis.", from_s=1.5))

    assert agreement.sentence_end_s == 1.0
    assert agreement.prompt(1.0) == " De zee."
    assert Agreement().sentence_end_s is None


def hear(samples: Samples, prompt: str) -> Sequence[TimedWord]:
    """Read drawn letters, a word for each."""
    del prompt
    return [
        TimedWord(f" {token.text.strip()}", (token.start or 0) / SAMPLE_RATE, end / SAMPLE_RATE)
        for token in read_tokens(samples)
        if (end := token.end or 0)
    ]


SAID = (string.ascii_letters + string.digits + string.ascii_letters[:32], "hello")
PICTURE = "." * 20 + SAID[0] + "." * 30 + SAID[1] + "." * 30


def play(piece: int) -> list[Shown]:
    loop = AgreementLoop(hear, ScriptedVad(), own_endpoint("fast"))
    samples = draw_speech(PICTURE)
    shown = [
        one
        for start in range(0, samples.size, piece)
        for one in loop.receive_audio(samples[start : start + piece])
    ]
    return [*shown, *loop.receive_end()]


def test_each_utterance_ends_in_a_final_of_all_that_was_spoken() -> None:
    finals = [one for one in play(SAMPLE_RATE // 10) if one.is_final]

    ends = [114 * FRAME_SAMPLES, 149 * FRAME_SAMPLES]
    assert [one.end_sample for one in finals] == ends
    assert [one.text.replace(" ", "") for one in finals] == list(SAID)


def test_a_partial_comes_with_each_second_of_new_speech() -> None:
    partials = [one for one in play(SAMPLE_RATE // 10) if not one.is_final]

    apart = np.diff([one.end_sample for one in partials])
    assert len(partials) == 3
    assert apart.tolist() == [SAMPLE_RATE, SAMPLE_RATE]


@pytest.mark.parametrize("seconds", [0.03, 1.3, 60.0])
def test_finals_are_whole_however_much_there_is_at_once(seconds: float) -> None:
    finals = [one for one in play(int(seconds * SAMPLE_RATE)) if one.is_final]

    assert [one.text.replace(" ", "") for one in finals] == list(SAID)

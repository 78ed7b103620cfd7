from __future__ import annotations

import numpy as np
import pytest

from scribewire.recognition.requests import DecodeRequest, Hypothesis
from scribewire.recognition.stabilizer import DecodedWord
from scribewire.recognition.utterance import Utterance
from scribewire.recognition.voice import VoiceState
from scribewire.testing.scripted import SCRIPTED_CALIBRATION


def new_utterance() -> Utterance:
    return Utterance(0, 1000, 9000, showing=SCRIPTED_CALIBRATION.showing)


def paused() -> Utterance:
    """Return one with a second of speech."""
    utterance = new_utterance()
    utterance.settle(25_000, 31_400)
    return utterance


def decoded(utterance: Utterance) -> Utterance:
    assert utterance.end is not None
    silence = np.zeros(1, np.float32)
    request = DecodeRequest(
        utterance=0, samples=silence, end_sample=utterance.end, is_required=True
    )
    utterance.final.ask(request)
    utterance.final.receive(request, Hypothesis("Hello.", ()))
    return utterance


def test_an_open_utterance_needs_nothing_yet() -> None:
    utterance = new_utterance()

    assert not utterance.needs_decode
    assert not utterance.has_ended
    assert utterance.voice.state is VoiceState.SHORT


def test_a_paused_one_needs_a_decode_once() -> None:
    utterance = paused()

    assert utterance.needs_decode
    assert not decoded(utterance).needs_decode


def test_speech_that_resumes_voids_the_decode() -> None:
    utterance = decoded(paused())

    utterance.resume()

    assert (utterance.speech_end, utterance.end) == (None, None)
    assert (utterance.final.request, utterance.final.hypothesis) == (None, None)
    assert not utterance.needs_decode


@pytest.mark.parametrize(("more", "is_kept"), [(0, True), (512, False)])
def test_only_a_decode_of_the_same_audio_is_kept(more: int, is_kept: bool) -> None:
    utterance = decoded(paused())

    utterance.settle(25_000, 31_400 + more)

    assert (utterance.final.hypothesis is not None) == is_kept
    assert utterance.needs_decode != is_kept


def test_its_voice_is_that_of_its_speech() -> None:
    utterance = new_utterance()
    utterance.grow(9000 + 19_200)
    grown = utterance.voice.wanted_samples
    utterance.settle(9000 + 8000, 9000 + 12_000)

    assert (grown, utterance.voice.wanted_samples) == (19_200, 8000)


def test_it_has_ended_once_it_is_clear_where() -> None:
    utterance = paused()

    utterance.close(40_000)

    assert utterance.has_ended
    assert utterance.decided_at == 40_000


@pytest.mark.parametrize(
    ("text", "state"), [("Hello.", VoiceState.WANTED), ("", VoiceState.NOBODYS)]
)
def test_without_text_its_voice_is_nobodys(text: str, state: VoiceState) -> None:
    utterance = decoded(paused())

    utterance.accept(Hypothesis(text, ()))

    assert utterance.final.is_accepted
    assert utterance.voice.state is state


def test_a_text_is_shown_once() -> None:
    utterance = new_utterance()
    words = [DecodedWord("Hello", 0.9)]

    first, again = (utterance.show(words, end, is_settled=True) for end in (20_000, 21_000))

    assert first is not None
    assert first.text == "Hello"
    assert again is None
    assert (utterance.has_shown, utterance.shown_end) == (True, 20_000)

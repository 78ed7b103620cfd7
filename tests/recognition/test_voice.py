from __future__ import annotations

import weakref

import numpy as np
import pytest

from scribewire.recognition.requests import EmbeddingRequest
from scribewire.recognition.speakers import (
    FIRST_VOICE_SAMPLES,
    MAX_VOICE_SAMPLES,
    MIN_VOICE_SAMPLES,
)
from scribewire.recognition.voice import Voice, VoiceState

FIRST, MAX, MIN = FIRST_VOICE_SAMPLES, MAX_VOICE_SAMPLES, MIN_VOICE_SAMPLES
VECTOR = np.ones(1, np.float32)


def asked(voice: Voice) -> EmbeddingRequest:
    request = EmbeddingRequest(utterance=0, samples=np.zeros(voice.wanted_samples, np.float32))
    voice.ask(request)
    return request


def settled(length: int) -> Voice:
    voice = Voice()
    voice.settle(length)
    return voice


def known(voice: Voice) -> Voice:
    voice.receive(asked(voice), VECTOR)
    return voice


WANTED = [
    # samples of speech, whether the first of them did not tell, samples that are embedded
    (MIN - 1, False, 0),
    (MIN, False, MIN),
    (FIRST + 1, False, FIRST),
    (FIRST + 1, True, FIRST + 1),
    (MAX + 1, True, MAX),
]


@pytest.mark.parametrize(("length", "is_unclear", "expected"), WANTED)
def test_as_much_of_a_voice_is_embedded_as_decides(
    length: int, is_unclear: bool, expected: int
) -> None:
    voice = settled(length)
    if is_unclear:
        voice.doubt()

    assert voice.wanted_samples == expected
    assert voice.state is (VoiceState.WANTED if expected else VoiceState.SHORT)
    assert voice.is_awaited == (expected > 0)


def test_the_states_of_a_voice_in_their_order() -> None:
    voice = Voice()
    states = [voice.state]
    voice.grow(FIRST)
    states.append(voice.state)
    request = asked(voice)
    states.append(voice.state)
    voice.receive(request, VECTOR)
    states.append(voice.state)
    voice.doubt()
    states.append(voice.state)  # no more speech is there yet
    voice.grow(MAX)
    states.append(voice.state)

    assert states == [
        VoiceState.SHORT,
        VoiceState.WANTED,
        VoiceState.ASKED,
        VoiceState.KNOWN,
        VoiceState.KNOWN,
        VoiceState.WANTED,
    ]


def test_while_speech_goes_on_nothing_less_than_decides_is_wanted() -> None:
    before, now = Voice(), Voice()
    before.grow(FIRST - 1)
    now.grow(FIRST)

    assert (before.wanted_samples, now.wanted_samples) == (0, FIRST)


def test_a_pause_that_was_none_takes_back_what_it_wanted() -> None:
    voice = settled(MIN)

    voice.resume()

    assert voice.state is VoiceState.SHORT


def test_a_voice_that_was_embedded_early_is_not_asked_for_again_at_the_pause() -> None:
    voice = Voice()
    voice.grow(FIRST)
    known(voice)

    voice.settle(2 * FIRST)

    assert voice.state is VoiceState.KNOWN
    assert voice.decides(has_ended=False)


def test_a_shorter_piece_decides_nothing_before_the_end() -> None:
    voice = known(settled(FIRST - 1))

    assert not voice.decides(has_ended=False)
    assert voice.decides(has_ended=True)


def test_the_voice_of_an_earlier_pause_decides_nothing_at_the_end() -> None:
    voice = known(settled(FIRST - 512))

    voice.settle(FIRST - 1)

    assert not voice.decides(has_ended=True)


def test_an_answer_that_is_out_of_date_is_not_taken() -> None:
    voice = settled(MIN)
    late = asked(voice)
    voice.settle(FIRST)
    asked(voice)

    voice.receive(late, VECTOR)

    assert voice.vector is None


def test_an_unclear_voice_is_asked_for_again_when_there_is_more_of_it() -> None:
    long, short = (known(settled(FIRST + more)) for more in (1, 0))
    long.doubt()
    short.doubt()

    assert (long.state, short.state) == (VoiceState.WANTED, VoiceState.KNOWN)


def test_nobody_is_asked_who_said_nothing() -> None:
    voice = settled(FIRST)

    voice.name_nobody()

    assert voice.state is VoiceState.NOBODYS
    assert not voice.is_awaited


def test_an_answer_lets_go_of_the_audio_that_was_asked_about() -> None:
    voice = settled(FIRST)
    request = asked(voice)
    audio = weakref.ref(request.samples)

    voice.receive(request, VECTOR)
    del request

    assert audio() is None
    assert (voice.state, voice.asked_samples) == (VoiceState.KNOWN, FIRST)

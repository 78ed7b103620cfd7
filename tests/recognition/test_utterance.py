from __future__ import annotations

import numpy as np
import pytest

from scribewire.recognition.requests import DecodeRequest, EmbeddingRequest, Hypothesis
from scribewire.recognition.speakers import (
    FIRST_VOICE_SAMPLES,
    MAX_VOICE_SAMPLES,
    MIN_VOICE_SAMPLES,
)
from scribewire.recognition.utterance import Utterance
from scribewire.testing.scripted import SCRIPTED_CALIBRATION

SILENCE = np.zeros(1, np.float32)


def new_utterance() -> Utterance:
    return Utterance(0, 1000, 9000, showing=SCRIPTED_CALIBRATION.showing)


def spoken(length: int) -> Utterance:
    """Return a paused utterance with so much speech."""
    utterance = new_utterance()
    utterance.settle(9000 + length, 9000 + length + 6400)
    return utterance


def decoded(utterance: Utterance) -> Utterance:
    assert utterance.end is not None
    utterance.final_request = DecodeRequest(
        utterance=0, samples=SILENCE, end_sample=utterance.end, is_required=True
    )
    utterance.hypothesis = Hypothesis("Hello.", ())
    return utterance


def embedded(utterance: Utterance) -> Utterance:
    samples = np.zeros(utterance.voice_samples, np.float32)
    utterance.voice_request = EmbeddingRequest(utterance=0, samples=samples)
    utterance.voice = np.ones(1, np.float32)
    return utterance


def test_an_open_utterance_needs_nothing_yet() -> None:
    utterance = new_utterance()

    assert not utterance.needs_decode
    assert not utterance.needs_embedding
    assert not utterance.needs_voice


def test_a_paused_one_needs_a_decode_once() -> None:
    utterance = spoken(16_000)

    assert utterance.needs_decode
    assert not decoded(utterance).needs_decode


def test_other_audio_is_tried_with_its_context_again() -> None:
    resumed, cut = decoded(spoken(16_000)), decoded(spoken(16_000))
    resumed.decode_alone()
    cut.decode_alone()

    resumed.resume()
    cut.settle(20_000, 20_000)

    assert (resumed.is_decoded_alone, cut.is_decoded_alone) == (False, False)


def test_speech_that_resumes_voids_the_decode() -> None:
    utterance = decoded(spoken(16_000))

    utterance.resume()

    assert (utterance.final_request, utterance.hypothesis) == (None, None)
    assert not utterance.needs_decode


@pytest.mark.parametrize(("more", "is_kept"), [(0, True), (512, False)])
def test_only_a_decode_of_the_same_audio_is_kept(more: int, is_kept: bool) -> None:
    utterance = decoded(spoken(16_000))
    assert utterance.end is not None

    utterance.settle(25_000, utterance.end + more)

    assert (utterance.hypothesis is not None) == is_kept
    assert utterance.needs_decode != is_kept


def test_a_decode_that_lost_its_thread_is_asked_for_again() -> None:
    utterance = decoded(spoken(16_000))

    utterance.decode_alone()

    assert utterance.is_decoded_alone
    assert utterance.needs_decode


VOICES = [
    # samples of speech, whether the first of them did not tell, samples that are embedded
    (MIN_VOICE_SAMPLES - 1, False, 0),
    (MIN_VOICE_SAMPLES, False, MIN_VOICE_SAMPLES),
    (FIRST_VOICE_SAMPLES + 1, False, FIRST_VOICE_SAMPLES),
    (FIRST_VOICE_SAMPLES + 1, True, FIRST_VOICE_SAMPLES + 1),
    (MAX_VOICE_SAMPLES + 1, True, MAX_VOICE_SAMPLES),
]


@pytest.mark.parametrize(("length", "is_unclear", "expected"), VOICES)
def test_as_much_of_a_voice_is_embedded_as_decides(
    length: int, is_unclear: bool, expected: int
) -> None:
    utterance = spoken(length)
    utterance.is_voice_unclear = is_unclear

    assert utterance.voice_samples == expected
    assert utterance.needs_embedding == utterance.needs_voice == (expected > 0)


def test_a_known_voice_is_not_asked_for_again() -> None:
    utterance = embedded(spoken(FIRST_VOICE_SAMPLES + 1))

    assert not utterance.needs_embedding
    assert not utterance.needs_voice


def test_a_voice_is_embedded_as_soon_as_there_is_enough_of_it() -> None:
    before, now = new_utterance(), new_utterance()
    before.speech_heard = 9000 + FIRST_VOICE_SAMPLES - 1
    now.speech_heard = 9000 + FIRST_VOICE_SAMPLES

    assert (before.voice_samples, now.voice_samples) == (0, FIRST_VOICE_SAMPLES)
    assert (before.needs_embedding, now.needs_embedding) == (False, True)


def test_a_voice_that_was_embedded_early_is_not_asked_for_again_at_the_pause() -> None:
    utterance = new_utterance()
    utterance.speech_heard = 9000 + FIRST_VOICE_SAMPLES
    embedded(utterance)

    utterance.settle(9000 + 2 * FIRST_VOICE_SAMPLES, 9000 + 3 * FIRST_VOICE_SAMPLES)

    assert not utterance.needs_embedding
    assert utterance.is_first_voice_known


def test_a_shorter_piece_decides_nothing_before_the_end() -> None:
    paused, over = (embedded(spoken(FIRST_VOICE_SAMPLES - 1)) for _ in range(2))
    over.decided_at = 0

    assert (paused.is_first_voice_known, over.is_first_voice_known) == (False, True)


def test_the_voice_of_an_earlier_pause_decides_nothing_at_the_end() -> None:
    utterance = embedded(spoken(FIRST_VOICE_SAMPLES - 512))
    utterance.settle(9000 + FIRST_VOICE_SAMPLES - 1, 9000 + FIRST_VOICE_SAMPLES)
    utterance.decided_at = 0

    assert not utterance.is_first_voice_known


def test_nobody_is_asked_who_said_nothing() -> None:
    utterance = decoded(spoken(FIRST_VOICE_SAMPLES))
    utterance.hypothesis = Hypothesis("", ())
    utterance.decided_at, utterance.is_accepted = 0, True

    assert not utterance.needs_embedding
    assert not utterance.needs_voice


def test_an_unclear_voice_is_asked_for_again_when_there_is_more_of_it() -> None:
    long, short = (embedded(spoken(FIRST_VOICE_SAMPLES + more)) for more in (1, 0))
    long.is_voice_unclear = short.is_voice_unclear = True

    assert long.needs_embedding
    assert not short.needs_embedding

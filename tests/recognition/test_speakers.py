from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.checkpoint import KnownSpeakers
from scribewire.recognition.speakers import (
    MAX_UNKNOWN,
    SpeakerRules,
    SpeakerTracker,
    expected_cosine,
)
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Vector

DIMENSIONS = 64


def axis(number: int) -> Vector:
    return np.asarray(np.eye(DIMENSIONS)[number], np.float32)


def near(voice: Vector, cosine: float, other: int = -1) -> Vector:
    """Return a voice at that cosine from `voice`, off towards an axis of its own."""
    away = axis(other)
    return np.asarray(voice * cosine + away * np.sqrt(1 - cosine**2), np.float32)


ANN, BOB, CAT = axis(0), axis(1), axis(2)
NOBODY = np.zeros(DIMENSIONS, np.float32)

# Each stretch of speech: whose it is, its seconds, and the speaker who should be told.
CASES = [
    ("speakers are numbered as they appear", [(BOB, 3, 1), (ANN, 3, 2), (BOB, 3, 1), (CAT, 3, 3)]),
    ("too little speech is nobody", [(NOBODY, 0.3, None)]),
    ("the first speaker needs less speech", [(ANN, 0.8, 1)]),
    ("but not too little", [(ANN, 0.5, None)]),
    ("a short stretch is recognized", [(ANN, 3, 1), (BOB, 3, 2), (near(ANN, 0.4), 0.5, 1)]),
    ("a short stretch makes nobody new", [(ANN, 3, 1), (near(ANN, 0.1), 0.9, None)]),
    ("unless it resembles nobody at all", [(ANN, 3, 1), (BOB, 0.9, 2)]),
    ("a long one does", [(ANN, 3, 1), (near(ANN, 0.1), 1.5, 2)]),
    ("what lies in between is not told", [(ANN, 3, 1), (near(ANN, 0.3), 3, None)]),
    ("nor what lies between two", [(ANN, 3, 1), (BOB, 3, 2), (near(ANN, 0.7, 1), 3, None)]),
    (
        "what could not be told is told once it comes again",
        [(ANN, 3, 1), (near(ANN, 0.1), 0.9, None), (near(ANN, 0.1), 0.9, 2)],
    ),
]


@pytest.mark.parametrize(("speech", "_"), [(c[1], 0) for c in CASES], ids=[c[0] for c in CASES])
def test_speakers_of_a_stream(speech: list[tuple[Vector, float, int | None]], _: int) -> None:
    tracker = SpeakerTracker()

    told = [tracker.identify(voice, int(seconds * SAMPLE_RATE)) for voice, seconds, _ in speech]

    assert told == [number for _, _, number in speech]


@pytest.mark.parametrize(("speech", "_"), [(c[1], 0) for c in CASES], ids=[c[0] for c in CASES])
def test_another_tracker_goes_on_at_any_time(
    speech: list[tuple[Vector, float, int | None]], _: int
) -> None:
    tracker, told = SpeakerTracker(), []

    for voice, seconds, _number in speech:
        tracker = SpeakerTracker(known=tracker.known)
        told.append(tracker.identify(voice, int(seconds * SAMPLE_RATE)))

    assert told == [number for _, _, number in speech]


def test_numbers_go_on_behind_those_of_whom_nothing_is_known() -> None:
    tracker = SpeakerTracker(known=KnownSpeakers(earlier=4))

    told = [tracker.identify(voice, 3 * SAMPLE_RATE) for voice in (ANN, BOB, ANN)]

    assert told == [5, 6, 5]
    assert tracker.known.earlier == 4


def test_a_speaker_is_learned_from_more_than_the_first_stretch() -> None:
    tracker = SpeakerTracker()
    drifted = near(ANN, 0.25)
    alone = tracker.identify(ANN, 2 * SAMPLE_RATE)

    for cosine in (0.8, 0.6, 0.5):
        assert tracker.identify(near(ANN, cosine), 3 * SAMPLE_RATE) == 1

    assert alone == 1
    assert tracker.identify(drifted, 3 * SAMPLE_RATE) == 1


def test_there_are_no_more_speakers_than_the_rules_allow() -> None:
    tracker = SpeakerTracker(SpeakerRules(max_speakers=2))

    told = [tracker.identify(axis(n), 3 * SAMPLE_RATE) for n in (0, 1, 2, 3, 0)]

    assert told == [1, 2, None, None, 1]


@pytest.mark.parametrize(
    ("voice", "is_clear"),
    [(ANN, True), (near(ANN, 0.3), False), (near(ANN, 0.7, 1), False), (CAT, False)],
)
def test_it_is_clear_who_resembles_one_well_known_speaker_alone(
    voice: Vector, is_clear: bool
) -> None:
    tracker = SpeakerTracker()
    assert not tracker.is_clear(ANN, SAMPLE_RATE)
    tracker.identify(ANN, 3 * SAMPLE_RATE)
    tracker.identify(BOB, 3 * SAMPLE_RATE)

    assert tracker.is_clear(voice, SAMPLE_RATE * 3 // 2) is is_clear


def test_it_is_not_clear_while_little_is_known_of_the_speaker() -> None:
    tracker = SpeakerTracker()
    tracker.identify(ANN, 2 * SAMPLE_RATE)

    assert not tracker.is_clear(ANN, 2 * SAMPLE_RATE)


def test_strangers_are_forgotten() -> None:
    tracker = SpeakerTracker()
    tracker.identify(ANN, 3 * SAMPLE_RATE)
    stranger = near(ANN, 0.1, 1)
    for number in range(1, MAX_UNKNOWN + 2):
        assert tracker.identify(near(ANN, 0.1, number), SAMPLE_RATE * 9 // 10) is None

    assert tracker.identify(stranger, SAMPLE_RATE * 9 // 10) is None


@pytest.mark.parametrize(
    ("seconds", "other", "median"), [(1.5, 1.5, 0.49), (3, 3, 0.62), (6, 6, 0.73), (1, 30, 0.66)]
)
def test_the_expected_cosine_is_what_was_measured(
    seconds: float, other: float, median: float
) -> None:
    assert expected_cosine(seconds, other) == pytest.approx(median, abs=0.08)


@given(
    voices=st.lists(st.integers(0, 2**32 - 1), max_size=30),
    seconds=st.floats(0.4, 20),
)
def test_numbers_rise_by_one_with_every_new_speaker(voices: list[int], seconds: float) -> None:
    tracker = SpeakerTracker()
    highest = 0
    for seed in voices:
        vector = np.random.default_rng(seed % 7).normal(size=DIMENSIONS).astype(np.float32)
        number = tracker.identify(vector / np.linalg.norm(vector), int(seconds * SAMPLE_RATE))
        assert number is None or 1 <= number <= highest + 1
        highest = max(highest, number or 0)

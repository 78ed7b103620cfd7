from __future__ import annotations

import pytest

from scribewire.recognition.judge import Voicing
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.recognition.speech_track import SpeechTrack
from scribewire.types import Span


def follow(picture: str) -> SpeechTrack:
    track = SpeechTrack()
    for mark in picture:
        track.accept_frame(mark == "S", probability=0.9 if mark == "S" else 0.1)
    return track


def frames(start: float, end: float) -> Span:
    return Span(int(start * FRAME_SAMPLES), int(end * FRAME_SAMPLES))


EVERYTHING = (0, 100)


@pytest.mark.parametrize(
    ("picture", "asked", "expected"),
    [
        ("......", EVERYTHING, []),
        ("..SS..S", EVERYTHING, [(2, 4), (6, 7)]),
        ("SSSS", EVERYTHING, [(0, 4)]),
        ("..SSSS..", (3, 5), [(3, 5)]),
        ("SS..SS..SS", (1, 9), [(1, 2), (4, 6), (8, 9)]),
        ("SS..SS..SS", (2, 4), []),
        ("..SSSS..", (2.5, 2.75), [(2.5, 2.75)]),
    ],
)
def test_speech_is_told_within_what_is_asked(
    picture: str, asked: tuple[float, float], expected: list[tuple[float, float]]
) -> None:
    asked_for = frames(*asked)

    found = follow(picture).between(asked_for.start, asked_for.end)

    assert found == tuple(frames(*interval) for interval in expected)


def test_what_is_discarded_is_forgotten_and_the_rest_kept_whole() -> None:
    track = follow("SS..SS..SS")

    track.discard_before(5 * FRAME_SAMPLES)

    assert track.between(0, 100 * FRAME_SAMPLES) == (frames(4, 6), frames(8, 10))


def test_speech_goes_on_after_a_discard() -> None:
    track = follow("SS")
    track.discard_before(2 * FRAME_SAMPLES)

    track.accept_frame(is_speech=True, probability=0.9)

    assert track.between(0, 100 * FRAME_SAMPLES) == (frames(2, 3),)


def test_voicing_is_told_from_the_first_sure_frame_to_the_last() -> None:
    track = SpeechTrack()
    for probability in (0.1, 0.6, 0.4, 0.8, 0.2, 0.9):
        track.accept_frame(probability >= 0.5, probability=probability)

    assert track.voicing(0, 5 * FRAME_SAMPLES) == Voicing(mean=(0.6 + 0.4 + 0.8) / 3, seconds=0.064)
    assert track.voicing(4 * FRAME_SAMPLES, 6 * FRAME_SAMPLES) == Voicing(mean=0.9, seconds=0.032)
    assert track.voicing(0, FRAME_SAMPLES) == Voicing(mean=0.0, seconds=0.0)


def test_voicing_forgets_what_was_discarded() -> None:
    track = follow("SSSS....SSSS")
    track.discard_before(6 * FRAME_SAMPLES)

    assert track.voicing(0, 6 * FRAME_SAMPLES) == Voicing(mean=0.0, seconds=0.0)
    assert track.voicing(6 * FRAME_SAMPLES, 12 * FRAME_SAMPLES).mean == pytest.approx(0.9)


def test_a_long_pause_does_not_count_against_the_voice() -> None:
    short, long = follow("SS" + "." * 20 + "SS"), follow("SS" + "." * 40 + "SS")

    assert short.voicing(0, 100 * FRAME_SAMPLES).mean < 0.5
    assert long.voicing(0, 100 * FRAME_SAMPLES).mean == pytest.approx(0.9)

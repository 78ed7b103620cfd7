from __future__ import annotations

import numpy as np
import pytest

from scribewire.capacity.utterances import SpokenUtterance, find_utterances, place_utterances
from scribewire.recognition.endpointer import EndpointRules
from scribewire.testing.scripted import ScriptedVad, draw_speech

RULES = EndpointRules(
    min_speech=2,
    settle_silence=2,
    end_silence=3,
    late_settle_silence=2,
    late_silence=2,
    max_utterance=20,
)
F = 32  # ms of a frame


def utterance(start: int, end: int, settled: int, *, is_cut: bool = False) -> SpokenUtterance:
    return SpokenUtterance(
        start_ms=start * F, end_ms=end * F, settled_ms=settled * F, is_cut=is_cut
    )


CASES = [
    # stream, where utterances start, end and settle, in frames
    ("......", []),
    ("..a....", []),  # a click
    ("..aaa....", [utterance(2, 5, 8)]),
    ("aaa..aa...", [utterance(0, 7, 10)]),  # a short pause is inside
    (".aa....aa...", [utterance(1, 3, 6), utterance(7, 9, 12)]),
    ("..aaa", [utterance(2, 5, 5)]),  # the end of the stream settles it
]


@pytest.mark.parametrize(("picture", "expected"), CASES)
def test_utterances_lie_where_they_are_drawn(picture: str, expected: list[SpokenUtterance]) -> None:
    assert list(find_utterances(draw_speech(picture), ScriptedVad(), RULES)) == expected


def test_one_that_is_too_long_is_cut_and_the_next_begins_there() -> None:
    first, second = place_utterances([0.9] * 25 + [0.1] * 3, RULES)

    assert first.is_cut
    assert first.settled_ms == 20 * F
    assert not second.is_cut
    assert second.start_ms == first.end_ms
    assert second.end_ms == 25 * F


def test_a_recording_shorter_than_a_frame_holds_none() -> None:
    assert find_utterances(np.ones(100, np.float32), ScriptedVad(), RULES) == ()

from __future__ import annotations

import pytest

from scribewire.recognition.endpointer import (
    EndpointRules,
    UtteranceCut,
    UtteranceEnded,
    UtterancePaused,
    UtteranceStarted,
)
from scribewire.recognition.requests import FRAME_SAMPLES, Turn, TurnResult
from scribewire.recognition.segmenter import Segmenter
from scribewire.recognition.turns import SpeakerChanged

RULES = EndpointRules(
    min_speech=2,
    settle_silence=3,
    end_silence=6,
    late_settle_silence=3,
    late_silence=6,
    max_utterance=400,
)
Started, Paused, Ended = UtteranceStarted, UtterancePaused, UtteranceEnded
F = FRAME_SAMPLES


def segment(picture: str, rules: EndpointRules = RULES, *, is_watched: bool = True) -> list[object]:
    """Return the boundaries of a picture: a letter is a voice, `.` is silence."""
    segmenter = Segmenter(rules, has_speakers=is_watched)
    found: list[object] = []
    for letter in picture:
        segmenter.receive_frame(0.1 if letter == "." else 0.9)
        found += settle(segmenter, picture)
    segmenter.receive_end()
    found += settle(segmenter, picture)
    return found


def settle(segmenter: Segmenter, picture: str) -> list[object]:
    found: list[object] = []
    while True:
        while (boundary := segmenter.next_boundary()) is not None:
            found.append(boundary)
        window = segmenter.awaited_window
        if window is None:
            return found
        turns = [
            Turn(
                voice=ord(letter),
                start=max(0, at * F - window.start),
                end=at * F + F - window.start,
            )
            for at, letter in enumerate(picture)
            if letter != "." and window.start < at * F + F <= window.end
        ]
        segmenter.receive_turns(TurnResult(tuple(turns)))


def test_one_speaker_is_cut_by_silence_alone() -> None:
    picture = ".." + "a" * 60 + "......"

    assert segment(picture) == [Started(2), Paused(62), Ended(62)]


def test_a_change_takes_back_the_pause_that_found_it() -> None:
    picture = ".." + "a" * 30 + "." + "b" * 30 + "......"

    assert segment(picture) == [
        Started(2),
        Paused(63),
        SpeakerChanged(32 * F, 33 * F),
        Paused(63),
        Ended(63),
    ]


def test_a_change_is_found_while_the_speech_goes_on() -> None:
    segmenter = Segmenter(RULES, has_speakers=True)
    picture = "a" * 40 + "b" * 130
    found: list[object] = []
    for letter in picture:
        segmenter.receive_frame(0.1 if letter == "." else 0.9)
        found += settle(segmenter, picture)

    assert found == [Started(0), SpeakerChanged(40 * F, 40 * F)]
    assert segmenter.is_speaking


def test_three_speakers_in_one_window_are_two_changes() -> None:
    picture = "a" * 25 + "b" * 25 + "c" * 25 + "......"

    changes = [b for b in segment(picture) if isinstance(b, SpeakerChanged)]

    assert changes == [SpeakerChanged(25 * F, 25 * F), SpeakerChanged(50 * F, 50 * F)]


def test_without_a_watcher_nobody_changes() -> None:
    picture = "a" * 30 + "b" * 30 + "......"

    assert segment(picture, is_watched=False) == [Started(0), Paused(60), Ended(60)]


def test_a_change_is_found_at_the_end_of_the_stream() -> None:
    assert segment("a" * 30 + "b" * 30) == [
        Started(0),
        SpeakerChanged(30 * F, 30 * F),
        Ended(60),
    ]


def test_a_cut_is_looked_at_as_an_end_is() -> None:
    rules = EndpointRules(
        min_speech=2,
        settle_silence=3,
        end_silence=6,
        late_settle_silence=3,
        late_silence=6,
        max_utterance=90,
    )

    found = segment("a" * 30 + "b" * 45 + "." + "b" * 19, rules)

    assert found[:2] == [Started(0), SpeakerChanged(30 * F, 30 * F)]
    assert isinstance(found[2], UtteranceCut)


def test_no_frame_is_judged_while_an_answer_is_awaited() -> None:
    segmenter = Segmenter(RULES, has_speakers=True)
    for _ in range(200):
        segmenter.receive_frame(0.9)
    while segmenter.next_boundary() is not None:
        pass

    window = segmenter.awaited_window
    assert window is not None
    assert segmenter.judged_frames * F == window.end
    assert not segmenter.is_idle


@pytest.mark.parametrize("is_watched", [True, False])
def test_an_empty_stream_has_no_boundaries(is_watched: bool) -> None:
    assert segment("", is_watched=is_watched) == []


def test_an_utterance_ends_where_the_stream_breaks_off() -> None:
    segmenter = Segmenter(RULES)
    segmenter.receive_break(5)
    found: list[object] = []
    for _ in range(9):
        assert segmenter.frames_to_break in {5 - segmenter.judged_frames, None}
        segmenter.receive_frame(0.9)
        found += settle(segmenter, "")

    assert found == [Started(0), Ended(5), Started(5)]


def test_a_break_in_silence_changes_nothing() -> None:
    segmenter = Segmenter(RULES)
    segmenter.receive_frame(0.1)
    segmenter.receive_break(1)
    segmenter.receive_break(1)

    assert segmenter.next_boundary() is None
    assert segmenter.frames_to_break is None
    assert segmenter.is_idle

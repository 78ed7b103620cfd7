from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.endpointer import (
    Boundary,
    Endpointer,
    EndpointRules,
    UtteranceCut,
    UtteranceEnded,
    UtterancePaused,
    UtteranceResumed,
    UtteranceStarted,
    least_voiced_frame,
)

RULES = EndpointRules(
    min_speech=2,
    settle_silence=2,
    end_silence=4,
    late_settle_silence=1,
    late_silence=3,
    max_utterance=12,
)
PROBABILITY = {"S": 0.9, "s": 0.6, ".": 0.1, "~": 0.4}

Started, Paused, Resumed = UtteranceStarted, UtterancePaused, UtteranceResumed
Ended, Cut = UtteranceEnded, UtteranceCut

CASES: list[tuple[str, str, list[Boundary]]] = [
    # S is a sure frame of speech, s a less sure one, . silence, ~ neither
    ("silence only", "........", []),
    ("a click is not speech", "..S.....", []),
    ("one utterance", "..SSSS....", [Started(2), Paused(6), Ended(6)]),
    ("speech from the first frame", "SSS....", [Started(0), Paused(3), Ended(3)]),
    ("a gap too short to settle", "SSS.SSS....", [Started(0), Paused(7), Ended(7)]),
    (
        "a pause that was none",
        "SS..S....",
        [Started(0), Paused(2), Resumed(4), Paused(5), Ended(5)],
    ),
    ("doubt keeps what was: speech", "SSS~~~....", [Started(0), Paused(6), Ended(6)]),
    ("doubt keeps what was: silence", "..~~~~..", []),
    (
        "two utterances",
        "SS....SS....",
        [Started(0), Paused(2), Ended(2), Started(6), Paused(8), Ended(8)],
    ),
]


def boundaries(picture: str, rules: EndpointRules = RULES) -> list[Boundary]:
    endpointer = Endpointer(rules)
    found = [endpointer.accept_frame(PROBABILITY[frame]) for frame in picture]
    return [boundary for boundary in found if boundary is not None]


@pytest.mark.parametrize(("name", "picture", "expected"), CASES, ids=[c[0] for c in CASES])
def test_boundaries(name: str, picture: str, expected: list[Boundary]) -> None:
    assert boundaries(picture) == expected, name


def test_a_long_utterance_is_cut_where_its_second_half_has_the_least_speech() -> None:
    assert boundaries("SSsSSSSSSSsSSS") == [Started(0), Cut(10)]


def test_a_dip_early_in_a_long_utterance_is_left_alone() -> None:
    assert boundaries("SSS.SSSSSsSS") == [Started(0), Cut(9)]


def test_a_late_pause_ends_a_long_utterance_sooner() -> None:
    assert boundaries("SSS...SS") == [Started(0), Paused(3), Resumed(6)]
    assert boundaries("SSSSSSSS...S") == [Started(0), Paused(8), Ended(8)]


def test_a_cut_in_the_silence_at_the_end_is_an_end() -> None:
    assert boundaries("SSSSSSSSSS..SSS") == [Started(0), Paused(10), Ended(10), Started(12)]


def test_an_utterance_cut_twice_is_cut_in_each_of_its_parts() -> None:
    cuts = [b for b in boundaries("S" * 40) if isinstance(b, Cut)]

    assert [b.frame for b in cuts] == sorted({b.frame for b in cuts})
    assert len(cuts) >= 3


def test_the_end_of_the_stream_closes_the_open_utterance_where_speech_ended() -> None:
    endpointer = Endpointer(RULES)
    for frame in "..SSSS.":
        endpointer.accept_frame(PROBABILITY[frame])

    assert endpointer.receive_end() == Ended(6)
    assert endpointer.receive_end() is None


def test_is_speaking_is_true_only_while_speech_is_judged_in_an_open_utterance() -> None:
    endpointer = Endpointer(RULES)
    spoken = []
    for frame in ".SSS..S....":
        endpointer.accept_frame(PROBABILITY[frame])
        spoken.append(endpointer.is_speaking)

    assert "".join("y" if s else "n" for s in spoken) == "nnyynnynnnn"


@given(st.text(alphabet="Ss.~", max_size=200))
def test_nothing_falls_sooner_than_is_said(picture: str) -> None:
    endpointer = Endpointer(RULES)
    earliest = 0
    for at, frame in enumerate(picture, start=1):
        boundary = endpointer.accept_frame(PROBABILITY[frame])
        if isinstance(boundary, UtterancePaused | UtteranceEnded | UtteranceCut):
            assert at >= earliest
        wait = endpointer.frames_to_boundary
        earliest = max(earliest, 0 if wait is None else at + wait)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [("....", None), ("SS", 2), ("SS.", 1), ("SS..", 2), ("SSSSSS", 2), ("S" * 10, 1)],
)
def test_how_many_frames_are_waited_for(picture: str, expected: int | None) -> None:
    endpointer = Endpointer(RULES)
    for frame in picture:
        endpointer.accept_frame(PROBABILITY[frame])

    assert endpointer.frames_to_boundary == expected


@given(st.text(alphabet="Ss.~", max_size=200))
def test_utterances_alternate_and_never_run_backwards(picture: str) -> None:
    is_open = False
    latest = 0
    for boundary in boundaries(picture):
        match boundary:
            case UtteranceStarted():
                assert not is_open
                is_open = True
            case UtteranceEnded():
                assert is_open
                is_open = False
            case _:
                assert is_open
        if not isinstance(boundary, UtterancePaused | UtteranceResumed):
            assert boundary.frame >= latest
            latest = boundary.frame


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.9, 0.9, 0.2, 0.9, 0.9], 2),
        ([0.9, 0.1, 0.9, 0.9, 0.9, 0.9, 0.3, 0.3, 0.3, 0.9], 7),  # a gap, no dip
        ([0.7], 0),
    ],
)
def test_least_voiced_frame(probabilities: list[float], expected: int) -> None:
    assert least_voiced_frame(probabilities) == expected


def test_an_utterance_that_was_split_is_cut_by_the_length_of_what_is_left() -> None:
    endpointer = Endpointer(
        EndpointRules(
            min_speech=1,
            settle_silence=2,
            end_silence=3,
            late_settle_silence=2,
            late_silence=3,
            max_utterance=9,
        )
    )
    found = []
    for frame in range(14):
        found.append(endpointer.accept_frame(0.9 - 0.2 * (frame == 11)))
        if frame == 6:
            endpointer.split(5)
            endpointer.split(2)

    assert [b for b in found if b is not None] == [UtteranceStarted(0), UtteranceCut(11)]


def test_what_has_ended_is_not_split() -> None:
    endpointer = Endpointer(
        EndpointRules(
            min_speech=1,
            settle_silence=1,
            end_silence=1,
            late_settle_silence=1,
            late_silence=1,
            max_utterance=9,
        )
    )
    for probability in (0.9, 0.1):
        endpointer.accept_frame(probability)

    endpointer.split(1)

    assert endpointer.accept_frame(0.9) == UtteranceStarted(2)

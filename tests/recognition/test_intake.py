from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from scribewire.recognition.endpointer import UtteranceEnded, UtterancePaused, UtteranceStarted
from scribewire.recognition.intake import BUSY_HOP_FRAMES, IDLE_HOP_FRAMES, MAX_HOP_FRAMES, Intake
from scribewire.recognition.requests import FRAME_SAMPLES, TurnRequest, VadRequest
from scribewire.testing.scripted import ScriptedVad, ScriptedVoices, draw_speech, scripted_rules

RULES = scripted_rules()
SPEAKERS = scripted_rules(speakers=True)


def fed(picture: str) -> Intake:
    intake = Intake(RULES)
    intake.receive_audio(draw_speech(picture))
    return intake


def hop(intake: Intake, *, partial_due: int | None = None) -> int:
    """Return how many frames are asked for, and leave them unanswered."""
    request = intake.next_vad_request(partial_due)
    return 0 if request is None else len(request.frames) // FRAME_SAMPLES


def judge_all(intake: Intake) -> Iterator[object]:
    """Answer everything at once, and give every boundary."""
    vad, voices = ScriptedVad(), ScriptedVoices()
    may_follow = True
    while may_follow:
        vad_request = intake.next_vad_request(None) if intake.may_judge else None
        if vad_request is not None:
            intake.receive_vad(vad_request, vad.measure(vad_request))
        turn_request = intake.next_turn_request(0)
        if turn_request is not None:
            intake.receive_turns(turn_request, voices.find_turns(turn_request))
        while (boundary := intake.next_boundary()) is not None:
            yield boundary
        is_closed = intake.close_if_over()
        may_follow = is_closed or vad_request is not None or turn_request is not None


def test_boundaries_come_out_in_their_order() -> None:
    intake = fed("." * 10 + "hello" + "." * 17)

    assert list(judge_all(intake)) == [
        UtteranceStarted(10),
        UtterancePaused(15),
        UtteranceEnded(15),
    ]
    assert (intake.judged, intake.unjudged_samples) == (32 * FRAME_SAMPLES, 0)


def test_the_end_of_the_stream_ends_an_utterance_and_a_last_frame_that_is_not_whole() -> None:
    intake = Intake(RULES)
    intake.receive_audio(draw_speech("hello")[:-100])
    intake.receive_end()

    assert list(judge_all(intake)) == [UtteranceStarted(0), UtteranceEnded(5)]
    assert intake.is_finished
    assert intake.judged == 5 * FRAME_SAMPLES - 100


def test_a_break_ends_an_utterance() -> None:
    intake = fed("hello")
    intake.receive_break()
    intake.receive_audio(draw_speech("there" + "." * 7))

    found = list(judge_all(intake))

    assert found[:3] == [UtteranceStarted(0), UtteranceEnded(5), UtteranceStarted(5)]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (IDLE_HOP_FRAMES - 1, 0),
        (IDLE_HOP_FRAMES, IDLE_HOP_FRAMES),
        (100, MAX_HOP_FRAMES),
    ],
)
def test_frames_are_judged_in_hops(frames: int, expected: int) -> None:
    assert hop(fed("." * frames)) == expected


@pytest.mark.parametrize(("due", "expected"), [(2, 2), (0, BUSY_HOP_FRAMES), (7, 7), (99, 8)])
def test_a_hop_ends_where_a_partial_is_due(due: int, expected: int) -> None:
    for frames in range(expected):
        assert hop(fed("." * frames), partial_due=due * FRAME_SAMPLES) == 0
    assert hop(fed("." * expected), partial_due=due * FRAME_SAMPLES) == expected


def test_one_hop_is_asked_for_at_a_time() -> None:
    intake = fed("." * 40)
    may_judge = [intake.may_judge]

    request = intake.next_vad_request(None)
    may_judge.append(intake.may_judge)
    assert isinstance(request, VadRequest)
    intake.receive_vad(request, ScriptedVad().measure(request))
    may_judge.append(intake.may_judge)
    assert intake.next_boundary() is None
    may_judge.append(intake.may_judge)

    assert may_judge == [True, False, False, True]


def test_nothing_is_judged_while_it_has_to_be_known_who_speaks() -> None:
    intake = Intake(SPEAKERS)
    intake.receive_audio(draw_speech("a" * 60 + "." * 40))
    vad = ScriptedVad()
    while intake.may_judge and (request := intake.next_vad_request(None)) is not None:
        intake.receive_vad(request, vad.measure(request))
        while intake.next_boundary() is not None:
            pass

    asked = intake.next_turn_request(7)

    assert isinstance(asked, TurnRequest)
    assert (asked.utterance, len(asked.samples)) == (7, 60 * FRAME_SAMPLES)
    assert intake.next_turn_request(7) is None
    assert not intake.may_judge


def test_what_is_discarded_is_given_up() -> None:
    intake = fed("." * 10 + "hello")
    list(judge_all(intake))

    intake.discard_before(audio=5 * FRAME_SAMPLES, speech=15 * FRAME_SAMPLES)

    assert intake.buffer.start == 5 * FRAME_SAMPLES
    assert intake.track.between(0, 20 * FRAME_SAMPLES) == ()
    assert np.array_equal(
        intake.buffer.read(10 * FRAME_SAMPLES, 15 * FRAME_SAMPLES), draw_speech("hello")
    )

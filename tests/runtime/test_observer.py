from __future__ import annotations

import numpy as np
import pytest

from scribewire.events import Final
from scribewire.recognition.requests import (
    DecodeRequest,
    EmbeddingRequest,
    Request,
    StreamRequest,
    TurnRequest,
    VadRequest,
)
from scribewire.runtime.observer import UNOBSERVED, CallKind, CallNote, kind_of, together
from scribewire.testing.observing import RememberingObserver
from scribewire.testing.scripted import ScriptedEngine
from scribewire.wishes import USUAL

NOTHING = np.zeros(0, np.float32)


def decode(*, is_required: bool) -> DecodeRequest:
    return DecodeRequest(utterance=0, samples=NOTHING, end_sample=0, is_required=is_required)


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (VadRequest(NOTHING, None), "vad"),
        (decode(is_required=True), "final"),
        (decode(is_required=False), "partial"),
        (StreamRequest(utterance=0, samples=NOTHING, end_sample=0, state=None), "partial"),
        (EmbeddingRequest(utterance=0, samples=NOTHING), "voice"),
        (TurnRequest(utterance=0, samples=NOTHING), "turns"),
    ],
)
def test_each_request_is_of_one_kind(request_: Request, kind: CallKind) -> None:
    assert kind_of(request_) == kind


def test_where_nobody_listens_everything_may_be_told() -> None:
    session = UNOBSERVED.open_session("an id", USUAL)

    session.note_source_fault("invalid stream")
    session.note_source_loss()
    session.close()
    UNOBSERVED.note_kept()
    UNOBSERVED.note_resumed()
    UNOBSERVED.note_not_resumed("no room")


def test_several_who_listen_are_all_told() -> None:
    observers = RememberingObserver(), RememberingObserver()
    note = CallNote(
        kind="vad",
        speech=ScriptedEngine(),
        waited_s=0.0,
        busy_s=0.1,
        is_ahead=False,
        has_failed=False,
    )
    final = Final(utterance=0, text="a", start_sample=0, end_sample=1, decided_sample=2)

    all_of_them = together(None, UNOBSERVED, *observers)
    session = all_of_them.open_session("an id", USUAL)
    session.note_audio(1.0)
    session.note_partial(0.1)
    session.note_final(final, 0.2)
    session.note_source_loss()
    session.note_source_fault("invalid stream")
    session.close()
    all_of_them.note_call(note)
    all_of_them.note_refusal("not found")
    all_of_them.note_close(1000)
    all_of_them.note_kept()
    all_of_them.note_resumed()
    all_of_them.note_not_resumed("no room")

    of_session = ["opened fast None", "source lost", "source fault: invalid stream", "closed"]
    of_server = ["refused: not found", "close 1000", "kept", "resumed", "not resumed: no room"]
    expected = RememberingObserver(
        audio_s=1.0,
        lags=[0.1],
        latencies=[0.2],
        calls=[note],
        told=[*of_session, *of_server],
    )
    assert observers == (expected, expected)


def test_one_who_listens_is_told_by_nobody_else() -> None:
    observer = RememberingObserver()

    assert together(observer, None) is observer
    assert together(None) is UNOBSERVED

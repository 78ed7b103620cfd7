from __future__ import annotations

import numpy as np
import pytest

from scribewire.recognition.requests import (
    DecodeRequest,
    EmbeddingRequest,
    Request,
    StreamRequest,
    TurnRequest,
    VadRequest,
)
from scribewire.runtime.observer import UNOBSERVED, CallKind, kind_of
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

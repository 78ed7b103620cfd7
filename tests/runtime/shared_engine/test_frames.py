from __future__ import annotations

import io

import numpy as np
import pytest

from scribewire.errors import ServerFault
from scribewire.recognition.requests import VadRequest, VadResult
from scribewire.runtime.parcel import pack
from scribewire.runtime.shared_engine.frames import (
    MAX_BODY_BYTES,
    MAX_WORDS,
    Answered,
    AskedCall,
    Frame,
    FrameKind,
    pack_told,
    pack_words,
    read_frame,
    read_request,
    read_result,
    unpack_answer,
    unpack_ask,
    unpack_told,
)

REQUEST = pack(VadRequest(np.zeros(512, np.float32), None))
RESULT = pack(VadResult((0.5,), b"state"))


def test_messages_come_as_they_went_one_after_the_other() -> None:
    sent = [
        Frame(FrameKind.ASK, 7, b"body"),
        Frame(FrameKind.HELLO, 0, b""),
        Frame(FrameKind.FAULT, 2**40, b"x"),
    ]
    stream = io.BytesIO(b"".join(frame.pack() for frame in sent))

    received = [read_frame(stream.read) for _ in range(4)]

    assert received == [*sent, None]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (Frame(FrameKind.ASK, 1, b"body").pack()[:5], "ended inside a message"),
        (Frame(FrameKind.ASK, 1, b"body").pack()[:-1], "ended inside a message"),
        (b"GET / HTTP/1.1\r\n", "no message of this version"),
        (b"\x04" + bytes(8) + b"\xff\xff\xff\xff", "no message of this version"),
    ],
)
def test_what_is_no_message_is_told(written: bytes, words: str) -> None:
    with pytest.raises(ServerFault, match=words):
        read_frame(io.BytesIO(written).read)


def test_a_call_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(ServerFault, match="an engine process takes up to 16777216"):
        Frame(FrameKind.ASK, 1, bytes(MAX_BODY_BYTES + 1)).pack()
    with pytest.raises(ServerFault, match="a name of more than 255 bytes"):
        AskedCall("x" * 256, b"").pack()


def test_what_is_inside_comes_as_it_went() -> None:
    for call in (
        AskedCall("whisper in größe", REQUEST),
        AskedCall("whisper in größe", REQUEST, is_ahead=True),
        AskedCall("", REQUEST),
    ):
        assert unpack_ask(call.pack()) == call
    answered = Answered(0.25, 0.5, RESULT)
    assert unpack_answer(answered.pack()) == answered
    assert unpack_told(pack_told({"device": None})) == {"device": None}
    assert isinstance(read_request(REQUEST), VadRequest)
    assert read_result(RESULT) == VadResult((0.5,), b"state")


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (unpack_ask, b""),
        (unpack_ask, b"\x00"),
        (unpack_ask, b"\x00\x05four"),
        (unpack_answer, b"short"),
        (unpack_told, b"no JSON"),
        (unpack_told, b"[]"),
        (read_request, RESULT),
        (read_result, REQUEST),
        (read_request, b"no parcel"),
    ],
)
def test_what_cannot_be_read_is_a_fault(read: object, body: bytes) -> None:
    assert callable(read)
    with pytest.raises(ServerFault):
        read(body)


def test_a_fault_is_told_in_words_of_some_length() -> None:
    ours = unpack_told(pack_words(ServerFault("the engine is closed")))
    other = unpack_told(pack_words(ValueError("x" * 10_000)))

    assert ours == {"words": "the engine is closed"}
    assert str(other["words"]).startswith("ValueError: xxx")
    assert len(str(other["words"])) == MAX_WORDS

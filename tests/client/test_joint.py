from __future__ import annotations

import pytest

from scribewire.client.dialogue import Message
from scribewire.client.joint import SessionJoint
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.messages import ShuttingDown
from scribewire.types import Word

CASES: list[tuple[Message, Message]] = [
    (
        PartialResult(text="hel", offset_ms=320, stability=0.5),
        PartialResult(text="hel", offset_ms=10_320, stability=0.5),
    ),
    (
        FinalResult(
            text="hello",
            offset_ms=640,
            words=(Word(text="hello", start_ms=100, end_ms=500, confidence=0.9),),
            number=1,
        ),
        FinalResult(
            text="hello",
            offset_ms=10_640,
            words=(Word(text="hello", start_ms=10_100, end_ms=10_500, confidence=0.9),),
            number=4,
        ),
    ),
    (
        FinalResult(text="hello", offset_ms=640, speaker="Speaker 1"),
        FinalResult(text="hello", offset_ms=10_640, speaker="Speaker 1"),
    ),
    (ShuttingDown(7), ShuttingDown(7)),
]


@pytest.mark.parametrize(("message", "placed"), CASES)
def test_what_a_session_says_has_its_place_in_the_whole(message: Message, placed: Message) -> None:
    assert SessionJoint(byte=320_000, ms=10_000, final=3).place(message) == placed


@pytest.mark.parametrize("message", [message for message, _ in CASES])
def test_the_first_session_is_the_whole(message: Message) -> None:
    assert SessionJoint().place(message) is message

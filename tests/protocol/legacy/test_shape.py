from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.errors import ServerFault
from scribewire.protocol.legacy.shape import parse_legacy, serialise_legacy
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.messages import (
    ErrorMessage,
    Listening,
    ServerMessage,
    Stopped,
    UnknownMessage,
)
from scribewire.types import Word

WORD = Word(text="word", start_ms=0, end_ms=500, confidence=0.95)

LINES: list[tuple[str, ServerMessage]] = [
    ('{"partial":"text"}', PartialResult(text="text", offset_ms=0)),
    ('{"text":"Text."}', FinalResult(text="Text.", offset_ms=0)),
    ('{"result":[],"text":""}', FinalResult(text="", offset_ms=0, words=())),
    (
        '{"result":[["word",0,500,0.95]],"speaker":"Speaker 1","text":"word"}',
        FinalResult(text="word", offset_ms=500, words=(WORD,), speaker="Speaker 1"),
    ),
    ('{"state":"listening","session_id":"0f"}', Listening("0f")),
    ('{"state":"stopped"}', Stopped()),
    ('{"error":"no"}', ErrorMessage("no")),
    ('{"tea":true}', UnknownMessage('{"tea":true}')),
]

FAULTS = [
    ('{"partial":5}', "the server sent partial 5: expected a string"),
    ('{"text":null}', "the server sent text null: expected a string"),
    ('{"text":"","result":5}', "the server sent result 5: expected a list"),
    ("[]", "the server sent a list: expected a JSON object"),
]


@pytest.mark.parametrize(("line", "message"), LINES)
def test_a_message_is_written_and_read(line: str, message: ServerMessage) -> None:
    assert serialise_legacy(message) == line
    assert parse_legacy(line) == message


@pytest.mark.parametrize(("line", "complaint"), FAULTS)
def test_a_broken_message_is_the_servers_fault(line: str, complaint: str) -> None:
    with pytest.raises(ServerFault) as raised:
        parse_legacy(line)

    assert str(raised.value) == complaint


def test_what_the_shape_cannot_say_is_left_out() -> None:
    assert (
        serialise_legacy(PartialResult(text="a", offset_ms=5, stability=0.5)) == '{"partial":"a"}'
    )


@given(st.text(), st.none() | st.text())
def test_every_result_comes_back_but_for_its_offset(text: str, speaker: str | None) -> None:
    final = FinalResult(text=text, offset_ms=500, words=(WORD,), speaker=speaker)

    assert parse_legacy(serialise_legacy(final)) == final

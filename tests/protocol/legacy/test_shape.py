from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.errors import ServerFault
from scribewire.protocol.legacy.shape import LegacyShape
from scribewire.protocol.results import FinalResult, PartialResult, ResultMessage
from scribewire.protocol.strict_json import Fields
from scribewire.types import Word

WORD = Word(text="word", start_ms=0, end_ms=500, confidence=0.95)
SHAPE = LegacyShape()

RESULTS: list[tuple[Fields, ResultMessage]] = [
    ({"partial": "text"}, PartialResult(text="text", offset_ms=0)),
    ({"text": "Text."}, FinalResult(text="Text.", offset_ms=0)),
    ({"result": [], "text": ""}, FinalResult(text="", offset_ms=0, words=())),
    (
        {"result": [["word", 0, 500, 0.95]], "speaker": "Speaker 1", "text": "word"},
        FinalResult(text="word", offset_ms=500, words=(WORD,), speaker="Speaker 1"),
    ),
]

FAULTS: list[tuple[Fields, str]] = [
    ({"partial": 5}, "the server sent partial 5: expected a string"),
    ({"text": None}, "the server sent text null: expected a string"),
    ({"text": "", "result": 5}, "the server sent result 5: expected a list"),
]


@pytest.mark.parametrize(("fields", "result"), RESULTS)
def test_a_result_is_written_and_read(fields: Fields, result: ResultMessage) -> None:
    assert SHAPE.write(result) == fields
    assert list(SHAPE.write(result)) == list(fields)
    assert SHAPE.read(fields) == result


@pytest.mark.parametrize(("fields", "complaint"), FAULTS)
def test_a_broken_result_is_the_servers_fault(fields: Fields, complaint: str) -> None:
    with pytest.raises(ServerFault) as raised:
        SHAPE.read(fields)

    assert str(raised.value) == complaint


def test_anything_else_is_no_result() -> None:
    assert SHAPE.read({"tea": True}) is None


def test_what_the_shape_cannot_say_is_left_out() -> None:
    assert SHAPE.write(PartialResult(text="a", offset_ms=5, stability=0.5)) == {"partial": "a"}
    assert SHAPE.write(FinalResult(text="A.", offset_ms=5, language="nl")) == {"text": "A."}


@given(st.text(), st.none() | st.text())
def test_every_result_comes_back_but_for_its_offset(text: str, speaker: str | None) -> None:
    final = FinalResult(text=text, offset_ms=500, words=(WORD,), speaker=speaker)

    assert SHAPE.read(SHAPE.write(final)) == final

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.errors import ServerFault
from scribewire.protocol.results import FinalResult, PartialResult, ResultMessage
from scribewire.protocol.scriptix.shape import SCRIPTIX
from scribewire.protocol.strict_json import Fields
from scribewire.types import Word

MS = st.integers(0, 10**9)
WORDS = st.builds(Word, text=st.text(), start_ms=MS, end_ms=MS, confidence=st.floats(0, 1))
RESULTS = st.one_of(
    st.builds(PartialResult, text=st.text(), offset_ms=MS, stability=st.none() | st.floats(0, 1)),
    st.builds(
        FinalResult,
        text=st.text(),
        offset_ms=MS,
        words=st.none() | st.lists(WORDS, max_size=3).map(tuple),
        speaker=st.none() | st.text(),
        language=st.none() | st.text(),
    ),
)

FAULTS: list[tuple[Fields, str]] = [
    ({"is_final": True, "offset_ms": 1}, "text null: expected a string"),
    ({"is_final": True, "text": "", "offset_ms": True}, "offset_ms true: expected a number"),
    ({"is_final": False, "text": "", "offset_ms": 1, "stability": "high"}, "expected a number"),
    ({"is_final": True, "text": "", "offset_ms": 1, "words": "a"}, "expected a list"),
    (
        {"is_final": True, "text": "", "offset_ms": 1, "language": 5},
        "language 5: expected a string",
    ),
]


@given(RESULTS)
def test_every_result_comes_back(result: ResultMessage) -> None:
    assert SCRIPTIX.read(SCRIPTIX.write(result)) == result


def test_what_was_not_measured_is_left_out() -> None:
    assert SCRIPTIX.write(FinalResult(text="Hi.", offset_ms=9)) == {
        "text": "Hi.",
        "is_final": True,
        "offset_ms": 9,
    }


def test_anything_else_is_no_result() -> None:
    assert SCRIPTIX.read({"text": "Hi."}) is None


@pytest.mark.parametrize(("fields", "complaint"), FAULTS)
def test_a_broken_result_is_the_servers_fault(fields: Fields, complaint: str) -> None:
    with pytest.raises(ServerFault, match=complaint):
        SCRIPTIX.read(fields)

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.protocol.strict_json import (
    MAX_MESSAGE_BYTES,
    MalformedJsonError,
    dump_fields,
    fits,
    is_sendable,
    load_json,
)

MALFORMED = [
    # text, complaint
    ("", "malformed JSON at character 0"),
    ("{", "malformed JSON at character 1"),
    ("{'a':1}", "malformed JSON at character 1"),
    ('{"a":1}x', "malformed JSON at character 7"),
    ('\ufeff{"a":1}', "malformed JSON at character 0"),
    ('"a\nb"', "malformed JSON at character 2"),
    ('{"a":NaN}', "malformed JSON: NaN is not a JSON value"),
    ("[-Infinity]", "malformed JSON: -Infinity is not a JSON value"),
    ('{"a":1,"a":2}', "malformed JSON: a field is given twice"),
    ('{"b":{"a":1,"a":1}}', "malformed JSON: a field is given twice"),
    ("9" * 5000, "malformed JSON: a number is too long"),
    ("[" * 100_000, "malformed JSON: nested too deeply"),
    ('{"a":' * 100_000, "malformed JSON: nested too deeply"),
]

SIZES = [
    # message, whether it fits
    (b"\0" * MAX_MESSAGE_BYTES, True),
    (b"\0" * (MAX_MESSAGE_BYTES + 1), False),
    ("a" * MAX_MESSAGE_BYTES, True),
    ("a" * (MAX_MESSAGE_BYTES + 1), False),
    ("é" * (MAX_MESSAGE_BYTES // 2), True),
    ("é" * (MAX_MESSAGE_BYTES // 2 + 1), False),
    ("\ud800" * (MAX_MESSAGE_BYTES // 3 + 1), False),
]


@pytest.mark.parametrize(("text", "complaint"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_json_is_refused_in_one_way(text: str, complaint: str) -> None:
    with pytest.raises(MalformedJsonError) as refusal:
        load_json(text)

    assert str(refusal.value) == complaint


@pytest.mark.parametrize(("message", "expected"), SIZES, ids=range(len(SIZES)))
def test_size_is_counted_in_bytes_of_the_wire(message: str | bytes, *, expected: bool) -> None:
    assert fits(message) is expected


@given(st.text())
def test_any_text_is_json_or_malformed(text: str) -> None:
    with contextlib.suppress(MalformedJsonError):
        load_json(text)


def test_an_object_is_written_without_spaces_or_escapes() -> None:
    assert dump_fields({"a": [1, True], "b": "één"}) == '{"a":[1,true],"b":"één"}'


def test_a_lone_surrogate_is_not_written() -> None:
    assert dump_fields({"a": "x\ud800y"}) == '{"a":"x?y"}'


@pytest.mark.parametrize(("text", "expected"), [("key", True), ("clé", True), ("\ud800", False)])
def test_text_with_a_lone_surrogate_cannot_be_sent(text: str, *, expected: bool) -> None:
    assert is_sendable(text) is expected

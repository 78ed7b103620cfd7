from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.protocol.quoting import MAX_SHOWN_CHARACTERS, describe, shorten

SHOWN = [
    # value, as described
    ("yes", '"yes"'),
    ("", '""'),
    ("a" * 41, '"' + "a" * 39 + '…"'),
    ("line\nbreak", '"line?break"'),
    ("\ud800", '"?"'),
    (None, "null"),
    (True, "true"),
    (5, "5"),
    (10**100, "1" + "0" * 38 + "…"),
    (1.5, "1.5"),
    ([1], "a list"),
    ({"a": 1}, "an object"),
]


@pytest.mark.parametrize(("value", "shown"), SHOWN)
def test_a_value_is_described_as_json_would_write_it(value: object, shown: str) -> None:
    assert describe(value) == shown


@given(st.text(st.characters(codec=None)))
def test_shortened_text_is_short_printable_and_sendable(text: str) -> None:
    shown = shorten(text)

    assert len(shown) <= MAX_SHOWN_CHARACTERS
    assert shown.isprintable()
    assert shown.encode("utf-8", "strict").decode() == shown

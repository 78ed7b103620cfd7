from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scribewire.engines.spelling import spell_pieces


@given(st.text(), st.integers(1, 4))
def test_however_the_bytes_are_cut_the_text_is_the_same(text: str, size: int) -> None:
    data = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()

    pieces = [data[start : start + size] for start in range(0, len(data), size)]

    assert "".join(spell_pieces(pieces)) == data.decode()
    assert len(spell_pieces(pieces)) == len(pieces)


def test_a_character_stands_whole_in_the_first_of_its_pieces() -> None:
    assert spell_pieces([b"a", b"\xe2", b"\x82", b"\xacb"]) == ["a", "€", "", "b"]


def test_a_character_that_breaks_off_is_replaced() -> None:
    assert spell_pieces([b"a\xe2", b"\x82"]) == ["a\ufffd", ""]

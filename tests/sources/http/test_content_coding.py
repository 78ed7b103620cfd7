from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.content_coding import Gunzip, gunzip_for


@given(body=st.binary(max_size=500), size=st.integers(1, 50), piece_bytes=st.integers(1, 50))
def test_a_body_comes_back_in_bounded_pieces(body: bytes, size: int, piece_bytes: int) -> None:
    packed = gzip.compress(body[:100]) + gzip.compress(body[100:])
    gunzip = Gunzip(piece_bytes)
    pieces = [
        piece
        for start in range(0, len(packed), size)
        for piece in gunzip.receive(packed[start : start + size])
    ]
    gunzip.check_end()
    assert b"".join(pieces) == body
    assert all(len(piece) <= piece_bytes for piece in pieces)


def test_a_bomb_goes_off_piece_by_piece() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    pieces = Gunzip(1 << 16).receive(bomb)
    assert len(next(pieces)) == 1 << 16


def test_what_is_broken_is_refused() -> None:
    with pytest.raises(SourceFault, match="compression is broken"):
        list(Gunzip(100).receive(b"not gzip"))
    gunzip = Gunzip(100)
    list(gunzip.receive(gzip.compress(b"text")[:-4]))
    with pytest.raises(SourceFault, match="breaks off") as caught:
        gunzip.check_end()
    assert caught.value.is_transient


def test_only_gzip_is_undone() -> None:
    assert gunzip_for("", 10) is None
    assert gunzip_for("Identity", 10) is None
    assert isinstance(gunzip_for("GZIP", 10), Gunzip)
    with pytest.raises(SourceFault, match="not asked for"):
        gunzip_for("br", 10)

from __future__ import annotations

import gzip
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.content_coding import (
    BYTES_A_MEMBER,
    MAX_FREE_BYTES,
    MAX_FREE_MEMBERS,
    MEMBERS_A_BITE,
    Gunzip,
    gunzip_for,
)


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
    bomb = gzip.compress(bytes(20_000_000))
    pieces = Gunzip(1 << 16).receive(bomb)
    assert len(next(pieces)) == 1 << 16


def test_empty_members_are_taken_in_bites_and_not_for_ever() -> None:
    empty = gzip.compress(b"")
    assert list(Gunzip(100).receive(empty * 1000)) == [b""] * math.ceil(1000 / MEMBERS_A_BITE)
    with pytest.raises(SourceFault, match="made of empty parts"):
        list(Gunzip(100).receive(empty * (MAX_FREE_MEMBERS + 2 * MEMBERS_A_BITE)))


def test_small_members_are_read_for_ever() -> None:
    members = [gzip.compress(bytes(BYTES_A_MEMBER)) for _ in range(2 * MAX_FREE_MEMBERS)]
    assert len(b"".join(Gunzip(1000).receive(b"".join(members)))) == len(members) * BYTES_A_MEMBER


@pytest.mark.slow
def test_what_swells_too_much_is_refused() -> None:
    silence = gzip.compress(bytes(MAX_FREE_BYTES))
    assert sum(map(len, Gunzip(1 << 16).receive(silence))) == MAX_FREE_BYTES
    with pytest.raises(SourceFault, match="swells to over 64 times"):
        list(Gunzip(1 << 16).receive(silence + silence))


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

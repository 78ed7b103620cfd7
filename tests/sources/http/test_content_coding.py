from __future__ import annotations

import gzip
import math
import zlib

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
    with pytest.raises(SourceFault, match="its compression is broken"):
        list(Gunzip(100).receive(gzip.compress(b"text")[:20] + b"not gzip"))
    gunzip = Gunzip(100)
    list(gunzip.receive(gzip.compress(b"text")[:-4]))
    with pytest.raises(SourceFault, match="breaks off") as caught:
        gunzip.check_end()
    assert caught.value.is_transient


def test_what_was_never_packed_is_given_as_it_is() -> None:
    for is_deflate, body in ((False, b"ID3 and so on"), (True, b"OggS"), (False, b"http://a/")):
        plain = Gunzip(4, is_deflate=is_deflate)
        assert b"".join([*plain.receive(body), *plain.receive(b"more")]) == body + b"more"
        plain.check_end()
        assert not plain.has_trailer


def test_deflate_is_undone_too() -> None:
    unpacking = Gunzip(100, is_deflate=True)
    assert b"".join(unpacking.receive(zlib.compress(b"media" * 50))) == b"media" * 50
    unpacking.check_end()
    assert unpacking.has_trailer


@pytest.mark.parametrize(
    ("codings", "is_undone"),
    [
        ([], False),
        (["identity"], False),
        (["utf-8"], False),
        (["aws-chunked"], False),
        (["gzip"], True),
        (["aws-chunked", "x-gzip"], True),
        (["deflate"], True),
    ],
)
def test_only_what_is_packed_is_unpacked(codings: list[str], *, is_undone: bool) -> None:
    assert isinstance(gunzip_for(codings, 10), Gunzip) is is_undone


@pytest.mark.parametrize("codings", [["br"], ["zstd"], ["gzip", "gzip"], ["gzip", "br"]])
def test_what_was_not_asked_for_and_cannot_be_undone_is_refused(codings: list[str]) -> None:
    with pytest.raises(SourceFault, match="not asked for"):
        gunzip_for(codings, 10)

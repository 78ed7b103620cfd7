from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.headers import Headers
from scribewire.sources.http.icy import MAX_INTERVAL_BYTES, IcyFilter, icy_filter_for, is_icy


def mix(audio: bytes, titles: list[bytes], interval_bytes: int) -> bytes:
    """Put a block of metadata after each interval, as a server does."""
    mixed = bytearray()
    for index in range(0, len(audio), interval_bytes):
        piece = audio[index : index + interval_bytes]
        mixed += piece
        if len(piece) == interval_bytes:
            title = titles[(index // interval_bytes) % len(titles)]
            blocks = -(-len(title) // 16)
            mixed += bytes([blocks]) + title.ljust(blocks * 16, b"\0")
    return bytes(mixed)


@given(
    audio=st.binary(max_size=300),
    titles=st.lists(st.binary(max_size=100), min_size=1, max_size=4),
    interval_bytes=st.integers(1, 50),
    cuts=st.lists(st.integers(0, 1000), max_size=20),
)
def test_only_audio_passes_however_the_stream_is_cut(
    audio: bytes, titles: list[bytes], interval_bytes: int, cuts: list[int]
) -> None:
    mixed = mix(audio, titles, interval_bytes)
    icy_filter = IcyFilter(interval_bytes)
    edges = [0, *sorted(min(cut, len(mixed)) for cut in cuts), len(mixed)]
    pieces = [mixed[a:b] for a, b in pairwise(edges)]
    assert b"".join(icy_filter.receive(piece) for piece in pieces) == audio


def test_the_longest_metadata_is_dropped() -> None:
    title = b"x" * 255 * 16
    assert IcyFilter(2).receive(b"ab\xff" + title + b"cd\0e") == b"abcde"


def test_icy_is_told_by_its_fields() -> None:
    assert is_icy(Headers([("ICY-Name", "radio")]))
    assert not is_icy(Headers([("Content-Length", "3")]))


@pytest.mark.parametrize(
    "value", ["x", "-1", "1e3", "٣", "1", "63", str(MAX_INTERVAL_BYTES + 1), "9" * 5000]
)
def test_an_impossible_interval_is_refused(value: str) -> None:
    with pytest.raises(SourceFault, match="icy-metaint"):
        icy_filter_for(Headers([("icy-metaint", value)]))


def test_no_interval_needs_no_filter() -> None:
    assert icy_filter_for(Headers()) is None
    assert icy_filter_for(Headers([("icy-metaint", "0")])) is None
    assert icy_filter_for(Headers([("icy-metaint", "64")])) is not None

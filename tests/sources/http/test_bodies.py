from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.bodies import (
    CHUNKS_A_BITE,
    MAX_SIZE_LINE_BYTES,
    BodyEnd,
    ChunkedBody,
    MeasuredBody,
    OpenBody,
    announced_length,
    body_of,
)
from scribewire.sources.http.headers import Headers

LENGTH, CODING = "Content-Length", "Transfer-Encoding"


# Header fields, how the body ends and how long it is said to be.
FRAMES: list[tuple[list[tuple[str, str]], BodyEnd, int | None]] = [
    ([], BodyEnd.CLOSE, None),
    ([(LENGTH, "5")], BodyEnd.LENGTH, 5),
    ([(LENGTH, "0")], BodyEnd.LENGTH, 0),
    ([(LENGTH, "5"), (LENGTH, "5")], BodyEnd.LENGTH, 5),
    ([(LENGTH, "5, 05")], BodyEnd.LENGTH, 5),
    ([(CODING, "chunked")], BodyEnd.MARK, None),
    ([(CODING, "Chunked"), (CODING, "chunked")], BodyEnd.MARK, None),
    ([(CODING, "identity, chunked")], BodyEnd.MARK, None),
    ([(CODING, "identity"), (LENGTH, "5")], BodyEnd.LENGTH, 5),
    ([(CODING, "chunked"), (LENGTH, "5")], BodyEnd.MARK, None),
    ([(CODING, "chunked"), (LENGTH, "5, 6")], BodyEnd.MARK, None),
    # No number, so no length.
    ([(LENGTH, "-1")], BodyEnd.CLOSE, None),
    ([(LENGTH, "+5")], BodyEnd.CLOSE, None),
    ([(LENGTH, "")], BodyEnd.CLOSE, None),
    ([(LENGTH, "twelve")], BodyEnd.CLOSE, None),
    ([(LENGTH, "\u0663")], BodyEnd.CLOSE, None),
    ([(LENGTH, "9" * 5000)], BodyEnd.CLOSE, None),
]


@pytest.mark.parametrize(("fields", "ends_by", "length"), FRAMES)
def test_it_is_clear_where_a_body_ends(
    fields: list[tuple[str, str]], ends_by: BodyEnd, length: int | None
) -> None:
    assert body_of(200, Headers(fields)).ends_by is ends_by
    assert announced_length(Headers(fields)) == length


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([(LENGTH, "5"), (LENGTH, "6")], "two lengths"),
        ([(LENGTH, "5, 6")], "two lengths"),
        ([(LENGTH, "5, x")], "two lengths"),
        ([(CODING, "gzip, chunked")], "not asked for"),
        ([(CODING, "gzip"), (LENGTH, "5")], "not asked for"),
        ([(CODING, "chunked;q=1")], "not asked for"),
    ],
)
def test_an_answer_that_says_two_things_is_refused(
    fields: list[tuple[str, str]], words: str
) -> None:
    with pytest.raises(SourceFault, match=words):
        body_of(200, Headers(fields))


def test_nothing_comes_after_no_content() -> None:
    body = body_of(204, Headers())
    assert body.has_ended
    assert body.take() == b""


def test_a_measured_body_ends_by_itself() -> None:
    body = MeasuredBody(5)
    body.receive(b"med")
    with pytest.raises(SourceFault, match="broke off") as caught:
        body.receive_close()
    assert caught.value.is_transient
    assert (body.take(), body.has_ended) == (b"med", False)
    body.receive(b"ia and more")
    assert (body.take(), body.has_ended, body.take()) == (b"ia", True, b"")


def test_an_open_body_ends_with_the_connection() -> None:
    body = OpenBody()
    body.receive(b"media")
    assert (body.take(), body.has_ended) == (b"media", False)
    body.receive_close()
    assert (body.take(), body.has_ended) == (b"", True)


CHUNKS = [
    b"5\r\nmedia\r\n0\r\n\r\n",
    b"2;x=y\r\nme\r\n003 ;\r\ndia\r\n0",
    b" 5 \nmedia\n0\nTrailer: x\r\n\r\nand more",
    b"1\r\nm\r\n1\r\ne\r\n1\r\nd\r\n2\r\nia\r\n000000000\r\n",
]


@pytest.mark.parametrize("sent", CHUNKS)
def test_chunks_are_joined_however_they_are_cut(sent: bytes) -> None:
    for size in range(1, len(sent) + 1):
        body = ChunkedBody()
        taken = b""
        for start in range(0, len(sent), size):
            body.receive(sent[start : start + size])
            while piece := body.take():
                taken += piece
        body.receive(b"\n")  # where the last line was cut
        assert body.take() == b""
        assert (taken, body.has_ended) == (b"media", True)


def test_small_chunks_are_taken_in_bites() -> None:
    body = ChunkedBody()
    body.receive(b"1\r\nx\r\n" * 3 * CHUNKS_A_BITE)
    assert [len(body.take()) for _ in range(4)] == [CHUNKS_A_BITE] * 3 + [0]


def test_a_chunk_need_not_have_come_whole() -> None:
    body = ChunkedBody()
    body.receive(b"ffffffff\r\nmed")
    assert body.take() == b"med"
    body.receive(b"ia")
    assert body.take() == b"ia"
    with pytest.raises(SourceFault, match="broke off"):
        body.receive_close()


@pytest.mark.parametrize(
    "sent",
    [
        b"zz\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x5\r\nmedia",
        b"5 5\r\n",
        b"1\r\nmedia\r\n",
        b"1\r\nm1\r\n",
        b"1\r\nm\r\n\r\n1",
        b"1" * 16 + b"\r\n",
        b"1;" + b"x" * MAX_SIZE_LINE_BYTES,
    ],
)
def test_broken_chunks_are_refused(sent: bytes) -> None:
    body = ChunkedBody()
    body.receive(sent)
    with pytest.raises(SourceFault, match="broken chunks"):
        body.take()


@given(st.lists(st.binary(max_size=3) | st.sampled_from([b"1", b"\r\n", b"\n", b"0", b";"])))
def test_any_bytes_are_taken_or_refused(pieces: list[bytes]) -> None:
    body = ChunkedBody()
    with contextlib.suppress(SourceFault):
        for piece in pieces:
            body.receive(piece)
            while body.take():
                pass

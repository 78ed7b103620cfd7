from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.answer_head import (
    MAX_BYTES,
    MAX_FIELDS,
    MAX_INTERIM,
    AnswerHead,
    HeadReader,
)


def read(*pieces: bytes) -> tuple[AnswerHead | None, bytes]:
    reader = HeadReader()
    for piece in pieces:
        reader.receive(piece)
    return reader.head, reader.rest


# An answer; its status, its fields and the start of its body.
ANSWERS: list[tuple[bytes, int, dict[str, str], bytes]] = [
    (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 200, {"a": "b"}, b"body"),
    (b"HTTP/1.0 404\r\n\r\n", 404, {}, b""),
    (b"HTTP/2 200 \nA:b\n\n\nbody", 200, {"a": "b"}, b"\nbody"),
    (b"HTTP 200 OK\n\nbody", 200, {}, b"body"),
    (b"http/1.1  206\tSome \xff\r\n\r\n", 206, {}, b""),
    (b"ICY 200 OK\r\nicy-br:128\r\n\n", 200, {"icy-br": "128"}, b""),
    (b"\r\n\nICY 200 OK\n\n", 200, {}, b""),
    # What is nearly a header.
    (b"HTTP/1.1 200 OK\r\nA : b\r\n B\t: c \r\n\r\n", 200, {"a": "b B\t: c"}, b""),
    (b"HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\nno field\r\n: d\r\n\r\n", 200, {"a": "b c"}, b""),
    (b"HTTP/1.1 200 OK\r\n starts in the middle\r\n\r\n", 200, {}, b""),
    (b"HTTP/1.1 200 OK\r\nA:" + b"b" * 9000 + b"\r\n\r\n", 200, {"a": "b" * 9000}, b""),
    (b"HTTP/1.1 200 OK\r\nA: " + b"\xe4:\r\r\n\r\n", 200, {"a": "\xe4:"}, b""),
    (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 140 + b"\r\n", 200, {"a": "b"}, b""),
    # Others come first.
    (b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody", 200, {}, b"body"),
    (b"HTTP/1.1 103 Hints\r\nA: b\r\n\r\n" * 9 + b"HTTP/1.1 200\r\n\r\n", 200, {}, b""),
]


@pytest.mark.parametrize(("answer", "status", "fields", "rest"), ANSWERS)
def test_what_players_understand_is_read_however_it_is_cut(
    answer: bytes, status: int, fields: dict[str, str], rest: bytes
) -> None:
    head, found_rest = read(answer)
    assert head is not None
    assert (head.status, dict(head.headers), found_rest) == (status, fields, rest)
    without_body = answer.removesuffix(rest)
    head, found_rest = read(*(without_body[i : i + 1] for i in range(len(without_body))))
    assert head is not None
    assert (head.status, dict(head.headers), found_rest) == (status, fields, b"")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "neither HTTP nor a radio"),
        (b"HTTP/1.1 twohundred\r\n", "neither HTTP nor a radio"),
        (b"HTTP/1.1 999 OK\r\n", "neither HTTP nor a radio"),
        (b"HTTP/1.1 2000 OK\r\n", "neither HTTP nor a radio"),
        (b"<html>\n", "neither HTTP nor a radio"),
        (b"HTTP/1.1 101 Switch\r\n\r\n", "something else than HTTP"),
        (b"HTTP/1.1 100 Go on\r\n\r\n" * (MAX_INTERIM + 1), "only says that its answer"),
        (b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", "broken header"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (MAX_FIELDS + 1) + b"\r\n", "too long a header"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * MAX_BYTES, "too long a header"),
        (b"x" * (MAX_BYTES + 1), "too long a header"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_answer_is_refused_as_soon_as_that_is_clear(answer: bytes, words: str) -> None:
    with pytest.raises(SourceFault, match=words):
        read(answer)


def test_what_has_not_all_come_is_waited_for() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nA: b\r\n") == (None, b"")
    assert read(b"HTTP/1.1 100 Go on\r\n\r\n")[0] is None


PIECES = [
    b"HTTP/1.1 ",
    b"ICY ",
    b"200",
    b" OK",
    b"\r\n",
    b"\n",
    b"\r",
    b"A",
    b":",
    b" ",
    b"\0",
    b"100",
]


@given(st.lists(st.binary(max_size=5) | st.sampled_from(PIECES)))
def test_any_bytes_are_read_or_refused(pieces: list[bytes]) -> None:
    with contextlib.suppress(SourceFault):
        read(*pieces)

from __future__ import annotations

import asyncio

import pytest

from tests.parts.plain_http import PlainAnswer, ask
from tests.parts.raw_origin import run_raw_origin


async def ask_for(
    answer: bytes, *, method: str = "GET", body: bytes = b""
) -> tuple[PlainAnswer, bytes]:
    """Ask a server that says `answer`; return what is made of it, and what it was asked."""
    async with run_raw_origin(answer) as origin:
        found = await ask(origin.port, "/a?b", {"X-One": "1"}, method=method, body=body)
    return found, origin.requests[0]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"Content-Length: 3\r\n\r\nabcdef", b"abc"),
        (b"Content-Length: 9\r\n\r\nabc", b"abc"),
        (b"\r\nabc", b"abc"),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n", b"abc"),
    ],
    ids=["a length", "less than promised", "until the end", "chunks"],
)
async def test_a_body_is_read_as_the_header_says(answer: bytes, body: bytes) -> None:
    found, _ = await ask_for(b"HTTP/1.1 404 Not Found\r\nX-Two:  2 \r\n" + answer)

    assert (found.status, found.body) == (404, body)
    assert found.fields["x-two"] == "2"


async def test_a_request_is_written_as_it_was_meant() -> None:
    _, asked = await ask_for(b"HTTP/1.1 201 Created\r\n\r\n", method="PUT", body=b"abc")

    lines = asked.decode().split("\r\n")
    assert lines[0] == "PUT /a?b HTTP/1.1"
    assert lines[2:] == ["Connection: close", "Content-Length: 3", "X-One: 1", "", "abc"]


async def test_the_answer_to_head_has_no_body() -> None:
    found, _ = await ask_for(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", method="HEAD")

    assert found.body == b""


async def test_a_server_that_says_nothing_is_no_answer() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        await ask_for(b"")

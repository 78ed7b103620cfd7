from __future__ import annotations

import asyncio
import gzip

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.headers import Headers
from scribewire.sources.limits import FetchLimits
from scribewire.sources.response import Answer, Response, check_status
from scribewire.sources.urls import check_url


def response(status: int = 200, body: bytes = b"", **fields: str) -> Response:
    pieces = [body[i : i + 7] for i in range(0, len(body), 7)]

    async def read_some() -> bytes:
        return pieces.pop(0) if pieces else b""

    headers = Headers((name.replace("_", "-"), value) for name, value in fields.items())
    answer = Answer(status=status, headers=headers, read_some=read_some)
    return Response(answer, check_url("http://a.example/"), FetchLimits())


@pytest.mark.parametrize(
    ("status", "fields", "length"),
    [
        (200, {"content_length": "12"}, 12),
        (200, {}, None),
        (200, {"content_length": "twelve"}, None),
        (200, {"content_length": "9" * 5000}, None),
        (206, {"content_length": "2", "content_range": "bytes 10-11/12"}, 12),
        (206, {"content_length": "2", "content_range": "bytes 10-11/*"}, None),
        (206, {"content_length": "2"}, None),
        (200, {"content_length": "12", "content_encoding": "gzip"}, None),
    ],
)
def test_the_length_is_that_of_the_whole(
    status: int, fields: dict[str, str], length: int | None
) -> None:
    assert response(status, b"", **fields).length == length


async def test_a_body_is_read_up_to_the_limit() -> None:
    assert await response(body=b"x" * 20).read(20) == b"x" * 20
    with pytest.raises(SourceFault, match="longer than 19 bytes"):
        await response(body=b"x" * 20).read(19)


async def test_a_bomb_is_stopped_at_the_limit() -> None:
    packed = gzip.compress(bytes(10_000_000))
    with pytest.raises(SourceFault, match="longer than 1000 bytes"):
        await response(body=packed, content_encoding="gzip").read(1000)


async def test_compression_and_metadata_are_taken_off() -> None:
    packed = gzip.compress(b"abcd\x01" + b"t" * 16 + b"efgh\0i")
    one = response(body=packed, content_encoding="gzip", icy_metaint="4")
    assert await one.read(100) == b"abcdefghi"
    assert one.is_icy


async def test_silence_is_a_passing_fault() -> None:
    async def never() -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    answer = Answer(status=200, headers=Headers(), read_some=never)
    silent = Response(answer, check_url("http://a.example/"), FetchLimits(stall_s=0))
    with pytest.raises(SourceFault, match="nothing came for 0 s") as caught:
        await silent.read(10)
    assert caught.value.is_transient


@pytest.mark.parametrize(
    ("status", "message", "is_transient"),
    [
        (401, "stream requires authentication: the server answered HTTP 401", False),
        (403, "stream requires authentication: the server answered HTTP 403", False),
        (404, "invalid stream: the server answered HTTP 404", False),
        (410, "invalid stream: the server answered HTTP 410", False),
        (416, "invalid stream: the server answered HTTP 416", False),
        (429, "invalid stream: the server answered HTTP 429", True),
        (500, "invalid stream: the server answered HTTP 500", True),
        (503, "invalid stream: the server answered HTTP 503", True),
        (304, "invalid stream: the server answered HTTP 304", False),
    ],
)
def test_a_status_means_a_fault(status: int, message: str, *, is_transient: bool) -> None:
    with pytest.raises(SourceFault) as caught:
        check_status(status)
    assert caught.value.message.startswith(message)
    assert caught.value.is_transient is is_transient
    assert caught.value.status == status


def test_success_is_no_fault() -> None:
    check_status(200)
    check_status(206)


async def test_what_was_looked_at_is_still_read() -> None:
    one = response(body=b"#EXTM3U and more")
    assert await one.peek(10) == b"#EXTM3U an"
    assert await one.peek(4) == b"#EXT"
    assert await one.read(100) == b"#EXTM3U and more"
    assert await response(body=b"ab").peek(10) == b"ab"

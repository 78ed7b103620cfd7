from __future__ import annotations

import asyncio
import gzip

import pytest

from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.http.content_coding import MEMBERS_A_BITE
from scribewire.sources.http.effort import BURST_S, READ_S, SHARE, Effort
from scribewire.sources.http.headers import Headers
from scribewire.sources.http.limits import FetchLimits
from scribewire.sources.http.response import BodyEnd, Reply, Response, check_answer, check_status
from scribewire.sources.http.urls import check_url


def response(status: int = 200, body: bytes = b"", **fields: str) -> Response:
    return response_that(BodyEnd.CLOSE, status, body, None, **fields)


async def no_rest(_seconds: float) -> None:
    """Time costs nothing here."""


def response_that(
    ends_by: BodyEnd, status: int, body: bytes, effort: Effort | None, **fields: str
) -> Response:
    pieces = [body[i : i + 7] for i in range(0, len(body), 7)]

    async def read_some() -> bytes:
        return pieces.pop(0) if pieces else b""

    headers = Headers((name.replace("_", "-"), value) for name, value in fields.items())
    answer = Reply(status=status, headers=headers, read_some=read_some, ends_by=ends_by)
    return Response(answer, check_url("http://a.example/"), FetchLimits(), effort)


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


@pytest.mark.parametrize(
    ("status", "fields", "start"),
    [
        (206, {"content_range": "bytes 10-11/12"}, 10),
        (206, {"content_range": "bytes 10-11/*"}, 10),
        (206, {"content_range": "bytes */12"}, 0),
        (206, {}, 0),
        (200, {"content_range": "bytes 10-11/12"}, 0),
    ],
)
def test_it_says_where_its_body_begins(status: int, fields: dict[str, str], start: int) -> None:
    assert response(status, b"", **fields).start == start


async def test_a_body_is_read_up_to_the_limit() -> None:
    assert await response(body=b"x" * 20).read(20) == b"x" * 20
    with pytest.raises(SourceFault, match="longer than 19 bytes"):
        await response(body=b"x" * 20).read(19)


async def test_a_bomb_is_stopped_at_the_limit() -> None:
    packed = gzip.compress(bytes(10_000_000))
    with pytest.raises(SourceFault, match="longer than 1000 bytes"):
        await response(body=packed, content_encoding="gzip").read(1000)


@pytest.mark.parametrize(
    ("body", "encoding", "bites"),
    [
        (gzip.compress(bytes(1 << 22)), "gzip", (1 << 22) // FetchLimits().piece_bytes),
        (gzip.compress(b"") * 900, "gzip", 900 // MEMBERS_A_BITE),
        (bytes(70_000), "", 10_000),
    ],
)
async def test_no_body_takes_more_than_its_share_of_the_loop(
    body: bytes, encoding: str, bites: int
) -> None:
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    effort = Effort(clock=lambda: 0.0, sleep=rest)
    one = response_that(BodyEnd.CLOSE, 200, body, effort, content_encoding=encoding)
    await one.read(1 << 22)

    assert len(rests) >= bites
    assert rests[-1] > (0.99 * bites * READ_S - BURST_S) / SHARE


@pytest.mark.slow
async def test_what_is_packed_to_make_work_ends_its_session() -> None:
    for body, words in (
        (gzip.compress(b"") * 3000, "made of empty parts"),
        (gzip.compress(bytes(1 << 26)), "swells to over 64 times"),
    ):
        one = response_that(
            BodyEnd.CLOSE, 200, body, Effort(sleep=no_rest), content_encoding="gzip"
        )
        with pytest.raises(SourceFault, match=words):
            await one.read(1 << 30)


async def test_compression_and_metadata_are_taken_off() -> None:
    packed = gzip.compress(b"a" * 64 + b"\x01" + b"t" * 16 + b"b" * 64 + b"\0c")
    one = response(body=packed, content_encoding="gzip", icy_metaint="64")
    assert await one.read(200) == b"a" * 64 + b"b" * 64 + b"c"
    assert one.is_icy


@pytest.mark.parametrize(
    ("ends_by", "is_packed", "ended_by"),
    [
        (BodyEnd.LENGTH, False, BodyEnd.LENGTH),
        (BodyEnd.MARK, False, BodyEnd.MARK),
        (BodyEnd.CLOSE, False, BodyEnd.CLOSE),
        (BodyEnd.LENGTH, True, BodyEnd.LENGTH),
        (BodyEnd.CLOSE, True, BodyEnd.MARK),
    ],
)
async def test_it_tells_what_ended_its_body(
    ends_by: BodyEnd, ended_by: BodyEnd, *, is_packed: bool
) -> None:
    body = gzip.compress(b"media") if is_packed else b"media"
    encoding = "gzip" if is_packed else "identity"
    one = response_that(ends_by, 200, body, None, content_encoding=encoding)
    assert await one.peek(1) == b"m"
    assert one.ended_by is None
    assert await one.read(100) == b"media"
    assert one.ended_by is ended_by


async def test_a_body_that_breaks_off_has_no_end() -> None:
    one = response(body=gzip.compress(b"media")[:-4], content_encoding="gzip")
    with pytest.raises(SourceFault, match="breaks off"):
        await one.read(100)
    assert one.ended_by is None


async def test_silence_is_a_passing_fault() -> None:
    async def never() -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    answer = Reply(status=200, headers=Headers(), read_some=never)
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


async def refusal_of(answer: Reply, limits: FetchLimits | None = None) -> SourceFault:
    with pytest.raises(SourceFault) as caught:
        await check_answer(answer, check_url("http://a.example/"), limits or FetchLimits())
    return caught.value


AZURE = {"x-ms-request-id": "1"}


@pytest.mark.parametrize(
    ("status", "fields", "body", "words"),
    [
        (
            404,
            AZURE,
            b"<Code>BlobNotFound</Code>",
            "invalid stream: there is no such blob (HTTP 404",
        ),
        (
            409,
            {**AZURE, "x-ms-error-code": "BlobArchived"},
            b"",
            "invalid stream: the blob is archived",
        ),
        (
            409,
            {**AZURE, "x-ms-error-code": "SomethingNew"},
            b"",
            "invalid stream: the server answered HTTP 409 SomethingNew; ",
        ),
        (404, AZURE, b"no words", "invalid stream: the server answered HTTP 404; "),
        (404, {}, b"<Code>BlobNotFound</Code>", "invalid stream: the server answered HTTP 404; "),
    ],
)
async def test_a_service_says_in_its_words_why_it_refuses(
    status: int, fields: dict[str, str], body: bytes, words: str
) -> None:
    pieces = [body]

    async def read_some() -> bytes:
        return pieces.pop() if pieces else b""

    headers = Headers(fields.items())
    fault = await refusal_of(Reply(status=status, headers=headers, read_some=read_some))
    assert fault.message.startswith(words)
    assert fault.status == status


async def test_an_endless_refusal_is_read_up_to_the_limit() -> None:
    reads = 0

    async def endless() -> bytes:
        nonlocal reads
        reads += 1
        return bytes(1000)

    answer = Reply(status=404, headers=Headers(AZURE.items()), read_some=endless)
    assert (await refusal_of(answer)).status == 404
    assert reads == 17


async def test_a_refusal_that_hangs_or_breaks_is_still_one() -> None:
    async def never() -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async def breaks() -> bytes:
        raise invalid_stream("the connection broke off", is_transient=True)

    headers = Headers({**AZURE, "x-ms-error-code": "ServerBusy"}.items())
    for read_some in (never, breaks):
        answer = Reply(status=503, headers=headers, read_some=read_some)
        fault = await refusal_of(answer, FetchLimits(refusal_s=0))
        assert "the storage service is busy (HTTP 503 ServerBusy)" in fault.message
        assert fault.is_transient


async def test_success_has_nothing_to_explain() -> None:
    async def unread() -> bytes:
        raise AssertionError

    answer = Reply(status=206, headers=Headers(AZURE.items()), read_some=unread)
    await check_answer(answer, check_url("http://a.example/"), FetchLimits())

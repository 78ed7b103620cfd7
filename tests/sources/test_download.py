from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.download import ENOUGH_BYTES, Clock, Download
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.http.headers import Headers
from scribewire.sources.http.limits import FetchLimits
from scribewire.sources.http.response import Reply, Response, check_status
from scribewire.sources.http.urls import check_url
from scribewire.sources.retry import RetryRules

WHOLE = bytes(i * 7 % 251 for i in range(5 * ENOUGH_BYTES))
RESET = invalid_stream("the connection broke off", is_transient=True)
REFUSED = invalid_stream("the server cannot be reached", is_transient=True)


@dataclass(frozen=True)
class Part:
    """What a server answers: some of the resource, and how that ends."""

    size: int
    """Bytes of the body that come."""
    starts_at: int | None = None
    """Where the answer begins; None: where it was asked for."""
    ranges: bool = True
    status: int = 0
    """Of a refusal."""
    fault: SourceFault | None = RESET
    """What ends the body; None: it just ends."""
    fails: SourceFault | None = None
    """What ends the attempt before there is an answer."""
    fields: dict[str, str] = field(default_factory=dict)
    whole: bytes = WHOLE


@dataclass
class Server:
    """Answers one request after the other, the last way again and again."""

    parts: list[Part]
    asked: list[tuple[int, int]] = field(default_factory=list)
    open_answers: int = 0

    def first(self) -> Response:
        return respond(self.parts.pop(0), 0, has_range=False)

    @contextlib.asynccontextmanager
    async def reopen(self, start: int, end: int) -> AsyncIterator[Response]:
        self.asked.append((start, end))
        part = self.parts.pop(0) if len(self.parts) > 1 else self.parts[0]
        if part.fails is not None:
            raise part.fails
        if part.status:
            check_status(part.status)
        self.open_answers += 1
        try:
            yield respond(part, start, has_range=part.ranges)
        finally:
            self.open_answers -= 1


def respond(part: Part, asked_from: int, *, has_range: bool) -> Response:
    start = asked_from if has_range else 0
    start = start if part.starts_at is None else part.starts_at
    size = len(part.whole)
    fields = {"content-length": str(size - start), **part.fields}
    if has_range:
        fields = {"content-range": f"bytes {start}-{size - 1}/{size}"} | fields
    answer = Reply(
        status=206 if has_range else 200,
        headers=Headers(fields.items()),
        read_some=pieces_of(part.whole[start : start + part.size], part.fault),
    )
    return Response(answer, check_url("http://a.example/"), FetchLimits())


def pieces_of(body: bytes, fault: SourceFault | None) -> Callable[[], Awaitable[bytes]]:
    pieces = [body[i : i + 10_000] for i in range(0, len(body), 10_000)]

    async def read_some() -> bytes:
        if pieces:
            return pieces.pop(0)
        if fault is not None:
            raise fault
        return b""

    return read_some


class Time:
    """Passes only where somebody waits."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def clock(self) -> Clock:
        return Clock(now=lambda: sum(self.waits), sleep=self.sleep, random=lambda: 0.0)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


async def read(
    server: Server, time: Time | None = None, retry: RetryRules | None = None
) -> tuple[bytes, SourceFault | None]:
    clock = (time or Time()).clock()
    download = Download(server.first(), server.reopen, retry or RetryRules(), clock)
    received = bytearray()
    try:
        async for chunk in download.chunks():
            received += chunk
    except SourceFault as fault:
        return bytes(received), fault
    return bytes(received), None


async def test_what_does_not_break_off_is_asked_for_once() -> None:
    server = Server([Part(len(WHOLE), fault=None)])
    assert await read(server) == (WHOLE, None)
    assert server.asked == []


@pytest.mark.parametrize("fault", [RESET, None])
async def test_the_rest_is_asked_for_from_the_byte_that_was_reached(
    fault: SourceFault | None,
) -> None:
    size, time = ENOUGH_BYTES + 10, Time()
    server = Server([Part(size, fault=fault)])
    server.parts *= 2
    assert await read(server, time) == (WHOLE, None)
    assert server.asked == [(n * size, len(WHOLE)) for n in range(1, 5)]
    assert time.waits == []  # each has brought enough


async def test_while_nothing_comes_the_waits_grow_until_it_is_given_up() -> None:
    time = Time()
    server = Server([Part(ENOUGH_BYTES), Part(0, fails=REFUSED)])
    received, fault = await read(server, time, RetryRules(give_up_after_s=60))
    assert received == WHOLE[:ENOUGH_BYTES]
    assert fault is REFUSED
    assert fault.close_code is CloseCode.SERVER_FAULT
    assert time.waits == [1, 2, 4, 8, 15, 15, 15]
    assert server.asked == [(ENOUGH_BYTES, len(WHOLE))] * 8  # the first one at once


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
async def test_a_service_that_restarts_is_waited_for(status: int) -> None:
    time = Time()
    refusals = [Part(0, fails=REFUSED), Part(0, status=status), Part(0, status=status)]
    server = Server([Part(ENOUGH_BYTES), *refusals, Part(len(WHOLE))])
    assert await read(server, time) == (WHOLE, None)
    assert time.waits == [1, 2, 4]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_definite_answer_is_not_asked_for_again(status: int) -> None:
    server = Server([Part(ENOUGH_BYTES), Part(0, status=status)])
    received, fault = await read(server)
    assert received == WHOLE[:ENOUGH_BYTES]
    assert fault is not None
    assert f"HTTP {status}" in fault.message
    assert fault.close_code is CloseCode.CLIENT_FAULT
    assert len(server.asked) == 1


async def test_a_server_that_hangs_up_after_each_byte_is_asked_a_bounded_number_of_times() -> None:
    time = Time()
    server = Server([Part(1), Part(1)])
    received, fault = await read(server, time)
    assert fault is not None
    assert fault.close_code is CloseCode.SERVER_FAULT
    assert received == WHOLE[: 1 + len(server.asked)]
    assert len(server.asked) == 23
    assert sum(time.waits) == RetryRules().give_up_after_s


async def test_little_progress_is_progress_in_the_end() -> None:
    time = Time()
    server = Server([Part(30_000), Part(30_000)])
    assert await read(server, time, RetryRules(give_up_after_s=10)) == (WHOLE, None)
    assert len(server.asked) == len(WHOLE) // 30_000
    assert set(time.waits) == {1, 2}


async def test_without_patience_a_break_is_the_end() -> None:
    server = Server([Part(100), Part(len(WHOLE))])
    received, fault = await read(server, None, RetryRules(give_up_after_s=0))
    assert (received, server.asked) == (WHOLE[:100], [])
    assert fault is RESET


async def test_a_server_without_ranges_sends_again_what_is_skipped() -> None:
    server = Server([Part(100_000), Part(150_000, ranges=False), Part(len(WHOLE), ranges=False)])
    assert await read(server) == (WHOLE, None)
    assert [start for start, _ in server.asked] == [100_000, 150_000]


async def test_what_a_server_without_ranges_sends_again_is_no_progress() -> None:
    time = Time()
    server = Server([Part(100_000), Part(100_000, ranges=False)])
    received, fault = await read(server, time, RetryRules(give_up_after_s=7))
    assert received == WHOLE[:100_000]
    assert fault is RESET
    assert time.waits == [1, 2, 4]


async def test_a_range_that_begins_early_is_cut() -> None:
    server = Server([Part(100_000), Part(len(WHOLE), starts_at=65_536)])
    assert await read(server) == (WHOLE, None)


async def test_a_range_that_begins_late_is_refused() -> None:
    server = Server([Part(100_000), Part(len(WHOLE), starts_at=100_001)])
    received, fault = await read(server)
    assert received == WHOLE[:100_000]
    assert fault is not None
    assert "leaves out a part" in fault.message


async def test_what_comes_beyond_the_length_is_left_out() -> None:
    fields = {"content-length": "100000"}
    server = Server([Part(len(WHOLE), fields=fields)])
    assert await read(server) == (WHOLE[:100_000], None)


OTHER = WHOLE[:-1] + b"!"
LONGER = WHOLE + b"more"


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (Part(100_000), Part(9**9, whole=LONGER)),
        (Part(100_000), Part(9**9, whole=LONGER, ranges=False)),
        (Part(100_000), Part(0, status=416)),
        (Part(100_000, fields={"etag": '"1"'}), Part(9**9, fields={"ETag": '"2"'})),
        (
            Part(100_000, fields={"etag": '"1"'}),
            Part(9**9, fields={"ETag": '"2"'}, ranges=False, whole=OTHER),
        ),
        (
            Part(100_000, fields={"last-modified": "Sun, 22 Nov 2026 14:15:00 GMT"}),
            Part(9**9, fields={"last-modified": "Sun, 22 Nov 2026 14:15:01 GMT"}),
        ),
    ],
)
async def test_a_file_that_has_changed_is_not_mixed(first: Part, later: Part) -> None:
    server = Server([first, later])
    received, fault = await read(server)
    assert received == WHOLE[:100_000]
    assert fault is not None
    assert "the file changed while it was being read" in fault.message
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("before", "later"),
    [({"etag": '"1"'}, {}), ({}, {"etag": '"1"'}), ({"etag": 'W/"1"'}, {"etag": '"1"'})],
)
async def test_a_validator_that_is_missing_or_weak_is_no_change(
    before: dict[str, str], later: dict[str, str]
) -> None:
    server = Server([Part(100_000, fields=before), Part(len(WHOLE), fields=later)])
    assert await read(server) == (WHOLE, None)


async def test_an_answer_that_hides_its_length_cannot_be_compared() -> None:
    fields = {"content-range": "bytes 100000-/*"}
    server = Server([Part(100_000), Part(len(WHOLE), fields=fields)])
    received, fault = await read(server)
    assert received == WHOLE[:100_000]
    assert fault is not None
    assert "cannot resume it" in fault.message


async def test_an_interruption_is_told_while_it_lasts() -> None:
    parts = [Part(ENOUGH_BYTES), Part(0, fails=REFUSED), Part(0, status=503), Part(len(WHOLE))]
    server = Server(parts)
    told: list[str | None] = []

    async def look(_: float) -> None:
        note()

    def note() -> None:
        if download.turned.is_set():
            download.turned.clear()
            told.append(download.interruption)

    clock = Clock(now=lambda: 0.0, sleep=look, random=lambda: 0.0)
    download = Download(server.first(), server.reopen, RetryRules(), clock)
    async for _ in download.chunks():
        note()
    assert told == [REFUSED.message, None]


async def test_who_stops_reading_leaves_nothing_open() -> None:
    server = Server([Part(100), Part(len(WHOLE))])
    clock = Time().clock()
    download = Download(server.first(), server.reopen, RetryRules(), clock)
    async with contextlib.aclosing(download.chunks()) as chunks:
        assert len(await anext(chunks)) == 100
        assert len(await anext(chunks)) == 10_000
        assert server.open_answers == 1
    assert server.open_answers == 0

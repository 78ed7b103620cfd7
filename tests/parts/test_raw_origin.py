from __future__ import annotations

import asyncio

import pytest

from tests.parts.plain_http import ask
from tests.parts.raw_origin import (
    HANG,
    RESET,
    Answer,
    Endlessly,
    RawOrigin,
    head,
    live,
    ok,
    run_raw_origin,
)


async def read_all(origin: RawOrigin, *, request: bytes = b"GET / HTTP/1.0\r\n\r\n") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", origin.port)
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_answers_are_given_in_turn_and_the_last_one_again() -> None:
    async with run_raw_origin(ok(b"one", "X-A: b"), live(b"two")) as origin:
        answers = [await ask(origin.port, "/a?b", {"X-C": "d"}) for _ in range(3)]

    assert [answer.body for answer in answers] == [b"one", b"two", b"two"]
    assert answers[0].fields == {"x-a": "b", "content-length": "3"}
    assert origin.connections == len(origin.requests) == 3
    assert origin.requests[0].startswith(b"GET /a?b HTTP/1.1\r\n")
    assert origin.fields()["x-c"] == "d"


async def test_a_path_may_have_its_own_answer() -> None:
    async with run_raw_origin(ok(b"any")) as origin:
        origin.paths["/gone"] = head("404 Gone")
        found = [await ask(origin.port, path) for path in ("/gone?a=b", "/other")]

    assert [answer.status for answer in found] == [404, 200]


async def test_an_answer_may_be_made_of_the_request() -> None:
    async with run_raw_origin(lambda request: ok(request[-3:])) as origin:
        answer = await ask(origin.port, "/", method="PUT", body=b"abc")

    assert answer.body == b"abc"


async def test_a_step_waits_for_its_event() -> None:
    told = asyncio.Event()
    async with run_raw_origin((b"before ", told, b"after")) as origin:
        reader, writer = await asyncio.open_connection("127.0.0.1", origin.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        before = await reader.readexactly(7)
        told.set()
        after = await reader.read()
        writer.close()

    assert (before, after) == (b"before ", b"after")


async def test_a_connection_is_reset() -> None:
    async with run_raw_origin((b"abc", RESET)) as origin:
        with pytest.raises(ConnectionResetError):
            await read_all(origin)


@pytest.mark.parametrize(
    ("answer", "expected"), [((b"abc", HANG), b"abc"), ((Endlessly(b"d" * 1000),), b"d" * 100_000)]
)
async def test_what_hangs_or_never_ends_does_so_until_the_client_leaves(
    answer: Answer, expected: bytes
) -> None:
    async with run_raw_origin(answer) as origin:
        reader, writer = await asyncio.open_connection("127.0.0.1", origin.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert await reader.readexactly(len(expected)) == expected
        writer.close()


async def test_one_that_speaks_first_needs_no_request() -> None:
    async with run_raw_origin(b"220 hello\r\n", speaks_first=True) as origin:
        assert await read_all(origin, request=b"") == b"220 hello\r\n"


async def test_nothing_to_say_is_a_closed_connection() -> None:
    async with run_raw_origin() as origin:
        assert await read_all(origin) == b""

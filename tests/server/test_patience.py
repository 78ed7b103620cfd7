from __future__ import annotations

import asyncio
import contextlib

import pytest

from scribewire.testing.running import run_server

GET = b"GET /healthz HTTP/1.1\r\nHost: here\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /v2/re", id="half a line"),
        pytest.param(GET + b"\r\n" + GET, id="one request and half a second one"),
    ],
)
async def test_a_request_that_never_comes_to_its_end_is_not_waited_for(
    request_bytes: bytes,
) -> None:
    async with run_server(start_timeout_ms=100) as server:
        reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
        writer.write(request_bytes)

        async with asyncio.timeout(3):  # uvicorn's own limit, between two requests, is 5 s
            await reader.read()
        writer.close()


@pytest.mark.slow
async def test_a_session_is_not_cut_off() -> None:
    async with run_server(start_timeout_ms=100) as server, server.dial() as dialogue:
        await dialogue.send('{"action":"start"}')
        await dialogue.next()
        with contextlib.suppress(TimeoutError):  # real time is what this test is about
            async with asyncio.timeout(0.2):
                await dialogue.next()
        await dialogue.send('{"action":"stop"}')

        assert await dialogue.until_closed() == 1000

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from scribewire.server.address import listen
from scribewire.server.forwarding import TrustedProxies
from scribewire.server.listener import Listener
from scribewire.testing.running import RunningServer, run_server
from tests.parts.raw_websocket import RawSocket, connect_raw, upgrade

GET = b"GET /healthz HTTP/1.1\r\nHost: here\r\n"


def connect(server: RunningServer) -> contextlib.AbstractAsyncContextManager[RawSocket]:
    return connect_raw(server.address.host, server.address.port)


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /v2/re", id="half a line"),
        pytest.param(GET + b"\r\n" + GET, id="one request and half a second one"),
        pytest.param(upgrade("/v2/realtime")[:-2], id="half a handshake"),
        pytest.param(GET + b"Content-Length: 9\r\n\r\n", id="no body"),
    ],
)
async def test_a_request_that_never_comes_to_its_end_is_not_waited_for(
    request_bytes: bytes,
) -> None:
    async with run_server(start_timeout_ms=100) as server, connect(server) as raw:
        await raw.send(request_bytes)
        async with asyncio.timeout(3):
            await raw.until_gone()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (upgrade("/v2/realtime?token=" + "a" * 60_000), 431),
        (upgrade("/v2/realtime?token=key-1", "X: " + "a" * 60_000), 431),
        (upgrade("/v2/realtime?token=key-1", "Content-Length: 5") + b"hello", 400),
        (upgrade("/v2/realtime?token=" + "a" * 9_000), 401),
        (upgrade("/v2/realtime?token=a", *(f"X-{n}: y" for n in range(200))), 401),
        (upgrade("/v2/realtime?token=key-1", *(f"X-{n}: y" for n in range(200))), 101),
        (upgrade("/v2/client/key-1?url=http://127.0.0.1:9/" + "a" * 12_000), 101),
        (b"\0" * 100 + b"\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nHost: here\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 404),
        (b"HEAD /healthz HTTP/1.1\r\nHost: here\r\n\r\n", 200),
    ],
)
async def test_every_request_is_answered(
    server: RunningServer, request_bytes: bytes, status: int
) -> None:
    async with connect(server) as raw:
        await raw.send(request_bytes)
        head = await raw.head()

    assert head.startswith(f"HTTP/1.1 {status} ")


async def test_a_refusal_is_read_to_its_end_by_a_client_that_is_still_sending(
    server: RunningServer,
) -> None:
    async with connect(server) as raw:
        await raw.send(upgrade("/v2/realtime?token=" + "a" * 500_000))
        _, _, body = (await raw.until_gone()).partition(b"\r\n\r\n")

    assert "32768 bytes" in json.loads(body)["message"]


@pytest.mark.slow
async def test_a_session_is_not_cut_off() -> None:
    async with run_server(start_timeout_ms=100) as server, server.dial() as dialogue:
        await dialogue.send('{"action":"start"}')
        await dialogue.next()
        with contextlib.suppress(TimeoutError):  # real time is what this test is about
            async with asyncio.timeout(1.3):
                await dialogue.next()
        await dialogue.send('{"action":"stop"}')

        assert await dialogue.until_closed() == 1000


@pytest.mark.parametrize(
    ("forwarded", "host"),
    [
        (b"192.0.2.7", "192.0.2.7"),
        (b"198.51.100.1, 2001:db8::1", "2001:db8::1"),
        (b"secret", "127.0.0.1"),
        (b"192.0.2.7, secret", "127.0.0.1"),
        (b"", "127.0.0.1"),
    ],
)
async def test_of_a_proxy_only_an_address_is_believed(forwarded: bytes, host: str) -> None:
    seen = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    listening = listen("127.0.0.1", 0)
    proxies = TrustedProxies.read(["127.0.0.1"])
    listener = Listener(listening, app, start_timeout_s=5, proxies=proxies)
    listener.start()
    async with connect_raw(*listening.getsockname()[:2]) as raw:
        await raw.send(GET + b"X-Forwarded-For: " + forwarded + b"\r\n\r\n")
        await raw.until_gone()
    await listener.aclose()

    assert seen == [host]


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, *, start_timeout_s: float = 5) -> AsyncIterator[int]:
    """Serve an application as ours is served, and tell at which port."""
    listening = listen("127.0.0.1", 0)
    listener = Listener(listening, app, start_timeout_s=start_timeout_s, most_strangers=1)
    listener.start()
    try:
        yield listening.getsockname()[1]
    finally:
        await listener.aclose()


class InParts:
    """An application that answers part by part, as it is told to, until it is told no more."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.is_left = asyncio.Event()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200})
        leaving = asyncio.create_task(self.note_leaving(receive))
        try:
            while (part := await self.parts.get()) is not None:
                if isinstance(part, Exception):
                    raise part
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body"})
        finally:
            leaving.cancel()

    async def note_leaving(self, receive: Receive) -> None:
        assert await receive() == {"type": "http.disconnect"}
        self.is_left.set()


async def test_parts_are_sent_as_they_come_for_longer_than_a_request_may_take() -> None:
    app = InParts()
    async with serving(app, start_timeout_s=0.2) as port, connect_raw("127.0.0.1", port) as raw:
        await raw.send(GET + b"\r\n")
        app.parts.put_nowait(b"one")
        await raw.head()
        assert await raw.reader.readuntil(b"one\r\n") == b"3\r\none\r\n"
        await asyncio.sleep(0.4)  # real time is what this test is about
        async with connect_raw("127.0.0.1", port):  # the one stranger that there may be
            app.parts.put_nowait(b"two")
            app.parts.put_nowait(None)
            assert await raw.until_gone() == b"3\r\ntwo\r\n0\r\n\r\n"


@pytest.mark.parametrize("leaves", ["closes", "says more"])
async def test_the_application_hears_that_its_reader_has_left(leaves: str) -> None:
    app = InParts()
    async with serving(app) as port, connect_raw("127.0.0.1", port) as raw:
        await raw.send(GET + b"\r\n")
        app.parts.put_nowait(b"one")
        await raw.head()
        if leaves == "closes":
            raw.writer.close()
        else:
            await raw.send(GET + b"\r\n")
        async with asyncio.timeout(5):
            await app.is_left.wait()
        app.parts.put_nowait(b"two")  # it goes nowhere


async def test_an_answer_that_fails_on_its_way_has_no_proper_end() -> None:
    app = InParts()
    async with serving(app) as port, connect_raw("127.0.0.1", port) as raw:
        await raw.send(GET + b"\r\n")
        app.parts.put_nowait(b"one")
        await raw.head()
        app.parts.put_nowait(RuntimeError("ours"))
        assert not (await raw.until_gone()).endswith(b"0\r\n\r\n")


async def test_what_was_said_can_be_read_when_the_server_ends() -> None:
    app, listening = InParts(), listen("127.0.0.1", 0)
    listener = Listener(listening, app, start_timeout_s=5)
    listener.start()
    async with connect_raw(*listening.getsockname()[:2]) as raw:
        await raw.send(GET + b"\r\n")
        app.parts.put_nowait(b"one")
        await raw.head()
        closing = asyncio.create_task(listener.aclose())
        assert (await raw.until_gone()).startswith(b"3\r\none\r\n")
        await app.is_left.wait()
        app.parts.put_nowait(b"two")
        await closing

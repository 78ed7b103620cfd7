from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Send

from scribewire.server.listener import Listener
from scribewire.server.websocket_talk import SCOPE_KEY
from tests.parts.certificates import certify, served_with
from tests.parts.raw_websocket import BINARY, CLOSE, TEXT, RawSocket, connect_raw, frame, open_raw


async def echo(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Know whoever asks for `/known`, and repeat what is said."""
    if scope["path"] == "/known":
        scope[SCOPE_KEY].know_client()
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def overwhelm(_scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Say more than a client that does not read can take."""
    await receive()
    await send({"type": "websocket.accept"})
    for _ in range(100):
        await send({"type": "websocket.send", "text": "a" * 100_000})


@contextlib.asynccontextmanager
async def listening(
    most_strangers: int, app: ASGIApp = echo, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, int]]:
    sock = socket.create_server(("127.0.0.1", 0))
    listener = Listener(
        sock,
        app,
        start_timeout_s=15,
        most_strangers=most_strangers,
        tls=None if tls is None else lambda: tls,
    )
    listener.start()
    host, port = sock.getsockname()
    try:
        yield host, port
    finally:
        await listener.aclose()


@contextlib.contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Leave none but those that are closed from here on."""
    _, most = before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class HalfShaken:
    """A client over TLS that says its last word of the handshake when it is told to."""

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain
        self._heard, self._said = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trusting().wrap_bio(self._heard, self._said)

    async def shake(self) -> None:
        """Shake hands but for the last word."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        await loop.sock_sendall(self._plain, self._said.read())
        self._heard.write(await loop.sock_recv(self._plain, 16_384))
        self._tls.do_handshake()

    def ask(self) -> None:
        """Say it, and with it a request."""
        self._tls.write(b"GET / HTTP/1.0\r\n\r\n")
        self._plain.sendall(self._said.read())

    async def until_gone(self) -> None:
        """Wait until the server has cut it off."""
        with contextlib.suppress(ConnectionResetError):
            while await asyncio.get_running_loop().sock_recv(self._plain, 16_384):
                pass


def trusting() -> ssl.SSLContext:
    """Return what trusts anybody."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


async def is_served_over_tls(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port, ssl=trusting())
    writer.write(b"what\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.startswith(b"HTTP/1.1 400")


def connected(address: tuple[str, int]) -> socket.socket:
    """Return a socket that has connected before anybody could accept it."""
    client = socket.create_connection(address)
    client.setblocking(False)  # noqa: FBT003 - its name in the socket interface
    return client


async def test_the_oldest_strangers_make_room_and_who_is_known_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening(most_strangers=3) as address, contextlib.AsyncExitStack() as clients:
        known = await clients.enter_async_context(open_raw(*address, "/known"))
        strangers = [await clients.enter_async_context(connect_raw(*address)) for _ in range(6)]
        last = await clients.enter_async_context(open_raw(*address, "/"))
        gone = [await one.until_gone() for one in strangers[:4]]
        for one in (known, last):
            await one.send(frame(TEXT, b"here"))

            assert await one.next_frame() == (TEXT, b"here")

    assert gone == [b""] * 4
    assert [r.getMessage() for r in caplog.records if "too many" in r.getMessage()] == [
        "! too many clients without a key: the oldest are cut off"
    ]


async def test_without_a_descriptor_left_a_stranger_makes_room_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    async with listening(most_strangers=100) as address, contextlib.AsyncExitStack() as clients:
        for _ in range(10):
            await clients.enter_async_context(connect_raw(*address))
        later = [socket.socket() for _ in range(5)]
        with no_more_descriptors():
            for one in later:
                one.setblocking(False)  # noqa: FBT003 - its name in the socket interface
                await loop.sock_connect(one, address)
                await loop.sock_sendall(one, b"GET /healthz HTTP/1.0\r\nbad\r\n\r\n")

                assert await loop.sock_recv(one, 12) == b"HTTP/1.1 400"
        for one in later:
            one.close()

    said = [r.getMessage() for r in caplog.records]
    assert len([one for one in said if "no connection can be accepted" in one]) == 1


@pytest.mark.slow
async def test_without_strangers_it_is_waited_for_a_descriptor() -> None:
    loop = asyncio.get_running_loop()
    async with listening(most_strangers=100) as address:
        with socket.socket() as client:
            client.setblocking(False)  # noqa: FBT003 - its name in the socket interface
            with no_more_descriptors():
                await loop.sock_connect(client, address)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            await loop.sock_sendall(client, b"what\r\n\r\n")

            assert await loop.sock_recv(client, 12) == b"HTTP/1.1 400"


async def test_at_the_end_every_connection_is_closed() -> None:
    async with contextlib.AsyncExitStack() as clients:
        async with listening(most_strangers=100) as address:
            half = await clients.enter_async_context(connect_raw(*address))
            whole = await clients.enter_async_context(open_raw(*address, "/known"))
            closing = asyncio.create_task(whole.until_closed())

        assert await half.until_gone() == b""
        assert await closing == [(8, (1012).to_bytes(2, "big"))]


@pytest.mark.slow
async def test_at_the_end_nobody_waits_for_a_stranger_who_does_not_read() -> None:
    async with (
        contextlib.AsyncExitStack() as clients,
        asyncio.timeout(4),  # of 5 s that it has otherwise
        listening(100, overwhelm) as address,
    ):
        raw = await clients.enter_async_context(open_raw(*address, receive_buffer_bytes=4096))

        assert (await raw.next_frame())[0] == TEXT


async def test_at_the_end_what_served_a_client_tidies_up_undisturbed() -> None:
    may_tidy, has_tidied = asyncio.Event(), asyncio.Event()

    async def tidy(_scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        await may_tidy.wait()
        has_tidied.set()

    async def let_tidy(raw: RawSocket) -> None:
        await raw.until_closed()
        for _ in range(100):  # turns of the loop: more than the end of a connection takes
            await asyncio.sleep(0)
        may_tidy.set()

    async with contextlib.AsyncExitStack() as clients:
        async with listening(8, tidy) as address:
            raw = await clients.enter_async_context(open_raw(*address))
            letting = asyncio.create_task(let_tidy(raw))
        await letting

    assert has_tidied.is_set()


async def test_a_close_is_answered_though_messages_wait_that_nobody_takes() -> None:
    may_close = asyncio.Event()

    async def close_early(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        scope[SCOPE_KEY].begin_session()
        await receive()
        await may_close.wait()
        await send({"type": "websocket.close", "code": 1013})

    async with listening(8, close_early) as address, open_raw(*address) as raw:
        for text in (b"taken", b"waits", b"waits too"):
            await raw.send(frame(TEXT, text))
        may_close.set()
        opcode, payload = await raw.next_frame()
        await raw.send(frame(BINARY, bytes(320)) + frame(CLOSE, payload))

        async with asyncio.timeout(2):  # of 5 s that it waits for an answer
            assert await raw.until_gone() == b""
    assert (opcode, payload) == (CLOSE, (1013).to_bytes(2, "big"))


async def test_a_client_over_tls_is_one_stranger_not_two(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = served_with(certify("127.0.0.1"), folder=tmp_path)
    async with listening(1, tls=tls) as address:
        assert await is_served_over_tls(*address)
        assert await is_served_over_tls(*address)

    assert "too many" not in caplog.text


async def test_who_is_gone_before_tls_leaves_nothing_behind(tmp_path: Path) -> None:
    tls = served_with(certify("127.0.0.1"), folder=tmp_path)
    async with listening(8, tls=tls) as address:
        for _ in range(5):
            with connected(address) as reset:
                reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert await is_served_over_tls(*address)
        gc.collect()

        left = [one for one in gc.get_objects() if type(one).__name__ == "_Handshake"]
        assert len(left) <= 1  # of the one who was served


async def test_who_is_let_go_of_while_agreeing_on_tls_harms_nobody(tmp_path: Path) -> None:
    tls = served_with(certify("127.0.0.1"), folder=tmp_path)
    async with listening(1, tls=tls) as address:
        with connected(address) as first:
            half = HalfShaken(first)
            await half.shake()
            with connected(address) as second:
                await asyncio.sleep(0)
                half.ask()  # it is read in the turn in which the second takes the first's place
                whole = HalfShaken(second)
                await whole.shake()
                whole.ask()

                await half.until_gone()
                assert await asyncio.get_running_loop().sock_recv(second, 16_384)

        assert await is_served_over_tls(*address)

"""Both Python clients with much audio that waits for a connection: nobody waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

import pytest
from websockets.asyncio.server import ServerConnection, serve

from scribewire.client import FinalResult, ResumePolicy, blocking, connect

PIECE = bytes(8192)
# What may wait while somebody receives, and the piece with which it is more.
CROWDED_PIECES = 5_000_000 // len(PIECE)
QUICK = ResumePolicy(first_delay_s=0.001, most_delay_s=0.01)
PATIENCE_S = 10.0
FINAL = '{"text":"hello","is_final":true,"offset_ms":640,"number":1}'

pytestmark = pytest.mark.slow


@dataclass
class Server:
    """Loses the first connection at its first audio, and listens on the next one when it may."""

    reads_on: bool = True
    """On the next connection: it hears all. Otherwise it says what it has heard, and reads on once
    that has come."""
    may_listen: asyncio.Event = field(default_factory=asyncio.Event)
    has_come: asyncio.Event = field(default_factory=asyncio.Event)
    heard_bytes: int = 0
    connections: count[int] = field(default_factory=lambda: count(1))

    async def __call__(self, websocket: ServerConnection) -> None:
        is_first = next(self.connections) == 1
        await websocket.recv()
        if not is_first:
            await self.may_listen.wait()
        await websocket.send(
            '{"state":"listening","session_id":"5e55","epoch":"89abcdef",'
            '"received_bytes":0,"finals":0}'
        )
        if is_first:
            await websocket.recv()
            websocket.transport.abort()
            return
        if not self.reads_on:
            websocket.transport.pause_reading()
            await asyncio.sleep(0.1)  # for the sockets to be full
            await websocket.send(FINAL)
            await self.has_come.wait()
            websocket.transport.resume_reading()
        while isinstance(message := await websocket.recv(), bytes):
            self.heard_bytes += len(message)
        await websocket.send('{"state":"stopped"}')
        await websocket.close()


@contextlib.asynccontextmanager
async def playing(server: Server) -> AsyncIterator[str]:
    """Serve it on a socket that holds little."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    async with serve(server, sock=listener, compression=None):
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.may_listen.set()
            server.has_come.set()


@dataclass
class Talk:
    """So many pieces, then `stop`; results are read meanwhile."""

    pieces: int
    has_sent: int = 0
    is_lost: asyncio.Event = field(default_factory=asyncio.Event)
    finals: list[str] = field(default_factory=list)
    note_final: Callable[[], object] = lambda: None


async def in_a_task(url: str, talk: Talk) -> None:
    async def send() -> None:
        assert await client.send_audio(PIECE)
        await talk.is_lost.wait()
        for _ in range(talk.pieces):
            assert await client.send_audio(PIECE)
            talk.has_sent += 1
        await client.stop()

    note_loss = lambda _: talk.is_lost.set()  # noqa: E731 - it is short
    async with (
        connect(url, key="key-1", resume=QUICK, on_reconnecting=note_loss) as client,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(send())
        async for message in client:
            assert isinstance(message, FinalResult)
            talk.finals.append(message.text)
            talk.note_final()


async def in_threads(url: str, talk: Talk) -> None:
    loop = asyncio.get_running_loop()

    def send(client: blocking.Client) -> None:
        assert client.send_audio(PIECE)
        asyncio.run_coroutine_threadsafe(talk.is_lost.wait(), loop).result(PATIENCE_S)
        for _ in range(talk.pieces):
            assert client.send_audio(PIECE)
            talk.has_sent += 1
        client.stop()

    def program() -> None:
        with (
            ThreadPoolExecutor(1) as threads,
            blocking.connect(
                url,
                key="key-1",
                resume=QUICK,
                on_reconnecting=lambda _: loop.call_soon_threadsafe(talk.is_lost.set),
            ) as client,
        ):
            sending = threads.submit(send, client)
            for message in client:
                assert isinstance(message, FinalResult)
                talk.finals.append(message.text)
                loop.call_soon_threadsafe(talk.note_final)
            sending.result(PATIENCE_S)

    await asyncio.to_thread(program)


Run = Callable[[str, Talk], Awaitable[None]]
both = pytest.mark.parametrize("run", [in_a_task, in_threads])


@both
async def test_who_has_waited_to_send_goes_on_though_nothing_is_heard(run: Run) -> None:
    server, talk = Server(), Talk(CROWDED_PIECES + 10)
    async with asyncio.timeout(PATIENCE_S), playing(server) as url:
        running = asyncio.ensure_future(run(url, talk))
        while talk.has_sent < CROWDED_PIECES - 1:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # it waits now, or will not have to
        server.may_listen.set()
        await running

    assert talk.has_sent == talk.pieces
    assert server.heard_bytes == (talk.pieces + 1) * len(PIECE)


@both
async def test_results_come_while_a_slow_server_is_sent_what_has_waited(run: Run) -> None:
    server, talk = Server(reads_on=False), Talk(CROWDED_PIECES - 10)
    talk.note_final = server.has_come.set
    async with asyncio.timeout(PATIENCE_S), playing(server) as url:
        running = asyncio.ensure_future(run(url, talk))
        while talk.has_sent < talk.pieces:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        server.may_listen.set()
        await running

    assert talk.finals == ["hello"]
    assert server.heard_bytes == (talk.pieces + 1) * len(PIECE)


async def test_who_is_called_back_may_send_much() -> None:
    client: blocking.Client
    server = Server()
    server.may_listen.set()
    sent: list[bool] = []

    def send(_: object) -> None:
        sent.append(client.send_audio(PIECE * (CROWDED_PIECES + 10)))
        client.stop()

    def program(url: str) -> None:
        nonlocal client
        with blocking.connect(url, key="key-1", resume=QUICK, on_reconnecting=send) as client:
            assert client.send_audio(PIECE)
            assert list(client) == []

    async with asyncio.timeout(PATIENCE_S), playing(server) as url:
        await asyncio.to_thread(program, url)

    assert sent == [True]
    assert server.heard_bytes == (CROWDED_PIECES + 11) * len(PIECE)

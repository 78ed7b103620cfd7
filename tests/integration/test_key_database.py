"""Keys of a database and a real server process: changes reach it, use survives its death."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scribewire.errors import ServerFault
from scribewire.grants import Grant
from scribewire.keys.books import KeyBooks
from scribewire.keys.rights import WantedRights
from scribewire.testing.running import RawClient
from scribewire.testing.scripted import draw_pcm
from tests.parts.programs import Program

START, STOP = '{"action":"start"}', '{"action":"stop"}'
SPEECH = draw_pcm("." * 5 + "hello" * 11 + "." * 25)  # the silence that ends it is in it
SPEECH_MS = 85 * 32
SOON_S = 5.0


class KeyedServer:
    """The process, and the database that it shares with the test."""

    def __init__(self, url: str, folder: Path) -> None:
        self.books = KeyBooks.open(url)
        self._url = url
        self._log = folder / "server.log"
        self._program: Program | None = None
        self._address = ""

    async def start(self) -> None:
        self._log.write_text("")
        command = [sys.executable, "-m", "tests.parts.keyed_server", self._url]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self._program = await Program.start(command, self._log, environment=environment)

        async def is_ready() -> bool:
            lines = self._log.read_text().splitlines()  # its log is among them
            self._address = next((line for line in lines if line.startswith("ws://")), "")
            return bool(self._address)

        try:
            await self._program.wait_until(is_ready)
        except ServerFault:
            await self._program.kill()
            raise

    async def kill(self) -> None:
        assert self._program is not None
        await self._program.kill()

    async def end(self) -> None:
        assert self._program is not None
        os.kill(self._program.pid, signal.SIGTERM)
        await self._program.end()

    @contextlib.asynccontextmanager
    async def dial(self, key: str) -> AsyncIterator[RawClient]:
        async with connect(
            f"{self._address}/v2/realtime?token={key}", proxy=None, close_timeout=2
        ) as websocket:
            yield RawClient(websocket)

    def used(self) -> tuple[int, int]:
        """Return the audio in ms and the sessions that are written."""
        counts = self.books.usage.by_day(today=datetime.now(UTC).date(), days=2)
        return sum(one.audio_ms for one in counts), sum(one.sessions for one in counts)


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[KeyedServer]:
    keyed = KeyedServer(database_url, tmp_path)
    await keyed.start()
    yield keyed
    await keyed.kill()
    keyed.books.close()


async def status_of(server: KeyedServer, key: str) -> int:
    """Return what one more connection with a key is answered with."""
    try:
        async with server.dial(key):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


async def wait_until(server: KeyedServer, key: str, status: int) -> None:
    """Wait until what was done to a key beside the server acts there."""
    async with asyncio.timeout(SOON_S):
        while await status_of(server, key) != status:  # noqa: ASYNC110 - another process sets no Event
            await asyncio.sleep(0.05)


async def wait_until_used(server: KeyedServer, audio_ms: int, sessions: int) -> None:
    async with asyncio.timeout(SOON_S):
        while server.used() != (audio_ms, sessions):  # noqa: ASYNC110 - another process sets no Event
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_changes_reach_a_server_and_use_survives_its_death(server: KeyedServer) -> None:
    made = server.books.store.create(Grant(name="lobby"), now=time.time())
    await wait_until(server, made.key, 101)

    async with server.dial(made.key) as client:
        await client.send(START, SPEECH)
        only_one = WantedRights(max_sessions=1).as_change(lifted=(), now=time.time())
        assert await status_of(server, made.key) == 101
        server.books.store.change(made.record.grant.key_id, only_one)
        await wait_until(server, made.key, 429)
        await wait_until_used(server, SPEECH_MS, 1)
        await client.send(SPEECH)
        while len(client.finals) < 2:  # it has heard all of it
            await client.next()
        await server.kill()
        with contextlib.suppress(ConnectionClosed):
            await client.until_closed()

    audio_ms, sessions = server.used()
    assert sessions == 1
    assert SPEECH_MS <= audio_ms <= 2 * SPEECH_MS

    await server.start()
    async with server.dial(made.key) as client:
        await client.send(START, SPEECH)
        while not client.finals:
            await client.next()
        revoked_at = time.monotonic()
        server.books.store.revoke(made.record.grant.key_id, now=time.time())

        assert await client.until_closed() == 1008
        assert time.monotonic() - revoked_at < SOON_S
        assert client.errors[0].startswith("key revoked: ")
    await server.end()

    assert server.used() == (audio_ms + SPEECH_MS, 2)

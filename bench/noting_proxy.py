"""A relay on loopback in front of one address, which notes what is said of sessions, and when."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from tests.parts.listening import run_listener

LISTENING: Final = b'"state":"listening"'
FINAL: Final = b'"is_final":true'
_PIECE_BYTES: Final = 1 << 16


@dataclass
class NotingProxy:
    """One that runs. Each session has one of its own."""

    upstream_port: int
    port: int = 0
    connections: int = 0
    listening_at: list[float] = field(default_factory=list)
    """When the server said so, on the monotonic clock: first of a session, then of each return."""
    finals_at: list[float] = field(default_factory=list)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let one connection through, until a side of it ends."""
        self.connections += 1
        with contextlib.suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection(
                "127.0.0.1", self.upstream_port
            )
            sides = (
                asyncio.create_task(_pump(reader, server_writer)),
                asyncio.create_task(self._answer(server_reader, writer)),
            )
            try:
                await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for side in sides:
                    side.cancel()
                server_writer.close()
                await asyncio.gather(*sides, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listening, final = _Counted(LISTENING), _Counted(FINAL)
        while data := await reader.read(_PIECE_BYTES):
            now = time.monotonic()
            self.listening_at += [now] * listening.count(data)
            self.finals_at += [now] * final.count(data)
            writer.write(data)
            await writer.drain()


class _Counted:
    """Words in what comes in pieces."""

    def __init__(self, words: bytes) -> None:
        self._words = words
        self._tail = b""  # what may be their beginning

    def count(self, data: bytes) -> int:
        """Return how often they have come with this piece."""
        seen = self._tail + data
        self._tail = seen[-len(self._words) + 1 :]
        return seen.count(self._words)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE_BYTES):
        writer.write(data)
        await writer.drain()


@contextlib.asynccontextmanager
async def run_noting_proxy(upstream_port: int) -> AsyncIterator[NotingProxy]:
    """Listen on a free port for as long as the context is open."""
    proxy = NotingProxy(upstream_port)
    async with run_listener(proxy.relay) as proxy.port:
        yield proxy

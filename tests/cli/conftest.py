from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

import pytest

FOREVER = 0xFFFFFFFF


@pytest.fixture(scope="session")
def beckett() -> Path:
    """A recording of 12 s that comes with the default model."""
    distribution = metadata.distribution("moonshine-voice")
    return Path(str(distribution.locate_file("moonshine_voice/assets/beckett.wav")))


@dataclass
class Origin:
    """A media server on this machine: answers each connection with the next of its answers.

    The last answer is given again and again. The connection stays open after it while `hangs`.
    """

    answers: list[bytes]
    hangs: bool = False
    requests: list[str] = field(default_factory=list)
    connections: set[asyncio.Task[None]] = field(default_factory=set)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://user:word@127.0.0.1:{self.port}/talk.wav?secret=1"

    @staticmethod
    def whole(body: bytes) -> bytes:
        return f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    @staticmethod
    def file(pcm: bytes) -> bytes:
        return Origin.whole(_wav(pcm, len(pcm)))

    @staticmethod
    def live(pcm: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + _wav(pcm, FOREVER)

    @staticmethod
    def head(status: str, *lines: str, body: str = "") -> bytes:
        fields = "".join(f"{line}\r\n" for line in (*lines, f"content-length: {len(body)}"))
        return f"HTTP/1.1 {status}\r\n{fields}\r\n{body}".encode()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(asyncio.create_task(self._serve(reader, writer)))

    async def close(self) -> None:
        for connection in self.connections:
            connection.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            is_last = len(self.answers) == 1
            writer.write(self.answers[0] if is_last else self.answers.pop(0))
            await writer.drain()
            if self.hangs and is_last:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # who asked has gone
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def _wav(pcm: bytes, size: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    riff = struct.pack("<4sI4s", b"RIFF", min(size + 36, FOREVER), b"WAVE")
    return riff + form + struct.pack("<4sI", b"data", size) + pcm


RunOrigin: TypeAlias = Callable[..., AbstractAsyncContextManager[Origin]]


@pytest.fixture
def origin() -> type[Origin]:
    """What a media server may answer."""
    return Origin


@pytest.fixture
def run_origin() -> RunOrigin:
    """Run a media server with the given answers, for as long as the context is open."""

    @asynccontextmanager
    async def run(*answers: bytes, hangs: bool = False) -> AsyncIterator[Origin]:
        origin = Origin(list(answers), hangs=hangs)
        listener = await asyncio.start_server(origin.accept, "127.0.0.1", 0)
        origin.port = listener.sockets[0].getsockname()[1]
        async with listener:
            try:
                yield origin
            finally:
                await origin.close()

    return run

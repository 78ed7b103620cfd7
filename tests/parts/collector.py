"""A collector of OpenTelemetry that keeps what it is sent, for as long as a test needs it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.parts.listening import run_listener

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator


@asynccontextmanager
async def run_collector(posts: list[bytes]) -> AsyncIterator[str]:
    """Take what is posted, as `post PATH BODY`; give the address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        size = int(head.partition("content-length:")[2].partition("\r\n")[0])
        posts.append(head.partition(" http")[0].encode() + b" " + await reader.readexactly(size))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with run_listener(serve) as port:
        yield f"http://127.0.0.1:{port}"

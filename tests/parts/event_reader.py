"""A reader of Server-Sent Events, byte by byte, as slow as a test likes.

async with read_events(port, session_id, key="key-1") as reader:
    ... await reader.next() ...
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """One event as it came."""

    name: str
    data: dict[str, Any]
    id: int | None = None


@dataclass
class EventReader:
    """What is read over one connection."""

    status: int
    fields: dict[str, str]
    """The headers, names in lower case."""
    stream: asyncio.StreamReader
    events: list[ReadEvent] = field(default_factory=list)
    """All that have come."""
    comments: int = 0
    _left: str = ""

    async def next(self) -> ReadEvent:
        """Return the next event. Raises asyncio.IncompleteReadError when there is none."""
        while True:
            block = await self._next_block()
            if block.startswith(":"):
                self.comments += 1
                continue
            lines = dict(line.split(": ", 1) for line in block.split("\n"))
            if "data" not in lines:
                continue
            number = int(lines["id"]) if "id" in lines else None
            event = ReadEvent(lines["event"], json.loads(lines["data"]), number)
            self.events.append(event)
            return event

    async def until(self, name: str) -> ReadEvent:
        """Read until an event of this name."""
        while (event := await self.next()).name != name:
            pass
        return event

    async def until_end(self) -> list[ReadEvent]:
        """Read all that comes, and return all that has."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self.next()
        return self.events

    @property
    def finals(self) -> list[tuple[int | None, str]]:
        """The number and the text of every final."""
        return [(one.id, one.data["text"]) for one in self.events if one.name == "final"]

    async def _next_block(self) -> str:
        while "\n\n" not in self._left:
            size = int((await self.stream.readuntil(b"\r\n")).strip() or b"0", 16)
            if not size:
                raise asyncio.IncompleteReadError(self._left.encode(), None)
            part = await self.stream.readexactly(size + 2)
            self._left += part[:-2].decode()
        block, _, self._left = self._left.partition("\n\n")
        return block


@contextlib.asynccontextmanager
async def read_events(
    port: int,
    session_id: str,
    *,
    key: str = "key-1",
    query: str = "",
    fields: Mapping[str, str] | None = None,
    holds_bytes: int | None = None,
) -> AsyncIterator[EventReader]:
    """Read a session along. `holds_bytes`: how much is taken here before it is read."""
    connected = socket.socket()
    if holds_bytes is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holds_bytes)
    connected.settimeout(0)
    await asyncio.get_running_loop().sock_connect(connected, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connected, limit=holds_bytes or 2**16)
    lines = [
        f"GET /v1/sessions/{session_id}/events{query} HTTP/1.1",
        "Host: here",
        f"Authorization: Bearer {key}",
        *(f"{name}: {value}" for name, value in (fields or {}).items()),
    ]
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}
        yield EventReader(int(first.split(" ")[1]), headers, reader)
    finally:
        writer.close()

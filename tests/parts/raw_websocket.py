"""A client that says what no library would: a WebSocket byte by byte."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10

START = '{"action":"start"}'


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """Write a client's frame, masked with zeros."""
    first = (0x80 if is_last else 0) | opcode
    if len(payload) < 126:
        return bytes([first, 0x80 | len(payload)]) + bytes(4) + payload
    if len(payload) < 65_536:
        return struct.pack("!BBH", first, 0x80 | 126, len(payload)) + bytes(4) + payload
    return struct.pack("!BBQ", first, 0x80 | 127, len(payload)) + bytes(4) + payload


def close(code: int, reason: bytes = b"") -> bytes:
    """Write a close."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


def upgrade(target: str, *headers: str) -> bytes:
    """Write a handshake's request, with further header lines."""
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: here",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


@dataclass
class RawSocket:
    """A connection to a server, and what is read of it."""

    reader: asyncio.StreamReader
    """What the server sends, as far as it is asked for."""
    writer: asyncio.StreamWriter
    """What it is sent."""

    async def send(self, data: bytes) -> None:
        """Send this, as fast as it is taken."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> str:
        """Read the head of an HTTP answer."""
        return (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    async def next_frame(self) -> tuple[int, bytes]:
        """Read a frame of the server: opcode and payload."""
        first, length = await self.reader.readexactly(2)
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(length)

    async def until_closed(self) -> list[tuple[int, bytes]]:
        """Answer a close, and read every frame up to the end of the connection."""
        frames = []
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                opcode, payload = await self.next_frame()
                frames.append((opcode, payload))
                if opcode == CLOSE:
                    self.writer.write(frame(CLOSE, payload))
        self.writer.close()
        return frames

    async def until_gone(self) -> bytes:
        """Read everything up to the end of the connection, however it comes."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while more := await self.reader.read(65_536):
                data += more
        return data


def close_code(frames: list[tuple[int, bytes]]) -> int | None:
    """Return the code of the server's close, if it sent one."""
    for opcode, payload in frames:
        if opcode == CLOSE:
            return int.from_bytes(payload[:2], "big")
    return None


@contextlib.asynccontextmanager
async def connect_raw(
    host: str, port: int, *, receive_buffer_bytes: int | None = None
) -> AsyncIterator[RawSocket]:
    """Open a connection; a small receive buffer makes a client that does not read felt sooner."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if receive_buffer_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    sock.setblocking(False)  # noqa: FBT003 - its name in the socket interface
    try:
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
        # A small limit: nothing is read that was not asked for, but for a little.
        reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    except BaseException:  # cancelled too: nobody else has it yet
        sock.close()
        raise
    try:
        yield RawSocket(reader, writer)
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def open_raw(
    host: str,
    port: int,
    target: str = "/v2/realtime?token=key-1",
    *,
    receive_buffer_bytes: int | None = None,
) -> AsyncIterator[RawSocket]:
    """Open a WebSocket."""
    async with connect_raw(host, port, receive_buffer_bytes=receive_buffer_bytes) as raw:
        await raw.send(upgrade(target))
        head = await raw.head()
        assert " 101 " in head, head
        yield raw

"""An HTTP origin on loopback that says what a test has written down, byte by byte.

async with run_raw_origin(ok(wav(pcm)), (live(wav(pcm, size=FOREVER)), HANG)) as origin:
    origin.paths["/page"] = head("404 Not Found")
    ... origin.url("/talk.wav") ... origin.requests ...

An answer is bytes, or steps: bytes to send, an event to wait for, a break. After the last one the
connection is closed; there is one request to each. `tests.parts.origin` is the polite one.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.parts.listening import run_listener

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator


class Break(enum.Enum):
    """How a connection may end otherwise than by being closed."""

    HANG = enum.auto()
    """Nothing more comes, until the client leaves."""
    RESET = enum.auto()


HANG: Final = Break.HANG
RESET: Final = Break.RESET


@dataclass(frozen=True, slots=True)
class Endlessly:
    """Send this again and again, until the client leaves."""

    data: bytes


Step: TypeAlias = bytes | asyncio.Event | Endlessly | Break
Script: TypeAlias = bytes | Sequence[Step]
Answer: TypeAlias = Script | Callable[[bytes], Script]
"""The last kind is made of the request, as it came."""


# What servers say.


def head(status: str, *lines: str, body: bytes = b"") -> bytes:
    """Return an answer with these lines in its header and the length of its body."""
    fields = "".join(f"{line}\r\n" for line in (*lines, f"content-length: {len(body)}"))
    return f"HTTP/1.1 {status}\r\n{fields}\r\n".encode() + body


def ok(body: bytes, *lines: str) -> bytes:
    """Return an answer that tells how long it is."""
    return head("200 OK", *lines, body=body)


def live(body: bytes, *lines: str) -> bytes:
    """Return an answer without a length: it is over when the connection is."""
    fields = "".join(f"{line}\r\n" for line in ("connection: close", *lines))
    return f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + body


# Who says it.


@dataclass
class RawOrigin:
    """A running origin. Everything of it may be changed at any time; it holds from then on."""

    answers: list[Answer]
    """For one connection after the other, the last one again and again; none: it is closed."""
    paths: dict[str, Answer] = field(default_factory=dict)
    """Instead of `answers`, for requests of this path, without its query."""
    requests: list[bytes] = field(default_factory=list)
    """All there were, as they came: the header, and the body that it announced."""
    connections: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    port: int = 0
    speaks_first: bool = False
    """Answer before anything was asked."""

    def url(self, path: str = "/", host: str = "", *, user: str = "") -> str:
        """Return the URL of a path; `user` may hold a password."""
        at = f"{user}@" if user else ""
        return f"{self.scheme}://{at}{host or self.host}:{self.port}{path}"

    def fields(self, index: int = -1) -> dict[str, str]:
        """Return the header of a request, names in lower case."""
        lines = self.requests[index].decode().split("\r\n\r\n")[0].split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        # Who asked may have gone.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = b"" if self.speaks_first else await _read_request(reader)
            if request:
                self.requests.append(request)
            await _play(self._answer(request), reader, writer)

    def _answer(self, request: bytes) -> Script:
        path = request.split(b" ")[1].partition(b"?")[0].decode() if request else ""
        if (answer := self.paths.get(path)) is None:
            has_more = len(self.answers) > 1
            answer = self.answers.pop(0) if has_more else next(iter(self.answers), b"")
        return answer(request) if callable(answer) else answer


@contextlib.asynccontextmanager
async def run_raw_origin(
    *answers: Answer,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    speaks_first: bool = False,
) -> AsyncIterator[RawOrigin]:
    """Listen for as long as the context is open, on a free port unless told."""
    scheme = "https" if tls else "http"
    origin = RawOrigin(list(answers), host=host, scheme=scheme, speaks_first=speaks_first)
    serve = origin._serve  # noqa: SLF001 - its own
    async with run_listener(serve, host=host, port=port, tls=tls) as origin.port:
        yield origin


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    request = await reader.readuntil(b"\r\n\r\n")
    for line in request.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            request += await reader.readexactly(int(line.partition(b":")[2]))
    return request


async def _play(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for step in (script,) if isinstance(script, bytes) else script:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case asyncio.Event():
                await step.wait()
            case Endlessly(data):
                await _repeat(data, writer)
            case Break.HANG:
                await reader.read()
            case Break.RESET:
                _reset(writer)


async def _repeat(data: bytes, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(data)
        await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)  # closing sends a reset
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class RawServer:
    """Answers each connection with the next of the given bytes, and notes what was asked."""

    answers: list[bytes] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    scheme: str = "http"
    hangs: bool = False
    """Keep the connection open after the answer, silent."""
    resets: bool = False
    """Reset the connection after the answer."""

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def fields(self, index: int = -1) -> dict[str, str]:
        lines = self.requests[index].decode().split("\r\n")[1:-2]
        return {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answers.pop(0) if self.answers else b"")
            await writer.drain()
            if self.hangs:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if self.resets:
                linger = struct.pack("ii", 1, 0)  # close with a reset
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            writer.close()


@asynccontextmanager
async def run_raw_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    raw = RawServer(scheme="https" if tls else "http")
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0, ssl=tls)
    raw.port = server.sockets[0].getsockname()[1]
    async with server:
        yield raw


@pytest.fixture
async def raw_server() -> AsyncIterator[RawServer]:
    async with run_raw_server() as raw:
        yield raw


@pytest.fixture
async def other_server() -> AsyncIterator[RawServer]:
    async with run_raw_server() as raw:
        yield raw


@dataclass(frozen=True)
class Certificate:
    """Of a.example, by itself."""

    path: Path
    tls: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    path, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(key), "-out", str(path), "-subj", "/CN=a.example"]
    command += ["-addext", "subjectAltName=DNS:a.example"]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path, key)
    return Certificate(path, tls)


@pytest.fixture
async def tls_server(certificate: Certificate) -> AsyncIterator[RawServer]:
    async with run_raw_server(certificate.tls) as raw:
        yield raw


class Names:
    """A look-up from a table; each name gives its answers in turn, the last one again."""

    def __init__(self, table: dict[str, list[list[str]]]) -> None:
        self._table = table
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._table.get(host)
        if answers is None:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def names() -> type[Names]:
    return Names

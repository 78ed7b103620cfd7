"""A real NATS for as long as a test needs one: JetStream, on loopback, with a token of its own.

async with run_nats(folder) as nats:
    ... ClusterConnection([nats.url]) ...
    await nats.kill()
    await nats.start()  # with what it had stored in files
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.parts.installed import find_part
from tests.parts.programs import Program, find_free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_CONFIGURATION = """
listen: "127.0.0.1:{port}"
authorization: {{ token: "{token}" }}
jetstream: {{ store_dir: "{folder}", sync_interval: "1m" }}
"""


@dataclass
class NatsServer:
    """A server of NATS, running or not."""

    folder: Path
    port: int
    token: str = field(repr=False)
    certificate: Path | None = None
    """With its key, for TLS."""
    configured: str = ""
    """What else it is told, as in its configuration."""
    _program: Program | None = None

    @property
    def url(self) -> str:
        """What leads there, with the token."""
        scheme = "nats" if self.certificate is None else "tls"
        return f"{scheme}://{self.token}@127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._program is not None
        return self._program.pid

    async def start(self) -> None:
        """Start it, and wait until it answers. Raises ServerFault."""
        file = self.folder / "nats.conf"
        written = _CONFIGURATION.format(
            port=self.port, token=self.token, folder=self.folder / "store"
        )
        if self.certificate is not None:
            written += f'tls: {{ cert_file: "{self.certificate}", key_file: "{self.certificate}" }}'
        file.write_text(written + self.configured)
        command = (find_part("nats-server"), "-c", str(file))
        self._program = await Program.start(command, self.folder / "nats.log")
        await self._program.wait_until(self._answers)

    async def kill(self) -> None:
        """End it on the spot, as a crash would."""
        if self._program is not None:
            await self._program.kill()

    def pause(self) -> None:
        """Let it stand still: connections stay, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    async def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                return (await reader.readline()).startswith(b"INFO ")
            finally:
                writer.close()
                await writer.wait_closed()
        return False


@contextlib.asynccontextmanager
async def run_nats(folder: Path, *, certificate: Path | None = None) -> AsyncIterator[NatsServer]:
    """Run one that keeps its files in `folder`, with TLS if it has a certificate."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - a test's own disk
    server = NatsServer(folder, find_free_port(), secrets.token_hex(16), certificate)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@contextlib.asynccontextmanager
async def run_three(folder: Path) -> AsyncIterator[list[NatsServer]]:
    """Run three that are one NATS, for what is stored on several."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - as above
    ports, token = [find_free_port() for _ in range(3)], secrets.token_hex(16)
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    async with contextlib.AsyncExitStack() as owned:
        servers = []
        for number, port in enumerate(ports):
            own = folder / str(number)
            own.mkdir()
            listening = f'name: "c", listen: "127.0.0.1:{port}", routes: [{routes}]'
            configured = f'\nserver_name: "s{number}"\ncluster: {{ {listening} }}\n'
            server = NatsServer(own, find_free_port(), token, configured=configured)
            await server.start()
            owned.push_async_callback(server.kill)
            servers.append(server)
        yield servers

"""Replicas of a server behind HAProxy, and the NATS that they share, each a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scribewire.errors import ServerFault
from tests.parts.nats_server import NatsServer, run_nats
from tests.parts.plain_http import ask
from tests.parts.programs import Program, find_free_port
from tests.parts.proxies import run_haproxy

SERVE: Final = ("-m", "scribewire", "serve")
"""The server as operators run it, in the words behind `python`."""
KEY: Final = "of-the-cluster"
_POLL_S: Final = 0.05
_START_PATIENCE_S: Final = 90.0  # where several load their models at once


@dataclass
class Replica:
    """One server; it may be killed, and started again at the same place."""

    port: int
    log: Path
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    _program: Program | None = None

    async def start(self) -> None:
        """Start it, and wait until it would take a session."""
        command = (sys.executable, *self.command)
        environment = {**os.environ, **self.environment, "SCRIBEWIRE_PORT": str(self.port)}
        self._program = await Program.start(command, self.log, environment=environment)
        try:
            async with asyncio.timeout(_START_PATIENCE_S):
                while not await self._is_ready():  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise ServerFault(f"a replica is not ready: {self._program.said()}") from None

    async def kill(self) -> None:
        """End it on the spot, as a crash would."""
        if self._program is not None:
            await self._program.kill()

    async def end(self) -> None:
        """Have it end; it is given a while for it."""
        if self._program is not None:
            await self._program.end()

    @property
    def cpu_s(self) -> float:
        """The processor time that it has used since it was started."""
        assert self._program is not None
        return cpu_s_of(self._program.pid)

    async def _is_ready(self) -> bool:
        assert self._program is not None
        if self._program.has_ended:
            raise ServerFault(f"a replica has ended: {self._program.said()}")
        with contextlib.suppress(OSError):
            return (await ask(self.port, "/readyz", {"Host": "127.0.0.1"})).status == 200
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustered:
    """What runs until the context of `run_clustered` ends."""

    url: str
    """Where clients find it: ws://host:port of the balancer."""
    port: int
    replicas: tuple[Replica, ...]
    nats: NatsServer


@contextlib.asynccontextmanager
async def run_clustered(
    folder: Path,
    *,
    count: int,
    command: Sequence[str] = SERVE,
    environment: Mapping[str, str],
) -> AsyncIterator[Clustered]:
    """Run so many replicas for as long as the context is open; all accept KEY.

    Their logs are `0.log` and so on in the folder.
    """
    async with contextlib.AsyncExitStack() as stack:
        nats = await stack.enter_async_context(run_nats(folder / "nats"))
        shared = {**environment, "SCRIBEWIRE_KEYS": KEY, "SCRIBEWIRE_CLUSTER": nats.url}
        replicas = tuple(
            Replica(find_free_port(), folder / f"{number}.log", command, shared)
            for number in range(count)
        )
        for one in replicas:
            stack.push_async_callback(one.end)
        await asyncio.gather(*(one.start() for one in replicas))
        ports = [one.port for one in replicas]
        port = await stack.enter_async_context(run_haproxy(folder, server_ports=ports))
        yield Clustered(url=f"ws://127.0.0.1:{port}", port=port, replicas=replicas, nats=nats)


def cpu_s_of(pid: int) -> float:
    """Return the processor time that a process has used."""
    import psutil  # noqa: PLC0415 - of the bench set alone

    spent = psutil.Process(pid).cpu_times()
    return float(spent.user + spent.system)

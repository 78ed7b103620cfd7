"""A real server with scripted engines in a process of its own, to be killed or stopped by a test.

async with run_scripted_server(folder, cluster=(nats.url,), allow_source=("127.0.0.1",)) as server:
    async with server.dial(path) as client: ...
    await server.program.kill()

`python -m tests.parts.scripted_server PORT` is that process; its options come by its environment.
Without a port it is `scribewire serve` for tests of signals: it takes its settings from the
environment, prints its address, and ends as the command does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from scribewire.cli.logs import configure_logs
from scribewire.engines.engines import Engines
from scribewire.server.run import serve_until_signal
from scribewire.settings import Settings
from scribewire.testing.running import RawClient, run_server
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad
from tests.parts.programs import Program, find_free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from scribewire.server.address import Address

_OPTIONS = "TESTS_SERVER_OPTIONS"


@dataclass(frozen=True, slots=True)
class ScriptedServer:
    """One that runs, or did."""

    program: Program
    port: int

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.program.pid, number)

    @contextlib.asynccontextmanager
    async def dial(self, path: str) -> AsyncIterator[RawClient]:
        """Open a WebSocket to it."""
        url = f"ws://127.0.0.1:{self.port}{path}"
        async with connect(url, proxy=None, max_size=None, close_timeout=1) as websocket:
            yield RawClient(websocket)


@contextlib.asynccontextmanager
async def run_scripted_server(folder: Path, **options: object) -> AsyncIterator[ScriptedServer]:
    """Run one with these settings, on a free port; what it says goes to a file in `folder`."""
    port = find_free_port()
    program = await Program.start(
        (sys.executable, "-m", "tests.parts.scripted_server", str(port)),
        folder / f"server-{port}.log",
        environment={**os.environ, _OPTIONS: json.dumps(options)},
    )
    try:
        await program.wait_until(lambda: _answers(port))
        yield ScriptedServer(program, port)
    finally:
        await program.kill()


async def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def _serve(port: int) -> None:
    async with run_server(port=port, **json.loads(os.environ[_OPTIONS])):
        await asyncio.Event().wait()


def _serve_until_signal() -> int:
    configure_logs("info", "text")
    engines = Engines(ScriptedVad(), (ScriptedEngine(),))
    number = asyncio.run(serve_until_signal(Settings(), engines, {}, _print_address))
    return 0 if number is None else 128 + number


def _print_address(address: Address) -> None:
    sys.stdout.write(f"{address.url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(_serve_until_signal())
    asyncio.run(_serve(int(sys.argv[1])))

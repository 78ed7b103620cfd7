"""A server with a scripted engine in a process of its own, and what the system says of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from scribewire.testing.running import run_server

KEYS = ("good-key", "second-key")
"""What it accepts: the keys of the recorded dialogues."""

START_TIMEOUT_MS = 500
END_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class ScriptedServer:
    """It runs until the context of `run_scripted_server` ends."""

    host: str
    port: int
    process: Process
    log: Path

    @property
    def descriptors(self) -> int:
        """How many files it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @property
    def rss_bytes(self) -> int:
        """How much memory it holds."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()
        return int(fields[1]) * os.sysconf("SC_PAGESIZE")


@contextlib.asynccontextmanager
async def run_scripted_server(folder: Path) -> AsyncIterator[ScriptedServer]:
    """Run it; its log goes to a file in `folder`, from `info` up."""
    log = folder / "server.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.scripted_server"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        host, port = json.loads(await process.stdout.readline())
        yield ScriptedServer(host, port, process, log)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(END_PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _serve_until_input_ends() -> None:
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("scribewire").setLevel(logging.INFO)
    ends = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(ends), sys.stdin
    )
    async with run_server(keys=KEYS, start_timeout_ms=START_TIMEOUT_MS) as server:
        print(json.dumps([server.address.host, server.address.port]), flush=True)
        await ends.read()


if __name__ == "__main__":
    asyncio.run(_serve_until_input_ends())

"""A real server in a process of its own, so that its cost can be told from the bench's.

`python -m bench.server_process` is that process. It prints one line of JSON once the port is
open, answers each line on its standard input with the processor time it has used, and drains
and ends when its input ends: a bench that dies leaves no server behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

from scribewire.engines.loader import load_engines
from scribewire.server.run import serving
from scribewire.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


class BenchServer:
    """A running server, as seen from the bench."""

    def __init__(self, process: Process, *, url: str, key: str) -> None:
        self._process = process
        self.url = url  # ws://host:port, without a path
        self.key = key  # the only one it accepts

    async def cpu_s(self) -> float:
        """Return the processor time that the server has used since it started."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return float((await _read_line(self._process))["cpu_s"])


@contextlib.asynccontextmanager
async def bench_server(environment: dict[str, str] | None = None) -> AsyncIterator[BenchServer]:
    """Run a server for as long as the context is open; `environment` sets its options."""
    key = secrets.token_urlsafe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.server_process"),
        stdin=PIPE,
        stdout=PIPE,
        cwd=ROOT,
        env={**os.environ, **(environment or {}), "SCRIBEWIRE_KEYS": key, "SCRIBEWIRE_PORT": "0"},
    )
    assert process.stdin is not None
    try:
        url = str((await _read_line(process))["url"])
        yield BenchServer(process, url=url, key=key)
    finally:
        process.stdin.close()
        await process.wait()


async def _read_line(process: Process) -> dict[str, str | float]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the server has ended; its reason is above")
    answer: dict[str, str | float] = json.loads(line)
    return answer


# The server's side.


async def _serve_until_input_ends() -> None:
    engines = load_engines()
    questions = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(questions), sys.stdin
    )
    async with serving(Settings.model_validate({}), engines) as (address, _):
        _answer({"url": address.url})
        while await questions.readline():
            _answer({"cpu_s": time.process_time()})
    engines.close()


def _answer(answer: dict[str, str | float]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve_until_input_ends())

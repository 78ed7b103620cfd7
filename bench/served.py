"""`scribewire serve` in a process of its own, as an operator runs it, with a log in a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scribewire.errors import ServerFault

END_PATIENCE_S: Final = 60.0  # it drains for 30 s at most


@dataclass(frozen=True, slots=True)
class Served:
    """One that runs, or has run."""

    url: str
    """ws://host:port, without a path."""
    process: Process = field(repr=False)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])


@contextlib.asynccontextmanager
async def run_served(
    log: Path, *options: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Served]:
    """Run one for as long as the context is open; what it logs is added to the file."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scribewire", "serve", *options),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=output,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # else Ctrl-C at our terminal would reach it before we do
        )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        if not line:
            raise ServerFault(f"the server has ended: {_last_words(log)}")
        yield Served(line.split()[1], process)
    finally:
        await _end(process)


def _last_words(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-1000:]


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_PATIENCE_S):
            await process.wait()
    except BaseException:  # too late, or we are told to end once more
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise


async def run_keys(command: str, *arguments: str) -> dict[str, Any]:
    """Run a command of `scribewire keys`, and return what it tells."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scribewire", "keys", command, *arguments, "--format", "json"),
        stdout=PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise ServerFault(f"scribewire keys {command} ended with {process.returncode}")
    answer: dict[str, Any] = json.loads(output)
    return answer

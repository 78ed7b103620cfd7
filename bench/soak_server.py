"""The server of a soak: `scribewire serve` as an operator runs it, and what it holds, from outside.

It has a key database of its own, metrics, and a log of JSON lines in a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.soak_verdicts import Sample
from scribewire.capacity.load import Target
from scribewire.errors import ServerFault

END_PATIENCE_S: Final = 60.0  # it drains for 30 s at most
OPTIONS: Final = (
    *("--port", "0", "--languages", "en", "--allow-source", "127.0.0.1"),
    *("--metrics-port", "0", "--log-format", "json"),
)
ENDED_WELL: Final = 0  # after SIGTERM, once it has drained

_METRICS: Final = re.compile(r'"url": "http://127\.0\.0\.1:(\d+)/metrics"')


@dataclass(frozen=True, slots=True)
class SoakedServer:
    """One that runs, or has run."""

    target: Target
    process: Process = field(repr=False)
    database: str
    log: Path

    @property
    def metrics_port(self) -> int:
        """Where it is read, as it has logged."""
        return int(_METRICS.findall(self.log.read_text("utf-8"))[0])

    def sample(self, at_s: float) -> Sample:
        """Look at its process and all below it."""
        import psutil  # noqa: PLC0415 - of the bench set alone

        own = psutil.Process(self.process.pid)
        rss = threads = processes = descriptors = 0
        for one in (own, *own.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it ends just now
                with one.oneshot():
                    held = one.memory_info().rss, one.num_threads(), one.num_fds()
                rss, threads, descriptors = rss + held[0], threads + held[1], descriptors + held[2]
                processes += 1
        return Sample(
            at_s=round(at_s, 1),
            rss_mb=round(rss / 1e6, 1),
            threads=threads,
            processes=processes,
            descriptors=descriptors,
        )

    async def sessions_booked(self) -> tuple[int, float]:
        """Return the sessions and the minutes of audio that are in its database."""
        told = await _run_keys("usage", "--database", self.database)
        rows = told["usage"]
        return sum(row["sessions"] for row in rows), sum(row["audio_s"] for row in rows) / 60


@contextlib.asynccontextmanager
async def run_soaked_server(folder: Path) -> AsyncIterator[SoakedServer]:
    """Run one for as long as the context is open; its files lie in `folder`."""
    database, log = f"sqlite:///{folder / 'keys.sqlite3'}", folder / "server.log"
    made = await _run_keys("create", "soak", "--database", database)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scribewire", "serve", "--database", database, *OPTIONS),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=output,
            start_new_session=True,  # else Ctrl-C at our terminal would reach it before we do
        )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        if not line:
            raise ServerFault(f"the server has ended: {log.read_text('utf-8')[-1000:]}")
        target = Target(url=line.split()[1], key=str(made["key"]))
        yield SoakedServer(target, process, database, log)
    finally:
        await _end(process)


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


async def _run_keys(command: str, *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scribewire", "keys", command, *arguments, "--format", "json"),
        stdout=PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise ServerFault(f"scribewire keys {command} ended with {process.returncode}")
    answer: dict[str, Any] = json.loads(output)
    return answer

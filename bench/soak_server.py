"""The server of a soak: `scribewire serve` as an operator runs it, and what it holds, from outside.

It has a key database of its own, metrics, and a log of JSON lines in a file.
"""

from __future__ import annotations

import contextlib
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.served import run_keys, run_served
from bench.soak_verdicts import Sample
from scribewire.capacity.load import Target

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
        told = await run_keys("usage", "--database", self.database)
        rows = told["usage"]
        return sum(row["sessions"] for row in rows), sum(row["audio_s"] for row in rows) / 60


@contextlib.asynccontextmanager
async def run_soaked_server(folder: Path) -> AsyncIterator[SoakedServer]:
    """Run one for as long as the context is open; its files lie in `folder`."""
    database, log = f"sqlite:///{folder / 'keys.sqlite3'}", folder / "server.log"
    made = await run_keys("create", "soak", "--database", database)
    async with run_served(log, "--database", database, *OPTIONS) as served:
        target = Target(url=served.url, key=str(made["key"]))
        yield SoakedServer(target, served.process, database, log)

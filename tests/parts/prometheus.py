"""A real Prometheus that reads one server, for as long as a test needs it.

async with run_prometheus(folder, target_port) as prometheus:
    await prometheus.wait_for("scribewire_finals_total >= 1")
    ... await prometheus.query("sum(scribewire_sessions_open)") ...
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import yaml

from scribewire.errors import ServerFault
from tests.parts.installed import find_part
from tests.parts.plain_http import ask
from tests.parts.programs import Program, find_free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
SCRAPE_INTERVAL: Final = "200ms"  # ours is 15 s


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs."""

    port: int
    program: Program

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of an instant query. Raises ServerFault with what is wrong in it."""
        answer = await self._ask(f"/api/v1/query?query={quote(expression, safe='')}")
        found: dict[str, Any] = json.loads(answer)
        if found["status"] != "success":
            raise ServerFault(f"{expression}: {found['error']}")
        samples: list[dict[str, Any]] = found["data"]["result"]
        return samples

    async def wait_for(self, expression: str) -> None:
        """Wait until the query has a sample. Raises ServerFault when that takes too long."""

        async def has_sample() -> bool:
            return bool(await self.query(expression))

        await wait_until(has_sample, what=lambda: f"nothing came of {expression}")

    async def rules(self) -> list[dict[str, Any]]:
        """Return the rules that it has read, with what came of each."""
        groups: dict[str, Any] = json.loads(await self._ask("/api/v1/rules"))
        return [rule for group in groups["data"]["groups"] for rule in group["rules"]]

    async def is_ready(self) -> bool:
        """Whether it answers queries."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            return (await ask(self.port, "/-/ready")).status == 200
        return False

    async def _ask(self, target: str) -> bytes:
        return (await ask(self.port, target)).body


@contextlib.asynccontextmanager
async def run_prometheus(folder: Path, target_port: int) -> AsyncIterator[Prometheus]:
    """Run one as `deploy/prometheus.yml` has it, but for whom it reads and how often.

    It begins to read 5 s after it has started, whatever it is told.
    """
    configuration = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    configuration["global"] = {
        "scrape_interval": SCRAPE_INTERVAL,
        "evaluation_interval": SCRAPE_INTERVAL,
    }
    (job,) = configuration["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{target_port}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), "utf-8")
    shutil.copy(DEPLOY / "alerts.yml", folder)
    port = find_free_port()
    command = [
        find_part("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    program = await Program.start(command, folder / "prometheus.log")
    prometheus = Prometheus(port, program)
    try:
        await program.wait_until(prometheus.is_ready)
        yield prometheus
    finally:
        await program.end()

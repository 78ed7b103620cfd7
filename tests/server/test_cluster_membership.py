"""A server that is one of several, or alone."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from scribewire.testing.running import run_server

if TYPE_CHECKING:
    from tests.parts.nats_server import NatsServer

_LOADED = """
import asyncio, sys
from scribewire.testing.running import run_server

async def serve():
    async with run_server():
        pass

asyncio.run(serve())
names = ("nats", "scribewire.cluster")
print([name for name in sys.modules if name.startswith(names)])
"""


def test_without_a_cluster_nothing_of_it_is_loaded() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _LOADED], check=True, capture_output=True, text=True, timeout=60
    )
    assert found.stdout.strip() == "[]"


async def test_a_server_of_a_cluster_knows_the_others(nats: NatsServer) -> None:
    async with run_server(cluster=(nats.url,)) as running:
        assert running.services.cluster is not None
        assert running.services.cluster.connection.is_up

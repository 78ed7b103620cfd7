"""A server that is one of several, or alone."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from scribewire import __version__
from scribewire.cli.drain import ENDING_S
from scribewire.cluster import connection, embedded, key_places, tasks
from scribewire.cluster.pulls import pulls
from scribewire.server.cluster_membership import LONGEST_LEAVE_S, describe_server
from scribewire.server.journal_keeper import LAST_PATIENCE_S
from scribewire.server.run import LONGEST_END_S
from scribewire.testing.running import run_server

if TYPE_CHECKING:
    from tests.parts.nats_server import NatsServer

_LOADED = """
import asyncio, sys
from scribewire import __version__
from scribewire.server.cluster_membership import describe_server
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


async def test_what_a_server_tells_of_itself_is_how_it_is_now(nats: NatsServer) -> None:
    async with run_server(cluster=(nats.url,), max_sessions=2) as server, server.dial():
        services = server.services
        ready = describe_server(services)
        with services.admission.session(speech=services.engines.speech[0]):
            busy = describe_server(services)
        services.draining.begin()
        draining = describe_server(services)

    assert (ready.sessions, ready.room, ready.state) == (1, 1, "ready")
    assert (ready.version, ready.models, ready.languages) == (
        __version__,
        ("ScriptedEngine",),
        ("en",),
    )
    assert (busy.sessions, busy.room, busy.state) == (2, 0, "busy")
    assert (draining.room, draining.state) == (0, "draining")


def test_to_leave_a_cluster_takes_no_longer_than_is_said() -> None:
    releases_s = 2 * connection.CALL_PATIENCE_S  # the one of key places, then all others at once
    closing_s = connection.CALL_PATIENCE_S
    tasks_s = 5 * tasks.AGAIN_S  # announcing, watching, key places, leases, the connection
    waits_s = pulls.CLOSE_PATIENCE_S + LAST_PATIENCE_S + key_places.LAST_PATIENCE_S

    assert waits_s + releases_s + closing_s + tasks_s <= LONGEST_LEAVE_S
    assert LONGEST_END_S + embedded.END_PATIENCE_S <= ENDING_S

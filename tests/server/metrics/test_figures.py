from __future__ import annotations

import asyncio
import platform
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from scribewire import __version__
from scribewire.engines.engines import Engines
from scribewire.server.metrics.figures import Figures
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad
from tests.parts.nats_server import NatsServer
from tests.parts.programs import wait_until


def value(server: RunningServer, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(Figures(server.services))
    return registry.get_sample_value(f"scribewire_{name}", labels)


async def test_figures_are_those_of_the_moment() -> None:
    async with run_server(workers=3) as server:
        assert value(server, "connections_open") == 0
        async with server.dial() as client:
            await client.send('{"action":"start"}')
            await client.next()

            assert value(server, "connections_open") == 1
        assert value(server, "workers") == 3
        assert value(server, "jobs_waiting") == 0
        assert value(server, "calls_stuck_total") == 0
        for work in ("required", "partial", "ahead"):
            assert value(server, "load_ratio", work=work) == 0
        running = {"version": __version__, "python": platform.python_version()}
        assert value(server, "build_info", **running) == 1


async def leave_kept(server: RunningServer, *, ends: bool) -> None:
    """Hold a session until it is kept: lost, or lost at its very end."""
    kept = server.services.kept
    expected = kept.count + 1
    async with server.dial("/v2/realtime?token=key-1&resume=true") as client:
        await client.send('{"action":"start"}')
        await client.next()
        if ends:
            await client.send('{"action":"stop"}')
            await client.until_closed()
        client.websocket.transport.abort()
    async with asyncio.timeout(20):
        while kept.count != expected:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)


async def test_kept_sessions_are_told_beside_how_many_there_may_be() -> None:
    async with run_server(max_kept_sessions=7) as server:
        for ends in (False, True, True):
            await leave_kept(server, ends=ends)

        assert value(server, "kept_sessions", state="going on") == 1
        assert value(server, "kept_sessions", state="ended") == 2
        assert value(server, "max_kept_sessions") == 7


async def test_room_is_told_as_it_is_now() -> None:
    async with run_server(max_sessions=3) as server:
        assert value(server, "room_sessions") == 3
        async with server.dial():
            assert value(server, "room_sessions") == 2


async def test_readiness_is_told_with_each_reason() -> None:
    async with run_server() as server:
        assert value(server, "ready") == 1
        server.services.draining.begin()

        assert value(server, "ready") == 0
        assert value(server, "hindrance", reason="draining") == 1
        assert value(server, "hindrance", reason="busy") == 0


async def test_a_model_that_is_loaded_is_told_to_be_in_memory() -> None:
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"nl"}))
    dutch = scripted_on_demand(ScriptedModel().load, name="letters-nl", traits=traits)
    async with run_server(Engines(ScriptedVad(), (ScriptedEngine(), dutch))) as server:
        before = value(server, "model_resident", model="letters-nl")
        dutch.load()

        assert (before, value(server, "model_resident", model="letters-nl")) == (0, 1)


async def test_whether_sessions_are_written_down_is_told_where_they_are_to_be(
    server: RunningServer, tmp_path: Path
) -> None:
    async with run_server(journal=tmp_path / "journal") as journaling:
        assert value(journaling, "journal_up") == 1
    assert value(server, "journal_up") is None
    assert value(server, "sessions_shared") is None


async def test_the_servers_of_a_cluster_are_counted(nats: NatsServer) -> None:
    async with run_server(cluster=(nats.url,)) as server:

        async def is_known() -> bool:
            return value(server, "cluster_servers", state="ready") == 1

        await wait_until(is_known, what=lambda: "it does not know of itself")
        assert value(server, "cluster_servers", state="busy") == 0
        assert value(server, "pulls", role="owned") == 0
        assert value(server, "cluster_up") == 1
        assert value(server, "sessions_shared") == 1
        await nats.kill()

        async def is_down() -> bool:
            return value(server, "cluster_up") == 0

        await wait_until(is_down, what=lambda: "NATS counts as up")
    async with run_server() as alone:
        assert value(alone, "cluster_up") is None
        assert value(alone, "pulls", role="owned") is None

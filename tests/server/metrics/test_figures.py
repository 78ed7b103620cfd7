from __future__ import annotations

import platform
from dataclasses import replace

from prometheus_client import CollectorRegistry

from scribewire import __version__
from scribewire.engines.engines import Engines
from scribewire.server.metrics.figures import Figures
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad


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

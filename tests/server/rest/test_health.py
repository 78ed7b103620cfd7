from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from scribewire import __version__
from scribewire.engines.engines import Engines
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad
from tests.parts.plain_http import ask


async def get(server: RunningServer, path: str) -> tuple[int, dict[str, Any]]:
    answer = await ask(server.address.port, path)
    body: dict[str, Any] = json.loads(answer.body)
    return answer.status, body


async def test_health_tells_version_and_open_sessions(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send('{"action":"start"}')
        await dialogue.next()

        status, body = await get(server, "/healthz")

    assert (status, body["status"], body["version"]) == (200, "ok", __version__)
    assert body["sessions"] == 1
    assert body["stuck_calls"] == 0
    assert body["load"].keys() >= {"required_share", "partial_share", "final_latency_s"}


async def test_models_are_told_to_anybody_and_which_are_in_memory() -> None:
    model = ScriptedModel()
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"nl"}))
    dutch = scripted_on_demand(model.load, name="letters-nl", traits=traits)
    async with run_server(Engines(ScriptedVad(), (ScriptedEngine(), dutch))) as server:
        status, before = await get(server, "/v1/models")
        dutch.load()
        _, after = await get(server, "/v1/models")

    assert (status, before["default_language"]) == (200, "en")
    assert before["languages"]["nl"] == {"fast": "letters-nl", "quality": "letters-nl"}
    assert (before["resident"], after["resident"]) == (
        ["ScriptedEngine"],
        ["ScriptedEngine", "letters-nl"],
    )


async def test_a_server_that_is_going_down_is_alive_and_not_ready(server: RunningServer) -> None:
    server.services.draining.set()

    health = await get(server, "/healthz")
    ready = await ask(server.address.port, "/readyz")

    assert (health[0], health[1]["status"]) == (200, "draining")
    assert (ready.status, ready.fields["retry-after"]) == (503, "5")
    assert json.loads(ready.body) == {
        "ready": False,
        "reasons": [{"reason": "draining", "message": "this server is going down"}],
    }


async def test_a_server_with_its_models_and_a_place_left_is_ready(server: RunningServer) -> None:
    assert await get(server, "/readyz") == (200, {"ready": True, "reasons": []})

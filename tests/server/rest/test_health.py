from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scribewire import __version__
from scribewire.engines.engines import Engines
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad
from tests.parts.plain_http import ask

PAGE = "https://captions.example"


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


@pytest.mark.parametrize(
    ("query", "host", "is_allowed"),
    [
        ("", "captions.example", None),
        ("?origin=", "captions.example", None),
        (f"?origin={PAGE}", "captions.example", True),  # its own page
        (f"?origin={PAGE}:443", "captions.example", True),
        (f"?origin={PAGE}", "127.0.0.1:8000", False),  # a proxy that does not pass `Host` on
        ("?origin=https://named.example", "127.0.0.1:8000", True),
        ("?origin=null", "captions.example", False),
        ("?origin=captions.example/page", "captions.example", False),  # is none
    ],
)
async def test_a_page_is_told_whether_it_may_connect(
    query: str, host: str, *, is_allowed: bool | None
) -> None:
    async with run_server(allow_origin=("https://named.example",)) as server:
        answer = await ask(server.address.port, f"/v1/models{query}", {"Host": host})
        page = {"Host": host, "Origin": query.removeprefix("?origin=") or f"https://{host}"}
        found = await ask(server.address.port, "/healthz", page)

    body = json.loads(answer.body)
    assert (answer.status, body["origin_allowed"], body["streams"]) == (200, is_allowed, True)
    assert found.status == (403 if is_allowed is False else 200)  # as it was told


async def test_a_server_that_is_going_down_is_alive_and_not_ready(server: RunningServer) -> None:
    server.services.draining.begin()

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

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.on_demand import OnDemandEngine
from scribewire.errors import ModelFault
from scribewire.grants import Grant
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad
from tests.parts.plain_http import ask

INITIALIZE, STATUS = "/api/v4/realtime/initialize", "/api/v4/realtime/status"


async def call(
    server: RunningServer, path: str, query: str = "", **headers: str
) -> tuple[int, dict[str, Any]]:
    method = "POST" if path == INITIALIZE else "GET"
    fields = {"x-api-key": "key-1", **headers}
    answer = await ask(server.address.port, path + query, fields, method=method)
    return answer.status, json.loads(answer.body)


@contextlib.asynccontextmanager
async def with_dutch(model: ScriptedModel) -> AsyncIterator[tuple[RunningServer, OnDemandEngine]]:
    """A server whose English is in memory and whose Dutch is not."""
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"nl"}))
    dutch = scripted_on_demand(model.load, name="letters-nl", traits=traits)
    try:
        async with run_server(Engines(ScriptedVad(), (ScriptedEngine(), dutch))) as server:
            yield server, dutch
    finally:
        model.let_load()


async def loaded(server: RunningServer, engine: OnDemandEngine) -> None:
    loading = server.services.residence.bring(engine)
    if loading is not None:
        await loading


@pytest.mark.parametrize("path", [INITIALIZE, STATUS])
async def test_what_is_in_memory_is_ready(server: RunningServer, path: str) -> None:
    host = f"127.0.0.1:{server.address.port}"

    assert await call(server, path) == (
        200,
        {
            "status": "ready",
            "message": "model ScriptedEngine is in memory: a session can begin",
            "ready": True,
            "endpoint": f"ws://{host}/v2/realtime",
        },
    )
    _, named = await call(server, path, Host="stt.example")
    assert named["endpoint"] == "ws://stt.example/v2/realtime"


async def test_the_address_is_the_one_that_the_client_knows(server: RunningServer) -> None:
    behind_tls = {"Host": "stt.example", "X-Forwarded-Proto": "https"}

    assert (await call(server, STATUS, **behind_tls))[1]["endpoint"] == (
        "wss://stt.example/v2/realtime"
    )


async def test_what_is_not_in_memory_is_loaded_when_that_is_asked() -> None:
    model = ScriptedModel(is_open=False)
    async with with_dutch(model) as (server, dutch):
        told = [(await call(server, STATUS, "?language=nl-NL"))[1]]
        told += [(await call(server, INITIALIZE, "?language=nl&type=quality"))[1] for _ in range(2)]
        told += [(await call(server, STATUS, "?language=nl"))[1]]
        english = (await call(server, STATUS))[1]
        model.let_load()
        await loaded(server, dutch)
        told += [(await call(server, STATUS, "?language=nl"))[1]]

    said = [(one["status"], one["ready"]) for one in told]
    assert said == [
        ("scaled_down", False),
        ("starting", False),
        ("starting", False),
        ("starting", False),
        ("ready", True),
    ]
    assert english["status"] == "ready"
    assert model.loads == 1


async def test_a_load_that_failed_is_tried_again_when_that_is_asked() -> None:
    model = ScriptedModel(is_open=False)
    model.faults = [ModelFault("model letters-nl: no such file")]
    async with with_dutch(model) as (server, dutch):
        await call(server, INITIALIZE, "?language=nl")
        loading = server.services.residence.bring(dutch)
        assert loading is not None
        model.let_load()
        with pytest.raises(ModelFault):
            await loading

        assert (await call(server, STATUS, "?language=nl"))[1]["status"] == "scaled_down"
        await call(server, INITIALIZE, "?language=nl")
        await loaded(server, dutch)
        assert (await call(server, STATUS, "?language=nl"))[1]["status"] == "ready"


@pytest.mark.parametrize("path", [INITIALIZE, STATUS])
@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("?type=slow", 400, "type slow: expected `fast` or `quality`"),
        ("?language=dutch", 400, "language dutch: expected an ISO 639-1 code"),
        ("?language=nl", 404, "language nl: no model on this server; available: en"),
        ("?language=auto", 404, "language auto: no model on this server finds out"),
    ],
)
async def test_a_session_that_cannot_be_had_is_not_ready(
    server: RunningServer, path: str, query: str, status: int, message: str
) -> None:
    answered, body = await call(server, path, query)

    assert answered == status
    assert body["message"].startswith(message)


@pytest.mark.parametrize("path", [INITIALIZE, STATUS])
async def test_only_who_has_a_key_is_told(server: RunningServer, path: str) -> None:
    status, body = await call(server, path, **{"x-api-key": "wrong"})

    assert (status, body["error"]) == (401, "unknown token")


async def test_what_a_key_is_not_for_is_not_loaded() -> None:
    model = ScriptedModel()
    async with with_dutch(model) as (server, _):
        key = {"x-api-key": "key-1", "Content-Type": "application/json"}
        made = await ask(
            server.address.port, "/v1/tokens", key, method="POST", body=b'{"languages":["en"]}'
        )
        token = json.loads(made.body)["token"]
        status, body = await call(server, INITIALIZE, "?language=nl", **{"x-api-key": token})

    assert (status, body["error"], model.loads) == (403, "forbidden", 0)


async def test_a_server_that_has_no_place_is_not_ready() -> None:
    async with run_server(max_sessions=1) as server, server.dial() as dialogue:
        await dialogue.send('{"action":"start"}')
        await dialogue.next()
        full = await call(server, STATUS)
        server.services.draining.begin()
        down = await call(server, INITIALIZE)

    assert [(status, body["error"]) for status, body in (full, down)] == [
        (503, "too many sessions"),
        (503, "shutting down"),
    ]


async def test_a_key_that_has_all_its_sessions_is_told_so(tmp_path: Path) -> None:
    grant = Grant(name="one", max_sessions=1)
    async with run_server(database=f"sqlite:///{tmp_path / 'keys.sqlite3'}") as server:
        made = await server.services.keys.call(
            lambda books: books.store.create(grant, now=time.time())
        )
        async with server.dial(f"/v2/realtime?token={made.key}") as dialogue:
            await dialogue.send('{"action":"start"}')
            await dialogue.next()
            full = await call(server, STATUS, **{"x-api-key": made.key})
        other = await call(server, STATUS)

    assert (full[0], full[1]["error"]) == (429, "too many sessions")
    assert other[0] == 200

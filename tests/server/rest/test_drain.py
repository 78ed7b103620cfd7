from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from scribewire.grants import Grant
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.plain_http import ask

DRAIN = "/v1/admin/drain"


async def ask_to_drain(server: RunningServer, key: str) -> tuple[int, dict[str, Any]]:
    fields = {"Authorization": f"Bearer {key}"}
    answer = await ask(server.address.port, DRAIN, fields, method="POST")
    return answer.status, json.loads(answer.body)


async def test_an_admin_drains_a_server_which_says_how_far_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    database = f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    async with run_server(database=database, drain_timeout_ms=20_000) as server:
        made = await server.services.keys.call(
            lambda books: books.store.create(Grant(name="op", is_admin=True), now=time.time())
        )
        async with server.dial() as dialogue:
            await dialogue.send('{"action":"start"}', draw_pcm("..hello"))
            await dialogue.next()
            status, told = await ask_to_drain(server, made.key)
            again = await ask_to_drain(server, made.key)
            await dialogue.send('{"action":"stop"}')
            assert await dialogue.until_closed() == 1000

    assert status == 202
    assert (told["status"], told["sessions"]) == ("draining", 1)
    assert 0 < told["in_s"] <= 21
    assert {"state": "shutting_down", "at": told["at"]} in dialogue.messages
    assert dialogue.finals == ["hello"]
    assert (again[0], again[1]["at"]) == (202, told["at"])
    asked = f"= key {made.record.grant.key_id} asks this server to drain"
    assert caplog.messages.count(asked) == 1
    assert made.key not in caplog.text


async def test_nobody_else_does() -> None:
    async with run_server() as server:
        refusals = [await ask_to_drain(server, key) for key in ("key-1", "wrong")]
        health = await ask(server.address.port, "/healthz")

    assert [status for status, _ in refusals] == [403, 401]
    assert "keys create --admin" in refusals[0][1]["message"]
    assert json.loads(health.body)["status"] == "ok"

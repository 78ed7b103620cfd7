"""How readers are answered; what they read is tried in tests/integration/test_readers.py."""

from __future__ import annotations

import json

import pytest

from scribewire.testing.running import RunningServer
from tests.integration.test_resume import listened
from tests.parts.plain_http import ask

KEYED = {"x-api-key": "key-1"}


@pytest.mark.parametrize("given", ["x", "-1", "1" * 10, "1.5", "²"])
async def test_what_is_no_number_of_a_final_is_refused(server: RunningServer, given: str) -> None:
    async with server.dial() as client:
        target = f"/v1/sessions/{(await listened(client))['session_id']}/events"
        port = server.address.port
        by_header = await ask(port, target, KEYED | {"Last-Event-ID": given})
        by_query = await ask(port, f"{target}?after=x{len(given)}", KEYED)

    assert (by_header.status, by_query.status) == (400, 400)
    assert json.loads(by_header.body)["message"] == "Last-Event-ID: expected the number of a final"


async def test_the_head_alone_is_answered_at_once(server: RunningServer) -> None:
    async with server.dial() as client:
        target = f"/v1/sessions/{(await listened(client))['session_id']}/events"
        answer = await ask(server.address.port, target, KEYED, method="HEAD")

    assert (answer.status, answer.fields["content-type"]) == (200, "text/event-stream")
    assert not server.services.readable.readers


async def test_the_document_tells_of_it(server: RunningServer) -> None:
    document = json.loads((await ask(server.address.port, "/openapi.json")).body)

    told = document["paths"]["/v1/sessions/{session}/events"]["get"]
    assert list(told["responses"]["200"]["content"]) == ["text/event-stream"]
    assert list(told["responses"]["404"]["content"]) == ["application/json"]
    assert {one["name"]: one["in"] for one in told["parameters"]} == {
        "session": "path",
        "partials": "query",
        "after": "query",
        "Last-Event-ID": "header",
    }

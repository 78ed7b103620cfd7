from __future__ import annotations

import json

import pytest
from starlette.requests import Request

from scribewire.grants import NO_LIMITS
from scribewire.server.rest.routes import ROUTES
from scribewire.server.rest.table import RestCall
from scribewire.testing.running import RunningServer
from tests.parts.plain_http import ask


def test_no_two_routes_answer_the_same() -> None:
    asked = [(route.method, route.path) for route in ROUTES]

    assert len(asked) == len(set(asked))


async def test_the_document_has_every_route(server: RunningServer) -> None:
    answer = await ask(server.address.port, "/openapi.json")

    paths = json.loads(answer.body)["paths"]
    assert answer.status == 200
    assert {(method.upper(), path) for path in paths for method in paths[path]} == {
        (route.method, route.path) for route in ROUTES
    }


async def test_the_document_is_made_once(server: RunningServer) -> None:
    call = RestCall(
        services=server.services, grant=NO_LIMITS, request=Request({"type": "http"}), raw_body=b""
    )
    (route,) = [one for one in ROUTES if one.path == "/openapi.json"]

    first, second = await route.handle(call), await route.handle(call)

    assert first.body is second.body


@pytest.mark.parametrize(
    ("method", "target", "status", "allow"),
    [
        ("POST", "/healthz", 405, "GET, HEAD, OPTIONS"),
        ("GET", "/healthz/", 404, None),
        ("POST", "/nowhere", 404, None),
        ("GET", "/a%0Ab", 404, None),
        ("POST", "/v2/realtime", 405, "GET"),
        ("HEAD", "/v2/realtime", 426, None),
    ],
)
async def test_what_is_asked_nowhere_is_refused_in_json(
    server: RunningServer, method: str, target: str, status: int, allow: str | None
) -> None:
    answer = await ask(server.address.port, target, method=method)

    assert (answer.status, answer.fields.get("allow")) == (status, allow)
    assert answer.fields["content-type"] == "application/json"

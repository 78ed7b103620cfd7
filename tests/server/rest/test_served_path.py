from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from pydantic import Field
from starlette.applications import Starlette
from starlette.routing import Route as PathRoute

from scribewire.errors import BusyFault, ClientFault
from scribewire.grants import Grant
from scribewire.server.address import listen
from scribewire.server.listener import Listener
from scribewire.server.rest.faults import conflict
from scribewire.server.rest.served_path import ServedPath
from scribewire.server.rest.table import (
    Answer,
    AnswerModel,
    BodyModel,
    Method,
    QueryModel,
    RestCall,
    Route,
)
from scribewire.testing.running import RunningServer
from tests.parts.plain_http import PlainAnswer, ask

KEYED = {"x-api-key": "key-1"}
JSON = {**KEYED, "Content-Type": "application/json"}


class Order(BodyModel):
    cups: int = Field(default=1, ge=1, le=9)
    litres: float = 0.5


class Filter(QueryModel):
    least: int = 0


class Served(AnswerModel):
    cups: int
    key_id: str


async def brew(call: RestCall) -> Answer:
    match call.path["pot"]:
        case "taken":
            raise conflict("somebody has it")
        case "wrong":
            raise ClientFault("no such tea")
        case "busy":
            raise BusyFault("all pots are taken")
    order = call.read_body(Order)
    return Answer(body=Served(cups=order.cups, key_id=call.grant.key_id), status=201)


async def count(call: RestCall) -> Answer:
    return Answer(body=Served(cups=call.read_query(Filter).least, key_id=call.grant.key_id))


async def empty(_call: RestCall) -> Answer:
    return Answer(body=None, status=204)


def route(method: Method, path: str = "/pots/{pot}") -> Route:
    match method:
        case "POST":
            return Route(
                method=method,
                path=path,
                summary="Brew.",
                access="key",
                answers={201: Served},
                body=Order,
                handle=brew,
            )
        case "GET":
            return Route(
                method=method,
                path=path,
                summary="Count.",
                access="anybody",
                answers={200: Served},
                query=Filter,
                handle=count,
            )
        case _:
            return Route(
                method=method,
                path=path,
                summary="Empty.",
                access="admin",
                answers={204: None},
                handle=empty,
            )


@contextlib.asynccontextmanager
async def pots(server: RunningServer) -> AsyncIterator[int]:
    """Serve the routes above with the services of a server, and tell at which port."""
    resource = ServedPath([route("GET"), route("POST"), route("DELETE")], server.services)
    listening = listen("127.0.0.1", 0)
    app = Starlette(routes=[PathRoute("/pots/{pot}", resource)])
    listener = Listener(listening, app, start_timeout_s=5)
    listener.start()
    try:
        yield listening.getsockname()[1]
    finally:
        await listener.aclose()


def said(answer: PlainAnswer) -> object:
    return json.loads(answer.body)


async def test_a_route_is_told_what_was_asked_and_by_whom(server: RunningServer) -> None:
    grant = server.services.policy.grant_of("key-1")
    assert isinstance(grant, Grant)
    async with pots(server) as port:
        answer = await ask(port, "/pots/a", JSON, method="POST", body=b'{"cups":3}')

    assert (answer.status, said(answer)) == (201, {"cups": 3, "key_id": grant.key_id})
    assert answer.fields["cache-control"] == "no-store"


async def test_a_body_may_be_left_out_where_everything_in_it_may(server: RunningServer) -> None:
    async with pots(server) as port:
        answer = await ask(port, "/pots/a", KEYED, method="POST")

    assert (answer.status, json.loads(answer.body)["cups"]) == (201, 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "body: malformed JSON at character 1"),
        (b"[]", "body: input should be an object"),
        (b'{"cups":NaN}', "body: malformed JSON: NaN is not a JSON value"),
        (b'{"cups":1,"cups":2}', "body: malformed JSON: a field is given twice"),
        (b'{"cups":10}', "body: cups: input should be less than or equal to 9"),
        (b'{"cups":"3"}', "body: cups: input should be a valid integer"),
        (b'{"cups":2.5}', "body: cups: input should be a valid integer"),
        (b'{"cups":1e999}', "body: cups: input should be a valid integer"),
        (b'{"litres":1e999}', "body: litres: input should be a finite number"),
        (b'{"cups":true}', "body: cups: input should be a valid integer"),
        (b'{"secret-name":1}', "body: a field is unknown"),
        (b"\xff", "body: it is not UTF-8; send JSON"),
        (b"[" * 16_000, "body: malformed JSON: nested too deeply"),
    ],
)
async def test_a_body_that_is_none_is_refused_without_repeating_it(
    server: RunningServer, body: bytes, message: str
) -> None:
    async with pots(server) as port:
        answer = await ask(port, "/pots/a", JSON, method="POST", body=body)

    assert (answer.status, said(answer)) == (400, {"error": "bad request", "message": message})


async def test_no_depth_of_nesting_is_a_fault_of_ours(server: RunningServer) -> None:
    async with pots(server) as port:
        for depth in range(100, 1_100, 50):
            body = b"[" * depth + b"]" * depth
            answer = await ask(port, "/pots/a", JSON, method="POST", body=body)
            assert answer.status == 400


async def test_a_number_without_a_fraction_is_an_integer(server: RunningServer) -> None:
    async with pots(server) as port:
        answer = await ask(port, "/pots/a", JSON, method="POST", body=b'{"cups":3.0}')

    assert (answer.status, json.loads(answer.body)["cups"]) == (201, 3)


async def test_a_body_must_be_declared_as_json(server: RunningServer) -> None:
    form = {**KEYED, "Content-Type": "application/x-www-form-urlencoded"}
    charset = {**KEYED, "Content-Type": "Application/JSON; charset=utf-8"}
    async with pots(server) as port:
        refused = await ask(port, "/pots/a", form, method="POST", body=b'{"cups":3}')
        taken = await ask(port, "/pots/a", charset, method="POST", body=b'{"cups":3}')

    assert (refused.status, taken.status) == (415, 201)
    assert "application/json" in json.loads(refused.body)["message"]


@pytest.mark.parametrize(
    ("fields", "query", "status", "error"),
    [
        ({}, "", 401, "missing token"),
        ({"x-api-key": "wrong"}, "", 401, "unknown token"),
        ({"x-api-key": "key-1", "api-key": "wrong"}, "", 401, "unknown token"),
        ({}, "?token=key-1", 201, None),
        ({"Authorization": "Bearer key-2"}, "", 201, None),
        ({"x-zoom-s2t-key": "key-2"}, "?token=key-1", 201, None),
    ],
)
async def test_a_key_is_taken_wherever_the_wire_takes_one(
    server: RunningServer, fields: dict[str, str], query: str, status: int, error: str | None
) -> None:
    async with pots(server) as port:
        answer = await ask(port, f"/pots/a{query}", fields, method="POST")

    assert (answer.status, json.loads(answer.body).get("error")) == (status, error)
    assert (answer.fields.get("www-authenticate") == "Bearer") is (status == 401)
    assert b"wrong" not in answer.body


async def test_keys_are_managed_by_those_who_may(server: RunningServer) -> None:
    async with pots(server) as port:
        answer = await ask(port, "/pots/a", KEYED, method="DELETE")

    assert (answer.status, json.loads(answer.body)["error"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("pot", "status", "error"),
    [
        ("taken", 409, "conflict"),
        ("wrong", 400, "bad request"),
        ("busy", 503, "too many sessions"),
    ],
)
async def test_what_a_route_refuses_is_said_in_json(
    server: RunningServer, pot: str, status: int, error: str
) -> None:
    async with pots(server) as port:
        answer = await ask(port, f"/pots/{pot}", KEYED, method="POST")

    assert (answer.status, json.loads(answer.body)["error"]) == (status, error)
    assert answer.fields.get("retry-after") == ("5" if status == 503 else None)


@pytest.mark.parametrize(
    ("query", "status", "cups"),
    [("?least=4&x=y", 200, 4), ("?least=", 200, 0), ("?least=z", 400, None)],
)
async def test_a_query_is_read_and_what_is_unknown_in_it_ignored(
    server: RunningServer, query: str, status: int, cups: int | None
) -> None:
    async with pots(server) as port:
        answer = await ask(port, f"/pots/a{query}")

    assert (answer.status, json.loads(answer.body).get("cups")) == (status, cups)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "BREW"])
async def test_another_method_is_refused_with_those_that_there_are(
    server: RunningServer, method: str
) -> None:
    async with pots(server) as port:
        answer = await ask(port, "/pots/a", method=method)

    assert answer.status == 405
    assert answer.fields["allow"] == "GET, POST, DELETE, HEAD, OPTIONS"
    assert json.loads(answer.body)["error"] == "method not allowed"


async def test_options_are_told_and_the_head_is_that_of_the_answer(server: RunningServer) -> None:
    async with pots(server) as port:
        options = await ask(port, "/pots/a", method="OPTIONS")
        head = await ask(port, "/pots/a", method="HEAD")

    assert (options.status, options.fields["allow"]) == (204, "GET, POST, DELETE, HEAD, OPTIONS")
    assert (head.status, head.fields["content-type"]) == (200, "application/json")

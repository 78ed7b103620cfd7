from __future__ import annotations

from typing import Any

from pydantic import Field

from scribewire.server.rest.document import describe
from scribewire.server.rest.table import Answer, AnswerModel, BodyModel, QueryModel, RestCall, Route


class Order(BodyModel):
    cups: int = Field(ge=1)


class Filter(QueryModel):
    least: int = 0


class Receipt(AnswerModel):
    number: int


async def never(_call: RestCall) -> Answer:
    raise AssertionError


TABLE = (
    Route(
        method="GET",
        path="/pots",
        summary="All pots.",
        access="anybody",
        answers={200: Receipt},
        query=Filter,
        handle=never,
    ),
    Route(
        method="POST",
        path="/pots",
        summary="One more.",
        access="key",
        answers={201: Receipt},
        body=Order,
        refusals=frozenset({409}),
        handle=never,
    ),
    Route(
        method="DELETE",
        path="/pots/{pot}",
        summary="One less.",
        access="admin",
        answers={204: None},
        handle=never,
    ),
)


def operation(method: str, path: str) -> dict[str, Any]:
    document: Any = describe(TABLE)
    found: dict[str, Any] = document["paths"][path][method]
    return found


def test_every_route_says_what_it_answers_and_refuses() -> None:
    assert list(operation("get", "/pots")["responses"]) == ["200", "400", "403"]
    assert list(operation("post", "/pots")["responses"]) == [
        *("201", "400", "401", "403", "409", "413", "415", "429")
    ]
    assert list(operation("delete", "/pots/{pot}")["responses"]) == [
        *("204", "401", "403", "404", "429")
    ]


def test_what_is_asked_is_described() -> None:
    (least,) = operation("get", "/pots")["parameters"]
    (pot,) = operation("delete", "/pots/{pot}")["parameters"]
    body = operation("post", "/pots")["requestBody"]

    assert (least["in"], least["name"], least["schema"]["type"]) == ("query", "least", "integer")
    assert (pot["in"], pot["name"], pot["required"]) == ("path", "pot", True)
    assert body["required"]
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Order"}


def test_every_reference_leads_somewhere() -> None:
    document: Any = describe(TABLE)

    assert {"Order", "Receipt", "Problem"} <= document["components"]["schemas"].keys()
    assert document["openapi"] == "3.1.0"
    assert operation("get", "/pots")["security"] == []
    names = {name for one in operation("post", "/pots")["security"] for name in one}
    assert names == document["components"]["securitySchemes"].keys()

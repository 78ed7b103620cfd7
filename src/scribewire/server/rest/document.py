"""The OpenAPI 3.1 document of the table, for programs that write clients or try servers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from scribewire import __version__
from scribewire.protocol.strict_json import Fields
from scribewire.server.rest.faults import Problem

if TYPE_CHECKING:
    from scribewire.server.rest.table import Access, Route

_Schemas = Mapping[type[BaseModel], Mapping[str, object]]

_ABOUT = (
    "The HTTP routes of a Scribewire server. Its WebSockets are described in protocol/protocol.md."
)
_SCHEMES: Final[Fields] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
    "x-zoom-s2t-key": {"type": "apiKey", "in": "header", "name": "x-zoom-s2t-key"},
    "token": {"type": "apiKey", "in": "query", "name": "token"},
}
_OF_ACCESS: Final[Mapping[Access, frozenset[int]]] = {
    "anybody": frozenset({403}),  # from a page that may not ask
    "key": frozenset({401, 403, 429}),
    "admin": frozenset({401, 403, 429}),
}
_OF_A_BODY: Final = frozenset({400, 413, 415})
_JSON: Final = "application/json"
_NAME = re.compile(r"\{(\w+)\}")


def describe(routes: Iterable[Route]) -> Fields:
    """Return the document of these routes."""
    table = tuple(routes)
    schemas, definitions = _schemas(table)
    paths: dict[str, Fields] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Scribewire", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": _SCHEMES},
    }


def _schemas(table: tuple[Route, ...]) -> tuple[_Schemas, object]:
    """Return a reference to each model of the table, and what they refer to."""
    asked = {route.body for route in table if route.body is not None}
    told = {one for route in table for one in route.answers.values() if one is not None}
    told.add(Problem)
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = []
    models += [(model, "validation") for model in _in_order(asked)]
    models += [(model, "serialization") for model in _in_order(told)]
    references, document = models_json_schema(models, ref_template="#/components/schemas/{model}")
    found = {model: references[model, mode] for model, mode in models}
    return found, document.get("$defs", {})


def _in_order(models: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)


def _operation(route: Route, schemas: _Schemas) -> Fields:
    operation: Fields = {
        "summary": route.summary,
        "operationId": _identifier(route),
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(route),
            *_header_parameters(route),
        ],
        "responses": _responses(route, schemas),
        "security": [] if route.access == "anybody" else [{name: []} for name in _SCHEMES],
    }
    if route.body is not None:
        is_needed = any(field.is_required() for field in route.body.model_fields.values())
        operation["requestBody"] = {
            "required": is_needed,
            "content": {_JSON: {"schema": schemas[route.body]}},
        }
    return operation


def _responses(route: Route, schemas: _Schemas) -> Fields:
    refusals = route.refusals | _OF_ACCESS[route.access]
    refusals |= _OF_A_BODY if route.body is not None else frozenset()
    refusals |= {400} if route.query is not None else frozenset()
    refusals |= {404} if _NAME.search(route.path) else frozenset()
    said: dict[int, type[BaseModel] | None] = dict.fromkeys(refusals, Problem)
    return {
        str(status): _response(
            status, model, schemas, route.media_type if status in route.answers else _JSON
        )
        for status, model in sorted((said | dict(route.answers)).items())
    }


def _response(
    status: int, model: type[BaseModel] | None, schemas: _Schemas, media_type: str
) -> Fields:
    response: Fields = {"description": HTTPStatus(status).phrase}
    if model is not None:
        response["content"] = {media_type: {"schema": schemas[model]}}
    return response


def _path_parameters(route: Route) -> list[Fields]:
    text = {"type": "string", "minLength": 1}
    return [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in _NAME.findall(route.path)
    ]


def _query_parameters(route: Route) -> list[Fields]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    needed = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": one}
        for name, one in schema["properties"].items()
    ]


def _header_parameters(route: Route) -> list[Fields]:
    number = {"type": "integer", "minimum": 0}
    return [
        {"name": name, "in": "header", "required": False, "schema": number, "description": meaning}
        for name, meaning in route.headers.items()
    ]


def _identifier(route: Route) -> str:
    words = re.findall(r"\w+", route.path)
    return "_".join([route.method.lower(), *words])

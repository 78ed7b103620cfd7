"""The table of all routes, as ASGI applications by path: a line here for each file of routes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from pydantic import RootModel
from starlette.routing import Route as PathRoute

from scribewire.server.rest.admin import ADMIN_ROUTES
from scribewire.server.rest.document import describe
from scribewire.server.rest.drain import DRAIN_ROUTES
from scribewire.server.rest.events import EVENT_ROUTES
from scribewire.server.rest.health import HEALTH_ROUTES
from scribewire.server.rest.realtime import REALTIME_ROUTES
from scribewire.server.rest.served_path import ServedPath
from scribewire.server.rest.table import Answer, RestCall, Route
from scribewire.server.rest.tokens import TOKEN_ROUTES

if TYPE_CHECKING:
    from scribewire.server.services import Services


class Document(RootModel[dict[str, object]]):
    """An OpenAPI document."""


async def _tell_document(_call: RestCall) -> Answer:
    return Answer(body=_document())


@cache
def _document() -> Document:
    """Describe the table once: it takes 20 ms, and whoever likes may ask."""
    return Document(describe(ROUTES))


ROUTES: Final = (
    *HEALTH_ROUTES,
    *TOKEN_ROUTES,
    *ADMIN_ROUTES,
    *DRAIN_ROUTES,
    *REALTIME_ROUTES,
    *EVENT_ROUTES,
    Route(
        method="GET",
        path="/openapi.json",
        summary="This document.",
        access="anybody",
        answers={200: Document},
        handle=_tell_document,
    ),
)
"""Whatever is asked by HTTP alone."""


def rest_routes(services: Services) -> list[PathRoute]:
    """Return what answers at each path of the table."""
    paths = dict.fromkeys(route.path for route in ROUTES)
    return [
        PathRoute(path, ServedPath((one for one in ROUTES if one.path == path), services))
        for path in paths
    ]

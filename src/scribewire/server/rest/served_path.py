"""One path of the table as an ASGI application: its methods, its preflights, its refusals."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from scribewire.errors import BusyFault, ClientFault
from scribewire.grants import NO_LIMITS, Grant
from scribewire.log_line import LogLine
from scribewire.server.rest.access import authorize, require_admin
from scribewire.server.rest.cors import check_origin, origin_of, preflight, shared_with
from scribewire.server.rest.faults import RestFault, bad_request, unavailable
from scribewire.server.rest.table import Answer, RestCall, Route

if TYPE_CHECKING:
    from pydantic import BaseModel
    from starlette.types import Receive, Scope, Send

    from scribewire.server.services import Services

_JSON: Final = "application/json"
_NOT_JSON = f"the body is not declared as JSON: send `Content-Type: {_JSON}`"

_log = logging.getLogger("scribewire.server")


class ServedPath:
    """Answer every request to one path, whatever its method is."""

    def __init__(self, routes: Iterable[Route], services: Services) -> None:
        self._routes = {route.method: route for route in routes}
        self._services = services

    @property
    def allowed(self) -> str:
        """The methods that have an answer here, as the header `Allow` lists them."""
        head = ["HEAD"] if "GET" in self._routes else []
        return ", ".join([*self._routes, *head, "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        shared: Mapping[str, str] = shared_with(None)
        try:
            check_origin(request, self._services.origins)
            shared = shared_with(origin_of(request))
            answer = await self._answer(request)
        except RestFault as fault:
            log_refusal(fault.status)
            self._services.observer.note_refusal(fault.error)
            answer = _as_answer(fault)
        if answer.stream is not None:
            await answer.stream.with_headers(shared)(scope, receive, send)
            return
        await write(answer, shared)(scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        if request.method == "OPTIONS":
            told = preflight(request, self.allowed)
            return Answer(body=None, status=204, headers={"Allow": self.allowed, **told})
        method = "GET" if request.method == "HEAD" else request.method
        route = next((one for name, one in self._routes.items() if name == method), None)
        if route is None:
            raise not_allowed(self.allowed)
        grant = self._grant(request, route)
        if route.access == "admin":
            require_admin(grant)
        body = await request.body()
        if body and route.body is not None and not _declares_json(request):
            raise RestFault(415, "unsupported media type", _NOT_JSON)
        call = RestCall(services=self._services, grant=grant, request=request, raw_body=body)
        try:
            return await route.handle(call)
        except RestFault:
            raise
        except ClientFault as fault:
            raise bad_request(fault.message) from None
        except BusyFault as fault:
            raise unavailable("too many sessions", str(fault)) from None

    def _grant(self, request: Request, route: Route) -> Grant:
        if route.access == "anybody":
            return NO_LIMITS
        return authorize(request, self._services.policy, self._services.wrong_keys)


def write(answer: Answer, further: Mapping[str, str] | None = None) -> Response:
    """Return the response to send, with further headers."""
    headers = {"Cache-Control": "no-store", **(further or {}), **answer.headers}
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    return Response(_as_json(answer.body), answer.status, headers, media_type=_JSON)


def answer_fault(fault: RestFault) -> Response:
    """Return the response that refuses."""
    return write(_as_answer(fault))


def log_refusal(status: int) -> None:
    """Log that a request was refused; of an address that has to wait only for those who look."""
    level = logging.DEBUG if status == HTTPStatus.TOO_MANY_REQUESTS else logging.INFO
    _log.log(level, LogLine("refused", "x refused with {status:d}", status=status))


def not_allowed(allowed: str) -> RestFault:
    """Refuse a method that has no answer at a path."""
    message = f"this address does not answer that method: expected {allowed}"
    return RestFault(405, "method not allowed", message, headers={"Allow": allowed})


def _as_answer(fault: RestFault) -> Answer:
    return Answer(body=fault.problem, status=fault.status, headers=fault.headers)


def _as_json(body: BaseModel) -> str:
    return body.model_dump_json(exclude_none=False)


def _declares_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == _JSON

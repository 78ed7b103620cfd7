"""The ASGI application: which address leads where."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from scribewire.log_line import LogLine
from scribewire.protocol.dialects import DIALECTS, read_request
from scribewire.protocol.policy import choose_subprotocol, refuse_keys
from scribewire.runtime.admission import SessionRefusal
from scribewire.server.page import installed_page, page_routes
from scribewire.server.rest.access import (
    check_key_limits,
    check_pages,
    refused_by_key,
    unknown_key,
)
from scribewire.server.rest.cors import check_origin, origin_of
from scribewire.server.rest.faults import RestFault, not_found, unavailable
from scribewire.server.rest.realtime import DRAINING
from scribewire.server.rest.routes import rest_routes
from scribewire.server.rest.served_path import answer_fault, log_refusal, not_allowed
from scribewire.server.served_client import ServedClient, speech_for
from scribewire.server.websocket_talk import SCOPE_KEY, WebSocketTalk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Receive, Scope, Send

    from scribewire.grants import Grant
    from scribewire.protocol.dialogue import OpeningRequest
    from scribewire.server.services import Services

_log = logging.getLogger("scribewire.server")
_session_log = logging.getLogger("scribewire.session")

_FULL = "x no place: {figures}"
SESSION_HEADER: Final = b"Scribewire-Session"
"""Of the answer to a handshake: by it a balancer knows where to bring who comes back."""

_UPGRADE = "this address speaks WebSocket: connect with ws:// or wss://"
_NO_SUCH_PATH = f"no such address here: expected {' or '.join(one.usage for one in DIALECTS)}"


def make_app(services: Services) -> Starlette:
    """Return the application that serves these services. Raises ServerFault without its page."""

    async def serve_websocket(websocket: WebSocket) -> None:
        opening = _read_opening(websocket)
        refusal = await _refuse(websocket, opening, services)
        if refusal is not None:
            await _deny(websocket, refusal, services)
            return
        assert opening is not None
        talk: WebSocketTalk | None = websocket.scope.get(SCOPE_KEY)  # None under another server
        if talk is not None and opening.keys:
            talk.know_client()
        async with contextlib.AsyncExitStack() as owned:
            grant = _take_key_place(opening, services, owned)
            if opening.keys:
                speech = speech_for(opening.wishes, services)
                owned.enter_context(services.admission.session(speech=speech))
            refusal = await _share_key_place(grant, opening, services, owned)
            if refusal is not None:
                await _deny(websocket, refusal, services)
                return
            held = None if grant is None else grant.key_id
            client = ServedClient(websocket, opening, services, owned, held=held)
            subprotocol = choose_subprotocol(opening.subprotocols, services.policy)
            await websocket.accept(subprotocol, [(SESSION_HEADER, client.name.encode())])
            await client.run()

    page = page_routes(installed_page()) if services.settings.page else ()
    app = Starlette(
        routes=[*rest_routes(services), *page, WebSocketRoute("/{path:path}", serve_websocket)]
    )
    app.router.redirect_slashes = False
    app.router.default = _refuse_page
    return app


async def _refuse_page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that no route is for."""
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(_not_found())
    elif read_request(scope["path"], "", ()) is None:
        await _not_found()(scope, receive, send)
    elif scope["method"] not in ("GET", "HEAD"):
        await answer_fault(not_allowed("GET"))(scope, receive, send)
    else:
        fault = RestFault(426, "upgrade required", _UPGRADE, headers={"Upgrade": "websocket"})
        await answer_fault(fault)(scope, receive, send)


def _take_key_place(
    opening: OpeningRequest, services: Services, owned: contextlib.AsyncExitStack
) -> Grant | None:
    """Count the connection for the key that it came with, and return what that may do."""
    grant = services.policy.grant_of(opening.keys[0]) if opening.keys else None
    if grant is not None:
        owned.enter_context(services.keys.access.take_place(grant))
    return grant


async def _share_key_place(
    grant: Grant | None,
    opening: OpeningRequest,
    services: Services,
    owned: contextlib.AsyncExitStack,
) -> Response | None:
    """Count it on all servers of the cluster, or return the answer where the key has no place.

    Who comes back has had one, here or on another server.
    """
    if grant is None:
        return None
    is_moved = opening.come_back is not None
    refusal = await services.keys.access.share_place(grant, owned, is_moved=is_moved)
    return None if refusal is None else answer_fault(refused_by_key(refusal))


def _read_opening(websocket: WebSocket) -> OpeningRequest | None:
    # A key may hold any letters; what is not UTF-8 matches none.
    headers = [
        (name.decode("latin-1"), value.decode("utf-8", "replace"))
        for name, value in websocket.scope["headers"]
    ]
    query = websocket.scope["query_string"].decode("latin-1")
    return read_request(websocket.scope["path"], query, headers)


def _not_found() -> Response:
    return answer_fault(not_found(_NO_SUCH_PATH))


async def _refuse(
    websocket: WebSocket, opening: OpeningRequest | None, services: Services
) -> Response | None:
    """Return the HTTP answer to a request that gets no session, even after a wait for a place."""
    found = _look(websocket, opening, services)
    if isinstance(found, SessionRefusal):
        talk: WebSocketTalk | None = websocket.scope.get(SCOPE_KEY)
        if talk is not None:
            talk.know_client()
        found = await services.waiting_room.wait(lambda: _look(websocket, opening, services))
    if not isinstance(found, SessionRefusal):
        return found
    _log.info(LogLine("no_place", _FULL, figures=found.figures))
    return answer_fault(unavailable("too many sessions", found.message))


def _look(
    websocket: WebSocket, opening: OpeningRequest | None, services: Services
) -> Response | SessionRefusal | None:
    """Return why a request gets no session now: for good, or for want of a place."""
    if opening is None:
        return _not_found()
    is_draining = services.draining.has_begun.is_set()
    if is_draining and opening.come_back is None:
        return answer_fault(unavailable("shutting down", DRAINING))
    try:
        check_origin(websocket, services.origins)
        if refuse_keys(opening.keys, services.policy) is not None:
            raise unknown_key(websocket, services.wrong_keys)
        known = [services.policy.grant_of(key) for key in opening.keys]
        grants = [one for one in known if one is not None]
        check_pages(grants, origin_of(websocket))
        if _is_carried(opening, grants, services):  # it has its place
            return None
        if is_draining:
            raise unavailable("shutting down", DRAINING)
        check_key_limits(grants, services.keys.access)
    except RestFault as fault:
        return answer_fault(fault)
    if not opening.keys:  # who has shown none takes no place from those who have
        return None
    speech = speech_for(opening.wishes, services)
    return services.admission.refusal(services.scheduler.loads(), speech=speech)


def _is_carried(opening: OpeningRequest, grants: Iterable[Grant], services: Services) -> bool:
    """Tell whether it goes on with a session that the server already carries."""
    key_ids = frozenset(one.key_id for one in grants)
    return opening.come_back is not None and services.kept.is_known(opening.come_back, key_ids)


async def _deny(websocket: WebSocket, refusal: Response, services: Services) -> None:
    log_refusal(refusal.status_code)
    services.observer.note_refusal(_reason_of(refusal))
    await websocket.send_denial_response(refusal)


def _reason_of(refusal: Response) -> str:
    """Return what its body says for programs, which is a text of ours."""
    reason: str = json.loads(bytes(refusal.body))["error"]
    return reason

"""The ASGI application: which address leads where."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from scribewire import __version__
from scribewire.engines.on_demand import is_resident
from scribewire.engines.served import describe_table, name_of
from scribewire.errors import BusyFault, ClientFault
from scribewire.protocol.dialects import DIALECTS, read_request
from scribewire.protocol.policy import choose_subprotocol, refuse_keys
from scribewire.server.attachment import Attachment
from scribewire.server.session import open_session
from scribewire.server.websocket_talk import SCOPE_KEY, WebSocketTalk
from scribewire.sources.http.urls import host_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from scribewire.engines.protocols import SpeechEngine
    from scribewire.protocol.dialogue import OpeningRequest, SessionStarted
    from scribewire.server.services import Services
    from scribewire.server.session import Session
    from scribewire.wishes import Wishes

_log = logging.getLogger("scribewire.server")
_session_log = logging.getLogger("scribewire.session")

_UPGRADE = "this address speaks WebSocket: connect with ws:// or wss://"
_DRAINING = "this server is going down: try again in a few seconds"
_RETRY_AFTER_S = 5  # what a restart takes, models included, and what load is averaged over
_NO_SUCH_PATH = f"no such address here: expected {' or '.join(one.usage for one in DIALECTS)}"


def make_app(services: Services) -> Starlette:
    """Return the application that serves these services."""

    async def serve_websocket(websocket: WebSocket) -> None:
        opening = _read_opening(websocket)
        refusal = _refuse(opening, services)
        if refusal is not None:
            _log.info("x refused with %d", refusal.status_code)
            await websocket.send_denial_response(refusal)
            return
        assert opening is not None
        talk: WebSocketTalk | None = websocket.scope.get(SCOPE_KEY)  # None under another server
        if talk is not None and opening.keys:
            talk.know_client()
        async with contextlib.AsyncExitStack() as owned:
            if opening.keys:
                speech = _speech_for(opening.wishes, services)
                owned.enter_context(services.admission.session(speech=speech))
            await websocket.accept(choose_subprotocol(opening.subprotocols, services.policy))
            await _serve_client(websocket, opening, services, owned)

    async def health(_request: Request) -> JSONResponse:
        is_draining = services.draining.is_set()
        scheduler = services.scheduler
        return JSONResponse(
            {
                "status": "draining" if is_draining else "ok",
                "version": __version__,
                "sessions": len(services.attachments),
                "workers": scheduler.capacity,
                "waiting_jobs": scheduler.waiting_jobs,
                "stuck_calls": scheduler.stuck_calls,
                "load": asdict(scheduler.load()),
            },
            503 if is_draining else 200,
        )

    async def models(_request: Request) -> JSONResponse:
        table = services.engines.table
        resident = [name_of(engine) for engine in table.serving if is_resident(engine)]
        return JSONResponse({**describe_table(table), "resident": resident})

    async def refuse_page(request: Request) -> JSONResponse:
        if read_request(f"/{request.path_params['path']}", "", ()) is None:
            return _not_found()
        body = {"error": "upgrade required", "message": _UPGRADE}
        return JSONResponse(body, 426, {"Upgrade": "websocket"})

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/v1/models", models),
            Route("/{path:path}", refuse_page),
            WebSocketRoute("/{path:path}", serve_websocket),
        ]
    )


async def _serve_client(
    websocket: WebSocket,
    opening: OpeningRequest,
    services: Services,
    owned: contextlib.AsyncExitStack,
) -> None:
    """Serve one client; `owned` takes its session, which for now ends with its socket."""
    session_id = secrets.token_hex(16)
    _log_opening(session_id, opening)

    def begin_session(started: SessionStarted) -> Session:
        if not opening.keys:  # it came with a key only now, and has no place yet
            owned.enter_context(_take_place(services, started.wishes, session_id))
        talk: WebSocketTalk | None = websocket.scope.get(SCOPE_KEY)
        if talk is not None:
            talk.begin_session()
        _log_client(session_id, websocket, started)
        session = open_session(session_id, started, services)
        owned.push_async_callback(session.aclose)
        return session

    dialogue = opening.begin(services.policy, session_id, _now())
    attachment = Attachment(websocket, dialogue, begin_session, name=session_id)
    services.attachments.add(attachment)
    try:
        await attachment.run()
    finally:
        services.attachments.discard(attachment)


def _take_place(services: Services, wishes: Wishes, name: str) -> AbstractContextManager[None]:
    """Count a session until the returned context is left, or raise `BusyFault`."""
    speech = _speech_for(wishes, services)
    refusal = services.admission.refusal(services.scheduler.loads(), speech=speech)
    if refusal is not None:
        _session_log.info("%s x no place: %s", name, refusal.figures)
        raise BusyFault(refusal.message)
    return services.admission.session(speech=speech)


def _log_opening(session_id: str, opening: OpeningRequest) -> None:
    _session_log.info("%s = open %s %s", session_id, opening.path, opening.wishes.mode)
    if opening.unknown_parameters:
        # Not their names: a key may stand there by mistake.
        count = len(opening.unknown_parameters)
        _session_log.debug("%s = ignored %d parameters", session_id, count)


def _log_client(session_id: str, websocket: WebSocket, started: SessionStarted) -> None:
    """Say whose session it is, and where its audio comes from: no key, no path, no query."""
    peer = websocket.client.host if websocket.client else "unknown"
    told = [f"client {peer}", f"key {started.grant.key_id}"]
    if started.wishes.url is not None:
        told.append(f"source {host_of(started.wishes.url)}")
    _session_log.info("%s = %s", session_id, ", ".join(told))


def _read_opening(websocket: WebSocket) -> OpeningRequest | None:
    # A key may hold any letters; what is not UTF-8 matches none.
    headers = [
        (name.decode("latin-1"), value.decode("utf-8", "replace"))
        for name, value in websocket.scope["headers"]
    ]
    query = websocket.scope["query_string"].decode("latin-1")
    return read_request(websocket.scope["path"], query, headers)


def _not_found() -> JSONResponse:
    return JSONResponse({"error": "not found", "message": _NO_SUCH_PATH}, 404)


def _refuse(opening: OpeningRequest | None, services: Services) -> Response | None:
    """Return the HTTP answer to a request that gets no session."""
    if opening is None:
        return _not_found()
    if services.draining.is_set():
        return _unavailable("shutting down", _DRAINING)
    refusal = refuse_keys(opening.keys, services.policy)
    if refusal is not None:
        return Response(refusal.body, refusal.status, media_type="application/json")
    if not opening.keys:  # who has shown none takes no place from those who have
        return None
    speech = _speech_for(opening.wishes, services)
    busy = services.admission.refusal(services.scheduler.loads(), speech=speech)
    if busy is None:
        return None
    _log.info("x no place: %s", busy.figures)
    return _unavailable("too many sessions", busy.message)


def _speech_for(wishes: Wishes, services: Services) -> SpeechEngine:
    try:
        wishes = services.policy.settle_languages(wishes)
    except ClientFault:  # the dialogue will say it
        return services.engines.speech_for(None, wishes.mode)
    return services.engines.speech_for(wishes.language, wishes.mode, wishes.languages)


def _unavailable(error: str, message: str) -> Response:
    body = {"error": error, "message": message}
    return JSONResponse(body, 503, {"Retry-After": str(_RETRY_AFTER_S)})


def _now() -> float:
    return asyncio.get_running_loop().time()

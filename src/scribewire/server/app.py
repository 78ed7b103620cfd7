"""The ASGI application: which address leads where."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from structlog.contextvars import bound_contextvars

from scribewire.errors import BusyFault, ClientFault
from scribewire.log_line import LogLine
from scribewire.origins import normalise_origin
from scribewire.protocol.dialects import DIALECTS, read_request
from scribewire.protocol.policy import choose_subprotocol, refuse_keys
from scribewire.server.attachment import Attachment
from scribewire.server.key_watch import KeyWatch
from scribewire.server.page import installed_page, page_routes
from scribewire.server.rest.access import (
    check_key_limits,
    check_pages,
    host_of_client,
    unknown_key,
)
from scribewire.server.rest.cors import check_origin, origin_of
from scribewire.server.rest.faults import RestFault, not_found, unavailable
from scribewire.server.rest.realtime import DRAINING
from scribewire.server.rest.routes import rest_routes
from scribewire.server.rest.served_path import answer_fault, log_refusal, not_allowed
from scribewire.server.session import open_session
from scribewire.server.session_clock import SessionTimes
from scribewire.server.websocket_talk import SCOPE_KEY, WebSocketTalk
from scribewire.sources.http.urls import host_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from starlette.types import Receive, Scope, Send

    from scribewire.engines.protocols import SpeechEngine
    from scribewire.protocol.dialogue import OpeningRequest, SessionStarted
    from scribewire.server.services import Services
    from scribewire.server.session import Session
    from scribewire.wishes import Wishes

_log = logging.getLogger("scribewire.server")
_session_log = logging.getLogger("scribewire.session")

_FULL = "x no place: {figures}"
_UPGRADE = "this address speaks WebSocket: connect with ws:// or wss://"
_NO_SUCH_PATH = f"no such address here: expected {' or '.join(one.usage for one in DIALECTS)}"


def make_app(services: Services) -> Starlette:
    """Return the application that serves these services. Raises ServerFault without its page."""

    async def serve_websocket(websocket: WebSocket) -> None:
        opening = _read_opening(websocket)
        refusal = _refuse(websocket, opening, services)
        if refusal is not None:
            log_refusal(refusal.status_code)
            services.observer.note_refusal(_reason_of(refusal))
            await websocket.send_denial_response(refusal)
            return
        assert opening is not None
        talk: WebSocketTalk | None = websocket.scope.get(SCOPE_KEY)  # None under another server
        if talk is not None and opening.keys:
            talk.know_client()
        async with contextlib.AsyncExitStack() as owned:
            held = _take_key_place(opening, services, owned)
            if opening.keys:
                speech = _speech_for(opening.wishes, services)
                owned.enter_context(services.admission.session(speech=speech))
            await websocket.accept(choose_subprotocol(opening.subprotocols, services.policy))
            await _serve_client(websocket, opening, services, owned, held=held)

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


async def _serve_client(
    websocket: WebSocket,
    opening: OpeningRequest,
    services: Services,
    owned: contextlib.AsyncExitStack,
    *,
    held: str | None,
) -> None:
    """Serve one client; `owned` takes its session, which for now ends with its socket.

    `held` is the key that it has a place of.
    """
    session_id = secrets.token_hex(16)
    # Whatever is logged while it is served, by whomever, is of this session.
    owned.enter_context(bound_contextvars(session=session_id))
    _log_opening(session_id, opening)

    def begin_session(started: SessionStarted) -> Session:
        access = services.keys.access
        has_place = started.grant.key_id == held
        refusal = access.refusal(started.grant, has_place=has_place)
        if refusal is not None:
            raise refusal.fault
        if not has_place:
            owned.enter_context(access.take_place(started.grant))
        if not opening.keys:  # it came with a key only now, and has no place yet
            owned.enter_context(_take_place(services, started.wishes, session_id))
        started.grant.check_origin(_page_of(websocket))  # the key may have come only now
        services.tokens.use(started.grant)
        talk: WebSocketTalk | None = websocket.scope.get(SCOPE_KEY)
        if talk is not None:
            talk.begin_session()
        _log_client(session_id, websocket, started)
        use = access.begin(started.grant, end=attachment.reject)
        owned.callback(use.close)
        session = open_session(session_id, started, services, use)
        owned.push_async_callback(session.aclose)
        return session

    watch = _watch_keys(websocket, services)
    dialogue = opening.begin(watch.policy, session_id, _now())
    attachment = Attachment(
        websocket,
        dialogue,
        begin_session,
        name=session_id,
        times=SessionTimes.of_settings(
            services.settings.max_session_ms, services.settings.idle_timeout_ms
        ),
        before_sending=watch.before_sending,
    )
    services.attachments.add(attachment)
    services.draining.tell(attachment)  # it may have begun since the request was let in
    try:
        await attachment.run()
    finally:
        services.attachments.discard(attachment)


def _watch_keys(websocket: WebSocket, services: Services) -> KeyWatch:
    return KeyWatch(
        services.policy,
        services.wrong_keys,
        host_of_client(websocket),
        note_refusal=services.observer.note_refusal,
    )


def _take_key_place(
    opening: OpeningRequest, services: Services, owned: contextlib.AsyncExitStack
) -> str | None:
    """Count the connection for the key that it came with, and return what names that."""
    grant = services.policy.grant_of(opening.keys[0]) if opening.keys else None
    if grant is None:
        return None
    owned.enter_context(services.keys.access.take_place(grant))
    return grant.key_id


def _page_of(websocket: WebSocket) -> str | None:
    origin = origin_of(websocket)
    return None if origin is None else normalise_origin(origin)


def _take_place(services: Services, wishes: Wishes, name: str) -> AbstractContextManager[None]:
    """Count a session until the returned context is left, or raise `BusyFault`."""
    speech = _speech_for(wishes, services)
    refusal = services.admission.refusal(services.scheduler.loads(), speech=speech)
    if refusal is not None:
        words, figures = _FULL, refusal.figures
        _session_log.info(LogLine("no_place", words, session=name, figures=figures))
        services.observer.note_refusal("too many sessions")
        raise BusyFault(refusal.message)
    return services.admission.session(speech=speech)


def _log_opening(session_id: str, opening: OpeningRequest) -> None:
    words, path, mode = "= open {path} {mode}", opening.path, opening.wishes.mode
    _session_log.info(LogLine("opened", words, session=session_id, path=path, mode=mode))
    if opening.unknown_parameters:
        # Not their names: a key may stand there by mistake.
        count = len(opening.unknown_parameters)
        words = "= ignored {count:d} parameters"
        _session_log.debug(LogLine("parameters_ignored", words, session=session_id, count=count))


def _log_client(session_id: str, websocket: WebSocket, started: SessionStarted) -> None:
    """Say whose session it is, and where its audio comes from: no key, no path, no query."""
    peer = websocket.client.host if websocket.client else "unknown"
    told = {"client": peer, "key": started.grant.key_id}
    if started.grant.token_id is not None:
        told["token"] = started.grant.token_id
    if started.wishes.url is not None:
        told["source"] = host_of(started.wishes.url)
    words = "= " + ", ".join(f"{name} {{{name}}}" for name in told)
    _session_log.info(LogLine("admitted", words, session=session_id, **told))


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


def _refuse(
    websocket: WebSocket, opening: OpeningRequest | None, services: Services
) -> Response | None:
    """Return the HTTP answer to a request that gets no session."""
    if opening is None:
        return _not_found()
    if services.draining.has_begun.is_set():
        return answer_fault(unavailable("shutting down", DRAINING))
    try:
        check_origin(websocket, services.origins)
        if refuse_keys(opening.keys, services.policy) is not None:
            raise unknown_key(websocket, services.wrong_keys)
        known = [services.policy.grant_of(key) for key in opening.keys]
        grants = [one for one in known if one is not None]
        check_pages(grants, origin_of(websocket))
        check_key_limits(grants, services.keys.access)
    except RestFault as fault:
        return answer_fault(fault)
    if not opening.keys:  # who has shown none takes no place from those who have
        return None
    speech = _speech_for(opening.wishes, services)
    busy = services.admission.refusal(services.scheduler.loads(), speech=speech)
    if busy is None:
        return None
    _log.info(LogLine("no_place", _FULL, figures=busy.figures))
    return answer_fault(unavailable("too many sessions", busy.message))


def _reason_of(refusal: Response) -> str:
    """Return what its body says for programs, which is a text of ours."""
    reason: str = json.loads(bytes(refusal.body))["error"]
    return reason


def _speech_for(wishes: Wishes, services: Services) -> SpeechEngine:
    try:
        wishes = services.policy.settle_languages(wishes)
    except ClientFault:  # the dialogue will say it
        return services.engines.speech_for(None, wishes.mode)
    return services.engines.speech_for(wishes.language, wishes.mode, wishes.languages)


def _now() -> float:
    return asyncio.get_running_loop().time()

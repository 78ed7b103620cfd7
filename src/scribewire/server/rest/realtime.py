"""`/api/v4/realtime`: whether a session could begin at once, and what makes it so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from scribewire.engines.on_demand import is_resident
from scribewire.engines.served import name_of
from scribewire.errors import ClientFault
from scribewire.protocol.dialects import MAIN_PATH, read_wishes
from scribewire.server.rest.access import check_key_limits
from scribewire.server.rest.faults import bad_request, forbidden, not_found, unavailable
from scribewire.server.rest.table import Answer, AnswerModel, QueryModel, RestCall, Route
from scribewire.types import Mode

if TYPE_CHECKING:
    from starlette.requests import Request

    from scribewire.engines.protocols import SpeechEngine

WarmUpState = Literal["ready", "starting", "scaled_down"]

DRAINING = "this server is going down: try again in a few seconds"

_LANGUAGE = r"^(auto|[A-Za-z]{2}([\-_][A-Za-z0-9]+)*)?$"
_MESSAGES: dict[WarmUpState, str] = {
    "ready": "model {name} is in memory: a session can begin",
    "starting": "model {name} is being loaded: ask again in a few seconds",
    "scaled_down": "model {name} is not in memory: `initialize` loads it, or the first session",
}


class SessionQuery(QueryModel):
    """Which session is meant, in the words of a WebSocket's query; read by its dialect.

    An empty value counts as left out.
    """

    type: Mode | Literal[""] = Field(default="fast", description="Type of session.")
    language: Annotated[str, Field(pattern=_LANGUAGE)] | None = Field(
        default=None, description="What is spoken; the server's own if it is left out."
    )


class WarmUpStatus(AnswerModel):
    """Whether a session could begin at once."""

    status: WarmUpState = Field(description="`scaled_down`: its model is not in memory.")
    message: str = Field(description="The same for people.")
    ready: bool
    endpoint: str = Field(description="Where to connect to.")


async def _initialize(call: RestCall) -> Answer:
    speech = _find_engine(call)
    loading = call.services.residence.bring(speech)
    return _tell(call, speech, "ready" if loading is None else "starting")


async def _look(call: RestCall) -> Answer:
    speech = _find_engine(call)
    if is_resident(speech):
        return _tell(call, speech, "ready")
    is_loading = call.services.residence.is_bringing(speech)
    return _tell(call, speech, "starting" if is_loading else "scaled_down")


def _find_engine(call: RestCall) -> SpeechEngine:
    """Return what would serve the session. Raises RestFault if it could not begin."""
    services = call.services
    if services.draining.has_begun.is_set():
        raise unavailable("shutting down", DRAINING)
    try:
        asked = read_wishes(call.request.scope["query_string"].decode("latin-1"))
    except ClientFault as fault:
        raise bad_request(fault.message) from None
    try:
        wishes = services.policy.settle_languages(asked)
    except ClientFault as fault:
        raise not_found(fault.message) from None
    try:
        call.grant.check(wishes, host=None)
    except ClientFault as fault:
        raise forbidden(fault.message) from None
    check_key_limits([call.grant], services.keys.access)
    speech = services.engines.speech_for(wishes.language, wishes.mode, wishes.languages)
    busy = services.admission.refusal(services.scheduler.loads(), speech=speech)
    if busy is not None:
        raise unavailable("too many sessions", busy.message)
    return speech


def _tell(call: RestCall, speech: SpeechEngine, status: WarmUpState) -> Answer:
    return Answer(
        body=WarmUpStatus(
            status=status,
            message=_MESSAGES[status].format(name=name_of(speech)),
            ready=status == "ready",
            endpoint=_endpoint(call.request),
        )
    )


def _endpoint(request: Request) -> str:
    """Return where this client reaches the WebSockets, by what it takes for our name."""
    url = request.url
    return f"{'wss' if url.scheme == 'https' else 'ws'}://{url.netloc}{MAIN_PATH}"


REALTIME_ROUTES = (
    Route(
        method="POST",
        path="/api/v4/realtime/initialize",
        summary="Load what a session needs that is not in memory, and say how far that is.",
        access="key",
        answers={200: WarmUpStatus},
        query=SessionQuery,
        refusals=frozenset({404, 429, 503}),
        handle=_initialize,
    ),
    Route(
        method="GET",
        path="/api/v4/realtime/status",
        summary="Whether a session could begin at once.",
        access="key",
        answers={200: WarmUpStatus},
        query=SessionQuery,
        refusals=frozenset({404, 429, 503}),
        handle=_look,
    ),
)

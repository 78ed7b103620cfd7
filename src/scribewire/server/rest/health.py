"""`GET /healthz`, `/readyz` and `/v1/models`: what anybody may know of a server."""

from __future__ import annotations

from pydantic import Field

from scribewire import __version__
from scribewire.engines.on_demand import is_resident
from scribewire.engines.served import describe_table, name_of
from scribewire.runtime.load import Load
from scribewire.server.readiness import Obstacle, find_hindrances
from scribewire.server.rest.faults import RETRY_AFTER_S
from scribewire.server.rest.table import Answer, AnswerModel, QueryModel, RestCall, Route


class Health(AnswerModel):
    """How a server does."""

    status: str = Field(description="`ok`, or `draining` while it is going down.")
    version: str
    sessions: int = Field(description="Clients that are being served.")
    workers: int = Field(description="Threads that decode.")
    waiting_jobs: int
    stuck_calls: int = Field(description="Engine calls that have been given up.")
    load: Load


class Reason(AnswerModel):
    """Why a server is not ready."""

    reason: Obstacle
    message: str = Field(description="For people.")


class Readiness(AnswerModel):
    """Whether one more session should be sent to a server."""

    ready: bool = Field(
        description="Once no place is left it is false until several have been free for 3 s."
    )
    reasons: list[Reason] = Field(description="Why not; none where it is ready.")


class ServedModel(AnswerModel):
    """One model that serves."""

    name: str
    licence: str | None
    device: str | None
    memory_mb: int | None


class ModelsQuery(QueryModel):
    """Who would use them."""

    origin: str = Field(
        default="",
        description="A page's origin, as https://captions.example. Browsers say it by themselves "
        "when they open a WebSocket, and not when they ask the server that a page is from.",
    )


class ServedModels(AnswerModel):
    """Which model serves which language in which mode, and what else a page must know."""

    default_language: str
    languages: dict[str, dict[str, str]] = Field(
        description="By code, the model of each type of session."
    )
    auto: dict[str, list[str] | str] = Field(
        description="`languages` that can be told from each other, and the model of each type of "
        "session that finds out."
    )
    models: list[ServedModel]
    resident: list[str] = Field(description="Those that are in memory.")
    streams: bool = Field(description="Whether the server pulls a URL that a client names.")
    origin_allowed: bool | None = Field(
        description="Whether WebSockets of pages from `origin` are let in; null: none was named."
    )


async def _tell_health(call: RestCall) -> Answer:
    services = call.services
    scheduler = services.scheduler
    is_draining = services.draining.has_begun.is_set()
    health = Health(
        status="draining" if is_draining else "ok",
        version=__version__,
        sessions=len(services.attachments),
        workers=scheduler.capacity,
        waiting_jobs=scheduler.waiting_jobs,
        stuck_calls=scheduler.stuck_calls,
        load=scheduler.load(),
    )
    return Answer(body=health)  # alive to the last: who is draining must not be restarted for it


async def _tell_readiness(call: RestCall) -> Answer:
    found = find_hindrances(call.services)
    reasons = [Reason(reason=one.obstacle, message=one.message) for one in found]
    body = Readiness(ready=not reasons, reasons=reasons)
    if not reasons:
        return Answer(body=body)
    return Answer(body=body, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})


async def _tell_models(call: RestCall) -> Answer:
    services, host = call.services, call.request.headers.get("host")
    origin = call.read_query(ModelsQuery).origin
    table = services.engines.table
    told = {
        **describe_table(table),
        "resident": [name_of(engine) for engine in table.serving if is_resident(engine)],
        "streams": services.policy.serves_streams,
        "origin_allowed": services.origins.allows(origin, host) if origin else None,
    }
    return Answer(body=ServedModels.model_validate(told))


HEALTH_ROUTES = (
    Route(
        method="GET",
        path="/healthz",
        summary="Whether the server is alive, and how busy it is.",
        access="anybody",
        answers={200: Health},
        handle=_tell_health,
    ),
    Route(
        method="GET",
        path="/readyz",
        summary="Whether one more session should be sent here.",
        access="anybody",
        answers={200: Readiness, 503: Readiness},
        handle=_tell_readiness,
    ),
    Route(
        method="GET",
        path="/v1/models",
        summary="Which languages are served, by which models.",
        access="anybody",
        answers={200: ServedModels},
        handle=_tell_models,
        query=ModelsQuery,
    ),
)

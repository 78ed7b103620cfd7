"""`/v1/admin/drain`: what SIGTERM does, for an operator who is elsewhere."""

from __future__ import annotations

import logging
import math
import time
from typing import Literal

from pydantic import Field

from scribewire.log_line import LogLine
from scribewire.server.rest.table import Answer, AnswerModel, RestCall, Route

_ASKED = "= key {by} asks this server to drain"

_log = logging.getLogger("scribewire.server")


class DrainStatus(AnswerModel):
    """How a server goes down."""

    status: Literal["draining"]
    at: int = Field(description="When what has not ended is cut off, in Unix seconds.")
    in_s: int = Field(description="The same from now on: clocks differ.")
    sessions: int = Field(description="Clients that are being served.")


async def _drain(call: RestCall) -> Answer:
    services = call.services
    if not services.draining.has_begun.is_set():
        _log.info(LogLine("drain_asked", _ASKED, by=call.grant.key_id))
    at = services.draining.begin()
    told = DrainStatus(
        status="draining",
        at=at,
        in_s=max(0, math.ceil(at - time.time())),
        sessions=len(services.attachments),
    )
    return Answer(body=told, status=202)


DRAIN_ROUTES = (
    Route(
        method="POST",
        path="/v1/admin/drain",
        summary="Let no session in any more, give the open ones time and their finals, then end.",
        access="admin",
        answers={202: DrainStatus},
        handle=_drain,
    ),
)

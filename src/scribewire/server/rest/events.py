"""`/v1/sessions/{session}/events`: what is said in a session, for those who read along."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pydantic import Field

from scribewire.errors import ServerFault
from scribewire.log_line import LogLine
from scribewire.protocol.dialects import tell_result
from scribewire.runtime.told import FinalsMissed, FinalTold, PartialTold, TellingEnded
from scribewire.server.reading import SessionReading
from scribewire.server.rest.event_stream import MEDIA_TYPE, EventStream, ServerSentEvent
from scribewire.server.rest.faults import bad_request, forbidden, not_found, unavailable
from scribewire.server.rest.table import Answer, AnswerModel, QueryModel, RestCall, Route

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from scribewire.runtime.told import ToldEvent

LAST_SEEN = "Last-Event-ID"

_UNKNOWN = "no such session of this key is carried or kept here"
_ONCE = "a token for one session alone reads no others: use its key, or another token"
_TOO_MANY = "too many read along here: try again later, or have one reader pass on what it reads"
_NOT_NOW = "where this session is cannot be found out now: try again in a few seconds"
_MOST_DIGITS = 9  # of a final's number: nobody speaks for so long

_log = logging.getLogger("scribewire.server")


class EventsQuery(QueryModel):
    """What is read of a session."""

    partials: bool = Field(
        default=False, description="Tell what is being said as well, before it is final."
    )
    after: int = Field(
        default=0,
        ge=0,
        lt=10**_MOST_DIGITS,
        description="Begin behind the final of this number; `Last-Event-ID` comes first.",
    )


class SessionEventStream(AnswerModel):
    """Events: `final` and `partial` as on the WebSocket, `missed`, and `end` as the last."""

    event: str = Field(description="`final`, `partial`, `missed` or `end`.")
    id: int | None = Field(description="The number of a final, from 1.")
    data: dict[str, object] = Field(description="JSON, in one line.")


async def _read_along(call: RestCall) -> Answer:
    if call.grant.is_single_use:
        raise forbidden(_ONCE)
    query, session_id = call.read_query(EventsQuery), call.path["session"]
    after = _last_seen(call, query)
    reading = SessionReading(session_id, call.services)
    try:
        is_allowed = await reading.is_allowed(call.grant)
    except ServerFault:
        raise unavailable("not found out", _NOT_NOW) from None
    if not is_allowed:
        raise not_found(_UNKNOWN)
    leave = call.services.readable.take_place(session_id)
    if leave is None:
        raise unavailable("too many readers", _TOO_MANY)
    _log_reader("reads", "= key {key} reads along", call)
    events = _told(reading.events(after, with_partials=query.partials))
    return Answer(body=None, stream=EventStream(events, _with_log(leave, call)))


def _last_seen(call: RestCall, query: EventsQuery) -> int:
    """Return the number of the last final that who asks has."""
    given = call.request.headers.get(LAST_SEEN, "").strip()
    if not given:
        return query.after
    if not (given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS):
        raise bad_request(f"{LAST_SEEN}: expected the number of a final")
    return int(given)


async def _told(
    events: AsyncGenerator[ToldEvent | None, None],
) -> AsyncGenerator[ServerSentEvent | None, None]:
    try:
        async for event in events:
            yield _as_sent(event)
    finally:
        await events.aclose()


def _as_sent(event: ToldEvent | None) -> ServerSentEvent | None:
    match event:
        case FinalTold(number, final):
            return ServerSentEvent("final", tell_result(final, number), number)
        case PartialTold(partial):
            return ServerSentEvent("partial", tell_result(partial))
        case FinalsMissed(first, last):
            return ServerSentEvent("missed", {"first": first, "last": last}, last)
        case TellingEnded(outcome):
            return ServerSentEvent("end", {"outcome": outcome})
        case _:
            return None


def _with_log(leave: Callable[[], None], call: RestCall) -> Callable[[], None]:
    def end() -> None:
        leave()
        _log_reader("reads_no_more", "x key {key} reads no more", call)

    return end


def _log_reader(event: str, words: str, call: RestCall) -> None:
    session, key = call.path["session"], call.grant.key_id
    _log.info(LogLine(event, words, session=session, key=key))


EVENT_ROUTES = (
    Route(
        method="GET",
        path="/v1/sessions/{session}/events",
        summary="Read along what is said in a session, as Server-Sent Events.",
        access="key",
        answers={200: SessionEventStream},
        query=EventsQuery,
        headers={LAST_SEEN: "The number of the last final that was seen; what follows is told."},
        refusals=frozenset({503}),
        media_type=MEDIA_TYPE,
        handle=_read_along,
    ),
)

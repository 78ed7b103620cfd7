"""`/v1/admin`: what `scribewire keys` does, for a key that may manage keys."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field

from scribewire.errors import ServerFault
from scribewire.keys.description import describe, describe_usage
from scribewire.keys.pages import CURSOR_OF_KEYS, CURSOR_OF_USAGE
from scribewire.keys.records import KeyIsOver, KeyState, NoSuchKey, OutcomeUnknown
from scribewire.keys.rights import (
    LANGUAGE,
    MAX_MINUTES,
    MAX_NAME_CHARACTERS,
    MAX_SESSIONS,
    NAME,
    SOURCE_HOST,
    WantedRights,
)
from scribewire.log_line import LogLine
from scribewire.origins import ORIGIN
from scribewire.server.rest.faults import RestFault, conflict, not_found, unavailable
from scribewire.server.rest.table import (
    Answer,
    AnswerModel,
    BodyModel,
    QueryModel,
    RestCall,
    Route,
)
from scribewire.types import Mode

if TYPE_CHECKING:
    from scribewire.keys.books import KeyBooks
    from scribewire.keys.records import KeyRecord, MadeKey

_MOST = 100  # of a list
_PAGE, _LONGEST_PAGE = 500, 1000  # of an answer: a few milliseconds of the event loop
_LONGEST_GRACE_S = 90 * 86_400
_LONGEST_LIFE_S = 100 * 366 * 86_400
_AWAY = "the database of keys does not answer: try again a little later"
_UNKNOWN = (
    "the database of keys does not answer, and what was asked may have been done: look at the keys "
    "before you ask again"
)
_HOW_MANY = "At most so many of them."
_FROM_WHERE = "`next` of the page before; none: the first."

_Origin = Annotated[str, Field(pattern=ORIGIN, max_length=200)]
_Language = Annotated[str, Field(pattern=LANGUAGE)]
_Host = Annotated[str, Field(pattern=SOURCE_HOST, max_length=200)]
_Minutes = Annotated[float, Field(gt=0, le=MAX_MINUTES)]
_Name = Annotated[
    str,
    Field(
        pattern=NAME, max_length=MAX_NAME_CHARACTERS, description="What it is called: who has it."
    ),
]
_Result = TypeVar("_Result")

_log = logging.getLogger("scribewire.server")


class KeyLimits(BodyModel):
    """What a key may do; null: no limit."""

    types: list[Mode] | None = Field(default=None, max_length=_MOST)
    languages: list[_Language] | None = Field(default=None, max_length=_MOST)
    origins: list[_Origin] | None = Field(
        default=None, max_length=_MOST, description="Web pages that it may be used from."
    )
    source_hosts: list[_Host] | None = Field(
        default=None, max_length=_MOST, description="Hosts that stream URLs may lead to."
    )
    max_sessions: int | None = Field(default=None, ge=1, le=MAX_SESSIONS)
    minutes_per_day: _Minutes | None = None
    minutes_per_month: _Minutes | None = None
    expires_in_s: int | None = Field(
        default=None, ge=1, le=_LONGEST_LIFE_S, description="When it ends, in seconds from now."
    )


class KeyWishes(KeyLimits):
    """A key to make: what is not limited here is not limited."""

    name: _Name
    is_admin: bool = Field(default=False, description="It may manage keys, and drain servers.")


class KeyChanges(KeyLimits):
    """What becomes different of a key: what is not named stays, null lifts a limit."""

    name: _Name | None = Field(default=None, description="Null: as it is.")


class RotateWishes(BodyModel):
    """How a key gets a new secret."""

    grace_s: int = Field(
        default=0,
        ge=0,
        le=_LONGEST_GRACE_S,
        description="How long the old secret is taken too, in seconds.",
    )


class KeyDescription(AnswerModel):
    """A key without its secret; null: no limit, or never. Times are Unix seconds."""

    id: str
    name: str
    state: KeyState
    is_admin: bool
    types: list[Mode] | None
    languages: list[str] | None
    origins: list[str] | None
    source_hosts: list[str] | None
    max_sessions: int | None
    minutes_per_day: float | None
    minutes_per_month: float | None
    created_at: int
    expires_at: int | None
    rotated_at: int | None
    revoked_at: int | None
    last_used_at: int | None


class KeyWithSecret(KeyDescription):
    """A key that has just got its secret, which is told this once."""

    key: str


class KeyList(AnswerModel):
    """Keys, the oldest first."""

    keys: list[KeyDescription]
    next: str | None = Field(description="`after` of the next page; null: this is the last.")


class ListQuery(QueryModel):
    """Which keys are listed."""

    all: bool = Field(default=False, description="Those that are over too.")
    limit: int = Field(default=_PAGE, ge=1, le=_LONGEST_PAGE, description=_HOW_MANY)
    after: str | None = Field(default=None, pattern=CURSOR_OF_KEYS, description=_FROM_WHERE)


class UsageQuery(QueryModel):
    """Whose use is told."""

    days: int = Field(default=31, ge=1, le=3660, description="How many, today among them; of UTC.")
    key_id: str | None = Field(
        default=None, pattern="^[0-9a-z_]{0,16}$", description="None: of all."
    )
    limit: int = Field(default=_PAGE, ge=1, le=_LONGEST_PAGE, description=_HOW_MANY)
    after: str | None = Field(default=None, pattern=CURSOR_OF_USAGE, description=_FROM_WHERE)


class DayOfKey(AnswerModel):
    """What one key was used for on one day of UTC."""

    key_id: str
    day: date
    audio_s: float
    sessions: int


class UsageList(AnswerModel):
    """The use of keys, by day and key."""

    usage: list[DayOfKey]
    next: str | None = Field(description="`after` of the next page; null: this is the last.")


async def _list_keys(call: RestCall) -> Answer:
    query, now = call.read_query(ListQuery), time.time()

    def list_them(books: KeyBooks) -> KeyList:
        active_at = None if query.all else now
        page = books.store.page(cursor=query.after, limit=query.limit, active_at=active_at)
        return KeyList(keys=[_describe(one, now) for one in page.items], next=page.cursor)

    return Answer(body=await _ask(call, list_them))


async def _create_key(call: RestCall) -> Answer:
    wishes, now = call.read_body(KeyWishes), time.time()
    rights = _wanted(wishes, now).as_grant(now=now)
    made = await _ask(call, lambda books: books.store.create(rights, now=now))
    _note(call, "made", made.record.grant.key_id)
    return Answer(body=_with_secret(made), status=201)


async def _show_key(call: RestCall) -> Answer:
    key_id = call.path["key_id"]
    record = await _ask(call, lambda books: books.store.find(key_id))
    return Answer(body=_describe(record, time.time()))


async def _change_key(call: RestCall) -> Answer:
    key_id, now = call.path["key_id"], time.time()
    changes = call.read_body(KeyChanges)
    lifted = {one for one in changes.model_fields_set - {"name"} if getattr(changes, one) is None}
    if "expires_in_s" in lifted:
        lifted = lifted - {"expires_in_s"} | {"expires_at"}
    change = _wanted(changes, now).as_change(lifted=lifted, now=now)
    record = await _ask(call, lambda books: books.store.change(key_id, change))
    _note(call, "changed", key_id)
    return Answer(body=_describe(record, now))


def _wanted(limits: KeyLimits, now: float) -> WantedRights:
    said = limits.model_dump(exclude={"expires_in_s"}, exclude_none=True)
    ends_at = None if limits.expires_in_s is None else int(now) + limits.expires_in_s
    return WantedRights(**said, expires_at=ends_at)


async def _revoke_key(call: RestCall) -> Answer:
    key_id, now = call.path["key_id"], time.time()
    if key_id == call.grant.key_id:
        raise conflict("a key does not revoke itself, by mistake: use another one")
    record = await _ask(call, lambda books: books.store.revoke(key_id, now=now))
    _note(call, "revoked", key_id)
    return Answer(body=_describe(record, now))


async def _rotate_key(call: RestCall) -> Answer:
    key_id, now = call.path["key_id"], time.time()
    grace_s = call.read_body(RotateWishes).grace_s
    made = await _ask(call, lambda books: books.store.rotate(key_id, now=now, grace_s=grace_s))
    _note(call, "rotated", key_id)
    return Answer(body=_with_secret(made))


async def _tell_usage(call: RestCall) -> Answer:
    query, today = call.read_query(UsageQuery), datetime.now(UTC).date()

    def tell(books: KeyBooks) -> UsageList:
        page = books.usage.page_by_day(
            key_id=query.key_id,
            today=today,
            days=query.days,
            cursor=query.after,
            limit=query.limit,
        )
        told = [DayOfKey.model_validate(describe_usage(one)) for one in page.items]
        return UsageList(usage=told, next=page.cursor)

    return Answer(body=await _ask(call, tell))


async def _ask(call: RestCall, function: Callable[[KeyBooks], _Result]) -> _Result:
    """Ask the database; what has changed acts on this server when it returns."""
    try:
        return await call.services.keys.call(function)
    except NoSuchKey as fault:
        raise not_found(fault.message) from None
    except KeyIsOver as fault:
        raise conflict(fault.message) from None
    except ServerFault as fault:
        _log.warning(LogLine("keys_away", "! {reason}", reason=fault))
        if isinstance(fault, OutcomeUnknown) and call.request.method != "GET":
            raise RestFault(503, "outcome unknown", _UNKNOWN) from None
        raise unavailable("database unavailable", _AWAY) from None


def _describe(record: KeyRecord, now: float) -> KeyDescription:
    return KeyDescription.model_validate(describe(record, now))


def _with_secret(made: MadeKey) -> KeyWithSecret:
    told = describe(made.record, time.time())
    return KeyWithSecret.model_validate({"key": made.key, **told})


def _note(call: RestCall, what: str, key_id: str) -> None:
    words, by = "= key {key} {what} by key {by}", call.grant.key_id
    _log.info(LogLine("key_changed", words, key=key_id, what=what, by=by))


_KEYS, _KEY = "/v1/admin/keys", "/v1/admin/keys/{key_id}"
_AWAY_TOO = frozenset({503})

ADMIN_ROUTES = (
    Route(
        method="GET",
        path=_KEYS,
        summary="List the keys.",
        access="admin",
        answers={200: KeyList},
        query=ListQuery,
        refusals=_AWAY_TOO,
        handle=_list_keys,
    ),
    Route(
        method="POST",
        path=_KEYS,
        summary="Make a key, which is told this once.",
        access="admin",
        answers={201: KeyWithSecret},
        body=KeyWishes,
        refusals=_AWAY_TOO,
        handle=_create_key,
    ),
    Route(
        method="GET",
        path=_KEY,
        summary="Tell what a key may do and what became of it.",
        access="admin",
        answers={200: KeyDescription},
        refusals=_AWAY_TOO,
        handle=_show_key,
    ),
    Route(
        method="PATCH",
        path=_KEY,
        summary="Change what a key may do: what is named, and nothing else.",
        access="admin",
        answers={200: KeyDescription},
        body=KeyChanges,
        refusals=_AWAY_TOO | {409},
        handle=_change_key,
    ),
    Route(
        method="DELETE",
        path=_KEY,
        summary="Revoke a key: its sessions end with their finals.",
        access="admin",
        answers={200: KeyDescription},
        refusals=_AWAY_TOO | {409},
        handle=_revoke_key,
    ),
    Route(
        method="POST",
        path=_KEY + "/rotate",
        summary="Give a key a new secret, which is told this once.",
        access="admin",
        answers={200: KeyWithSecret},
        body=RotateWishes,
        refusals=_AWAY_TOO | {409},
        handle=_rotate_key,
    ),
    Route(
        method="GET",
        path="/v1/admin/usage",
        summary="Tell what keys were used for, by day.",
        access="admin",
        answers={200: UsageList},
        query=UsageQuery,
        refusals=_AWAY_TOO,
        handle=_tell_usage,
    ),
)

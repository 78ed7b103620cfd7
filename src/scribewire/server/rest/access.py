"""Who may ask: the key of an HTTP request, from wherever the wire takes one, and its grant."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING

from scribewire.errors import ClientFault
from scribewire.origins import normalise_origin
from scribewire.protocol.dialects import read_keys
from scribewire.server import key_watch
from scribewire.server.rest.cors import origin_of
from scribewire.server.rest.faults import RestFault, forbidden, too_many

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from scribewire.grants import Grant
    from scribewire.keys.access import KeyAccess, KeyRefusal
    from scribewire.protocol.policy import ServerPolicy
    from scribewire.server.wrong_keys import WrongKeys

_HINT = {"WWW-Authenticate": "Bearer"}
_MISSING = (
    "missing token: send a key as `Authorization: Bearer KEY`, in the header x-api-key, or in the "
    "query as `token`"
)
_UNKNOWN = "unknown token: a key given with the request is unknown, expired or revoked"
_TOO_MANY = (
    "too many wrong keys from this address: wait for as long as Retry-After says, then send the "
    "right one; it is let in at once"
)
_NO_ADMIN = "this key is no admin's: use one that was made with `scribewire keys create --admin`"


def authorize(connection: HTTPConnection, policy: ServerPolicy, wrong_keys: WrongKeys) -> Grant:
    """Return what comes with the key of a request.

    Every key that is given must be valid; the first one counts. Raises RestFault: 401, 429 after
    too many wrong keys, or 403 on a page that a key is not for.
    """
    # A key may hold any letters; what is not UTF-8 matches none.
    headers = [
        (name.decode("latin-1"), value.decode("utf-8", "replace"))
        for name, value in connection.scope["headers"]
    ]
    keys = read_keys(connection.scope["query_string"].decode("latin-1"), headers)
    if not keys:
        raise RestFault(401, "missing token", _MISSING, headers=_HINT)
    grants = [grant for key in keys if (grant := policy.grant_of(key)) is not None]
    if len(grants) < len(keys):
        raise unknown_key(connection, wrong_keys)
    check_pages(grants, origin_of(connection))
    return grants[0]


def unknown_key(connection: HTTPConnection, wrong_keys: WrongKeys) -> RestFault:
    """Take note of a wrong key; returns the refusal: 401, or 429 where its address has to wait."""
    waits_s = key_watch.receive_wrong_key(wrong_keys, host_of_client(connection))
    if not waits_s:
        return RestFault(401, key_watch.UNKNOWN, _UNKNOWN, headers=_HINT)
    return too_many(key_watch.TOO_MANY, _TOO_MANY, retry_after_s=ceil(waits_s))


def host_of_client(connection: HTTPConnection) -> str:
    """Return the address that wrong keys are counted by; that of the proxy where none is told."""
    return "" if connection.client is None else connection.client.host


def check_pages(grants: Iterable[Grant], origin: str | None) -> None:
    """Raise RestFault (403) if one of these may not be used from a page; None: from none."""
    try:
        for grant in grants:
            grant.check_origin(None if origin is None else normalise_origin(origin))
    except ClientFault as fault:
        raise RestFault(403, "origin not allowed", fault.message) from None


def check_key_limits(grants: Iterable[Grant], access: KeyAccess) -> None:
    """Raise RestFault (429) if the first of these, which counts, can have no session now."""
    grant = next(iter(grants), None)
    refusal = None if grant is None else access.refusal(grant)
    if refusal is not None:
        raise refused_by_key(refusal)


def refused_by_key(refusal: KeyRefusal) -> RestFault:
    """Return how a request is told that its key can have no session now."""
    return too_many(refusal.error, refusal.message, retry_after_s=refusal.retry_after_s)


def require_admin(grant: Grant) -> None:
    """Raise RestFault (403) unless it may manage keys and the server."""
    if not grant.is_admin:
        raise forbidden(_NO_ADMIN)

"""Which pages may ask, and what a browser must be told so that their scripts may read the answer.

The protocol is CORS, of the Fetch standard. No cookie is involved: who asks shows a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from scribewire.server.rest.faults import RestFault

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from scribewire.origins import AllowedOrigins

_HEADERS: Final = "authorization, content-type, last-event-id, x-api-key, api-key, x-zoom-s2t-key"
_MAX_AGE_S: Final = 600  # some browsers keep it no longer
_REFUSED = (
    "origin not allowed: pages from there may not use this server; its operator can name them "
    "with --allow-origin"
)


def origin_of(connection: HTTPConnection) -> str | None:
    """Return where the page is from that asks; None where no page does."""
    given = connection.headers.getlist("origin")
    return ", ".join(given) if given else None  # two of them are none that is allowed


def check_origin(connection: HTTPConnection, allowed: AllowedOrigins) -> None:
    """Raise RestFault (403) for a page that may not use this server."""
    if not allowed.allows(origin_of(connection), connection.headers.get("host")):
        raise RestFault(403, "origin not allowed", _REFUSED)


def shared_with(origin: str | None) -> Mapping[str, str]:
    """Return the headers that let scripts of a page that may ask read the answer."""
    if origin is None:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After",
    }


def preflight(connection: HTTPConnection, methods: str) -> Mapping[str, str]:
    """Return what a browser is told that asks whether it may ask; nothing if it does not."""
    if "access-control-request-method" not in connection.headers:
        return {}
    return {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": _HEADERS,
        "Access-Control-Max-Age": str(_MAX_AGE_S),
    }

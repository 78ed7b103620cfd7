"""Which dialect is spoken at which path: one line each. Only this file knows them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from scribewire.protocol.dialogue import Dialect, OpeningRequest
from scribewire.protocol.legacy.shape import PATH, LegacyShape
from scribewire.protocol.scriptix.dialect import ScriptixDialect
from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM, Endpoint

LEGACY: Final = Endpoint(path=PATH, shape=LegacyShape())
"""As `MICROPHONE`, with results in the legacy shape."""

DIALECTS: Final[tuple[Dialect, ...]] = (
    ScriptixDialect(MICROPHONE),
    ScriptixDialect(STREAM),
    ScriptixDialect(LEGACY),
)


def read_request(
    path: str, query: str, headers: Iterable[tuple[str, str]]
) -> OpeningRequest | None:
    """Read an opening request in the dialect of its path; None if none is spoken there.

    `path` has been percent-decoded, as ASGI does; `query` has not, and has no question mark.
    """
    given = tuple(headers)
    requests = (dialect.read_request(path, query, given) for dialect in DIALECTS)
    return next((request for request in requests if request is not None), None)


# What our own client speaks.


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is, as a user names it."""

    server: str
    """Without the path of an endpoint."""
    endpoint: Endpoint | None
    """Whose path was named; None when none was."""


def split_address(address: str) -> ServerAddress:
    """Tell the server from the endpoint that its address may name."""
    parts = urlsplit(address)
    path = parts.path.rstrip("/")
    for endpoint in (MICROPHONE, STREAM, LEGACY):  # in this order: the first ends as the last
        if path.endswith(endpoint.path):
            server = parts._replace(path=path.removesuffix(endpoint.path))
            return ServerAddress(urlunsplit(server), endpoint)
    return ServerAddress(address, None)

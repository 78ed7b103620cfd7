"""Which dialect is spoken at which path: one line each. Only this file knows them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from scribewire.protocol.dialogue import Dialect, OpeningRequest
from scribewire.protocol.legacy.shape import PATH, LegacyShape
from scribewire.protocol.results import as_result
from scribewire.protocol.scriptix import handshake
from scribewire.protocol.scriptix.dialect import ScriptixDialect
from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM, Endpoint, client_url
from scribewire.wishes import Wishes

if TYPE_CHECKING:
    from scribewire import events
    from scribewire.protocol.strict_json import Fields

LEGACY: Final = Endpoint(path=PATH, shape=LegacyShape())
"""As `MICROPHONE`, with results in the legacy shape."""

DIALECTS: Final[tuple[Dialect, ...]] = (
    ScriptixDialect(MICROPHONE, legacy_shape=LegacyShape()),
    ScriptixDialect(STREAM, legacy_shape=LegacyShape()),
    ScriptixDialect(LEGACY),
)

MAIN_PATH: Final = MICROPHONE.path
"""Where clients push audio, if nothing else is wanted."""


def read_request(
    path: str, query: str, headers: Iterable[tuple[str, str]]
) -> OpeningRequest | None:
    """Read an opening request in the dialect of its path; None if none is spoken there.

    `path` has been percent-decoded, as ASGI does; `query` has not, and has no question mark.
    """
    given = tuple(headers)
    requests = (dialect.read_request(path, query, given) for dialect in DIALECTS)
    return next((request for request in requests if request is not None), None)


def read_wishes(query: str) -> Wishes:
    """Return what the query of a request where audio is pushed asks for, or raise `ClientFault`."""
    read = handshake.parse_handshake(MICROPHONE, MICROPHONE.path, query, ())
    assert read is not None, "its path is the endpoint's own"
    if read.fault is not None:
        raise read.fault
    return read.wishes


def read_keys(query: str, headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return every different key of an ordinary HTTP request, from wherever one may stand."""
    return handshake.read_keys(query, headers)


def tell_result(event: events.Partial | events.Final, number: int | None = None) -> Fields:
    """Return the fields that tell a result where audio is pushed; `number` is that of a final."""
    return MICROPHONE.shape.write(as_result(event, number))


# What our own client speaks.


@dataclass(frozen=True, slots=True)
class Destination:
    """Which endpoint of which server a client connects to."""

    server: str
    """Its address, without the path of an endpoint."""
    endpoint: Endpoint

    def url(self, wishes: Wishes) -> str:
        """Return the address that asks for this. Raises ValueError if `server` is none."""
        return client_url(self.server, self.endpoint, wishes)


def find_destination(address: str, wishes: Wishes) -> Destination:
    """Tell where a client connects to, from a server's address that may name an endpoint.

    Audio that is pulled has an endpoint of its own.
    """
    parts = urlsplit(address)
    path = parts.path.rstrip("/")
    for named in (MICROPHONE, STREAM, LEGACY):  # in this order: the first ends as the last
        if path.endswith(named.path):
            server = urlunsplit(parts._replace(path=path.removesuffix(named.path)))
            return Destination(server, named if wishes.url is None else STREAM)
    return Destination(address, MICROPHONE if wishes.url is None else STREAM)

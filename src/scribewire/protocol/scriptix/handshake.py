"""What the opening request of a WebSocket asks for, and the address that asks for it.

Nothing is refused here. Keys are collected for `policy.refuse_handshake`; the first bad
parameter becomes `Handshake.fault`, which the connection reports once it has been accepted,
because a browser cannot read the answer to a refused handshake.

An empty value counts as not given. Of a repeated parameter the last value counts, but every
key does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from scribewire.errors import ClientFault
from scribewire.protocol.quoting import shorten
from scribewire.protocol.scriptix.parameters import (
    REQUEST,
    STREAM_REQUEST,
    Parameter,
    read_query,
    write_query,
)
from scribewire.wishes import USUAL, Wishes

KEY_HEADERS = ("x-zoom-s2t-key", "x-api-key", "api-key")
NO_PATH_KEY = "-"  # in the path of stream mode: the key is in a header

_MISSING_URL = "url missing: expected the percent-encoded address of a stream in `url`"


class Endpoint(Enum):
    """The WebSocket endpoints, by their path."""

    MICROPHONE = "/v2/realtime"
    """The client pushes audio."""
    STREAM = "/v2/client"
    """The server pulls audio from an address; the path goes on with the key."""
    LEGACY = "/realtime"
    """As `MICROPHONE`, with results in the legacy shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Everything a client said before its first message."""

    endpoint: Endpoint
    """Which dialogue will follow."""
    keys: tuple[str, ...] = field(default=(), repr=False)
    """Every different key given anywhere, unjudged; never shown."""
    wishes: Wishes = USUAL
    """What was asked for until now; `start` may add to it."""
    unknown_parameters: tuple[str, ...] = ()
    """Names that were ignored, shortened, for a debug log."""
    fault: ClientFault | None = None
    """The first bad parameter: accept the connection, report it, close."""


def parse_handshake(path: str, query: str, headers: Iterable[tuple[str, str]]) -> Handshake | None:
    """Read an opening request; None means that no endpoint has this path.

    `path` has been percent-decoded, as ASGI does; `query` has not, and has no question mark.
    """
    located = _locate(path)
    if located is None:
        return None
    endpoint, path_key = located
    table = _table_of(endpoint)
    known = {"token", *(parameter.name for parameter in table)}
    pairs = parse_qsl(query, keep_blank_values=True)
    tokens = [value for name, value in pairs if name == "token" and value]
    unknown = dict.fromkeys(shorten(name) for name, _ in pairs if name not in known)
    given = {name: value for name, value in pairs if value}
    wishes, fault = read_query(given, table)
    if endpoint is Endpoint.STREAM and "url" not in given:
        fault = fault or ClientFault(_MISSING_URL)
    return Handshake(
        endpoint=endpoint,
        keys=tuple(dict.fromkeys([*path_key, *tokens, *_header_keys(headers)])),
        wishes=wishes,
        unknown_parameters=tuple(unknown),
        fault=fault,
    )


def client_url(
    base: str,
    wishes: Wishes = USUAL,
    *,
    endpoint: Endpoint | None = None,
    key: str | None = None,
) -> str:
    """Return the address to connect to; what is as usual is left to the server.

    `base` is the server's ws:// or wss:// address, with or without an endpoint's path, below
    any prefix. With a `url` the stream endpoint is meant, else what `base` names, else the
    microphone's. Raises `ValueError` for a base that is no such address.
    """
    scheme, netloc, prefix, named = _split_base(base)
    chosen = endpoint or (Endpoint.STREAM if wishes.url else named) or Endpoint.MICROPHONE
    path = prefix + chosen.value
    token = {} if key is None else {"token": key}
    if chosen is Endpoint.STREAM:
        path += "/" + quote(key or NO_PATH_KEY, safe="")
        token = {}
    query = urlencode(token | write_query(wishes, _table_of(chosen)))
    return urlunsplit((scheme, netloc, path, query, ""))


def _table_of(endpoint: Endpoint) -> tuple[Parameter[str], ...]:
    return STREAM_REQUEST if endpoint is Endpoint.STREAM else REQUEST


# Where the request goes.


def _locate(path: str) -> tuple[Endpoint, list[str]] | None:
    """Return the endpoint of a path and the keys that the path holds, one or none."""
    stream_prefix = Endpoint.STREAM.value + "/"
    if path.startswith(stream_prefix):
        key = path.removeprefix(stream_prefix)
        return Endpoint.STREAM, [] if key in ("", NO_PATH_KEY) else [key]
    for endpoint in (Endpoint.MICROPHONE, Endpoint.LEGACY):
        if path.removesuffix("/") == endpoint.value:
            return endpoint, []
    return None


def _split_base(base: str) -> tuple[str, str, str, Endpoint | None]:
    """Return scheme, host and prefix of a base address, and the endpoint it names."""
    parts = urlsplit(base)
    is_usable = parts.scheme in ("ws", "wss") and parts.hostname and not parts.query
    if not is_usable or parts.fragment:
        raise ValueError("server address: expected ws://host or wss://host, without parameters")
    path = parts.path.rstrip("/")
    for endpoint in Endpoint:  # in this order: a path may end in `/v2/realtime` and `/realtime`
        if path.endswith(endpoint.value):
            return parts.scheme, parts.netloc, path.removesuffix(endpoint.value), endpoint
    return parts.scheme, parts.netloc, path, None


# Keys.


def _header_keys(headers: Iterable[tuple[str, str]]) -> list[str]:
    keys = [_header_key(name.lower(), value.strip()) for name, value in headers]
    return [key for key in keys if key]


def _header_key(name: str, value: str) -> str:
    if name in KEY_HEADERS:
        return value
    if name == "authorization":
        scheme, _, key = value.partition(" ")
        # Another scheme is for somebody else, such as a proxy in front of us.
        return key.strip() if scheme.lower() == "bearer" else ""
    return ""

"""What the opening request of a WebSocket asks for.

Nothing is refused here. Keys are collected for `policy.refuse_keys`; the first bad
parameter becomes `Handshake.fault`, which the connection reports once it has been accepted,
because a browser cannot read the answer to a refused handshake.

An empty value counts as not given. Of a repeated parameter the last value counts, but every
key does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from scribewire.errors import ClientFault
from scribewire.protocol.quoting import shorten
from scribewire.protocol.resuming import ComeBack
from scribewire.protocol.scriptix import resume_parameters
from scribewire.protocol.scriptix.endpoint import NO_PATH_KEY, Endpoint
from scribewire.protocol.scriptix.parameters import read_query
from scribewire.types import ShapeName
from scribewire.wishes import USUAL, Wishes

KEY_HEADERS = ("x-zoom-s2t-key", "x-api-key", "api-key")
KEY_FOLLOWS = "token"
"""The subprotocol that says that the next one offered is a key: browsers can send no header."""
_OFFER_HEADER = "sec-websocket-protocol"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 7230; nothing else can be answered

_MISSING_URL = "url missing: expected the percent-encoded address of a stream in `url`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Everything a client said before its first message."""

    endpoint: Endpoint
    """Which dialogue will follow."""
    keys: tuple[str, ...] = field(default=(), repr=False)
    """Every different key given anywhere, unjudged; never shown."""
    subprotocols: tuple[str, ...] = field(default=(), repr=False)
    """Those offered, in order, but for the keys among them; `policy.choose_subprotocol`."""
    wishes: Wishes = USUAL
    """What was asked for until now; `start` may add to it."""
    shape_name: ShapeName | None = None
    """Which shape of results it asks for; None leaves that to the server."""
    is_resumable: bool = False
    """Whether it asks for a session that can be resumed."""
    come_back: ComeBack | None = None
    """Which session it wants to go on with."""
    unknown_parameters: tuple[str, ...] = ()
    """Names that were ignored, shortened, for a debug log."""
    fault: ClientFault | None = None
    """The first bad parameter: accept the connection, report it, close."""


def parse_handshake(
    endpoint: Endpoint, path: str, query: str, headers: Iterable[tuple[str, str]]
) -> Handshake | None:
    """Read an opening request; None means that it is for another endpoint.

    `path` has been percent-decoded, as ASGI does; `query` has not, and has no question mark.
    """
    path_keys = _path_keys(endpoint, path)
    if path_keys is None:
        return None
    given_headers = tuple(headers)
    subprotocols, offered_keys = _read_offer(_normalise(given_headers))
    names_shape = endpoint.shape_name is not None
    known = {"token", *(parameter.name for parameter in endpoint.parameters)}
    known |= {"results"} if names_shape else set()
    known |= set(resume_parameters.NAMES)
    pairs = parse_qsl(query, keep_blank_values=True)
    unknown = dict.fromkeys(shorten(name) for name, _ in pairs if name not in known)
    given = {name: value for name, value in pairs if value}
    wishes, fault = read_query(given, endpoint.parameters)
    shape_name, shape_fault = _read_shape_name(given) if names_shape else (None, None)
    is_resumable, come_back, resume_fault = resume_parameters.read_resume(given)
    fault = fault or shape_fault or resume_fault
    if endpoint.is_stream and "url" not in given:
        fault = fault or ClientFault(_MISSING_URL)
    return Handshake(
        endpoint=endpoint,
        keys=tuple(dict.fromkeys([*path_keys, *read_keys(query, given_headers), *offered_keys])),
        subprotocols=tuple(subprotocols),
        wishes=wishes,
        shape_name=shape_name,
        is_resumable=is_resumable,
        come_back=come_back,
        unknown_parameters=tuple(unknown),
        fault=fault,
    )


def read_keys(query: str, headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return every different key that any HTTP request may hold, unjudged."""
    pairs = parse_qsl(query, keep_blank_values=True)
    tokens = [value for name, value in pairs if name == "token" and value]
    return tuple(dict.fromkeys([*tokens, *_header_keys(_normalise(headers))]))


def _read_shape_name(given: Mapping[str, str]) -> tuple[ShapeName | None, ClientFault | None]:
    match text := given.get("results"):
        case None | "standard" | "legacy":
            return text, None
        case _:
            expected = "expected `standard` or `legacy`"
            message = f"results {shorten(text)}: {expected}"
            return None, ClientFault(message, logged=f"results: {expected}")


# Keys.


def _path_keys(endpoint: Endpoint, path: str) -> list[str] | None:
    """Return the keys that the path holds, one or none; None if it is another endpoint's."""
    if not endpoint.is_stream:
        return [] if path.removesuffix("/") == endpoint.path else None
    if not path.startswith(endpoint.path + "/"):
        return None
    key = path.removeprefix(endpoint.path + "/")
    return [] if key in ("", NO_PATH_KEY) else [key]


def _normalise(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.lower(), value.strip()) for name, value in headers]


def _header_keys(headers: Iterable[tuple[str, str]]) -> list[str]:
    keys = [_header_key(name, value) for name, value in headers]
    return [key for key in keys if key]


def _read_offer(headers: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return the subprotocols that may be answered, the marker of a key last, and the keys."""
    values = [value for name, value in headers if name == _OFFER_HEADER]
    offered = iter([name.strip() for name in ",".join(values).split(",") if name.strip()])
    subprotocols, markers, keys = [], [], []
    for name in offered:
        if name == KEY_FOLLOWS:
            markers.append(name)
            keys += [key for key in (next(offered, ""),) if key]
        elif _TOKEN.fullmatch(name):
            subprotocols.append(name)
    return subprotocols + markers[:1], keys


def _header_key(name: str, value: str) -> str:
    if name in KEY_HEADERS:
        return value
    if name == "authorization":
        scheme, _, key = value.partition(" ")
        # Another scheme is for somebody else, such as a proxy in front of us.
        return key.strip() if scheme.lower() == "bearer" else ""
    return ""

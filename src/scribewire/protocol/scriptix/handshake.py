"""What the opening request of a WebSocket asks for, and the address that asks for it.

Nothing is refused here. Keys are collected for `policy.refuse_handshake`; the first bad
parameter becomes `Handshake.fault`, which the connection reports once it has been accepted,
because a browser cannot read the answer to a refused handshake.

An empty value counts as not given. Of a repeated parameter the last value counts, but every
key does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from scribewire.errors import ClientFault
from scribewire.protocol.quoting import shorten
from scribewire.types import Mode, Pace

MIN_ENDPOINTING_MS = 100  # shorter than the pauses inside words
MAX_ENDPOINTING_MS = 5000  # longer and finals come too late to be of use

KEY_HEADERS = ("x-zoom-s2t-key", "x-api-key", "api-key")
NO_PATH_KEY = "-"  # in the path of stream mode: the key is in a header


class Endpoint(Enum):
    """The WebSocket endpoints, by their path."""

    MICROPHONE = "/v2/realtime"
    """The client pushes audio."""
    STREAM = "/v2/client"
    """The server pulls audio from an address; the path goes on with the key."""
    LEGACY = "/realtime"
    """As `MICROPHONE`, with results in the legacy shape."""


COMMON_PARAMETERS = frozenset({"token", "type", "language", "endpointing", "diarize"})
STREAM_PARAMETERS = COMMON_PARAMETERS | {"url", "pace"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Everything a client said before its first message."""

    endpoint: Endpoint
    """Which dialogue will follow."""
    keys: tuple[str, ...] = field(default=(), repr=False)
    """Every different key given anywhere, unjudged; never shown."""
    mode: Mode = "fast"
    """From `type`."""
    language: str | None = None
    """Two small letters; None leaves it to the server."""
    url: str | None = field(default=None, repr=False)
    """Where stream mode pulls from; not shown, for it may hold credentials."""
    endpointing_ms: int | None = None
    """Silence that ends an utterance; None leaves it to the mode."""
    diarize: bool = True
    """Whether to tell speakers apart."""
    pace: Pace = "fast"
    """Stream mode only."""
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
    known = STREAM_PARAMETERS if endpoint is Endpoint.STREAM else COMMON_PARAMETERS
    pairs = parse_qsl(query, keep_blank_values=True)
    tokens = [value for name, value in pairs if name == "token" and value]
    unknown = dict.fromkeys(shorten(name) for name, _ in pairs if name not in known)
    read = _ParameterReader({name: value for name, value in pairs if name in known and value})
    return Handshake(
        endpoint=endpoint,
        keys=tuple(dict.fromkeys([*path_key, *tokens, *_header_keys(headers)])),
        mode=read.value("type", _as_mode, default="fast"),
        language=read.value("language", _as_language, default=None),
        endpointing_ms=read.value("endpointing", _as_endpointing_ms, default=None),
        diarize=read.value("diarize", _as_flag, default=True),
        pace=read.value("pace", _as_pace, default="fast"),
        url=read.value("url", _as_url, default=None),
        unknown_parameters=tuple(unknown),
        fault=read.fault or _missing_url(endpoint, read),  # last: it needs the others read
    )


def client_url(  # noqa: PLR0913 - one argument per parameter of the wire, all by name
    base: str,
    *,
    endpoint: Endpoint | None = None,
    key: str | None = None,
    mode: Mode | None = None,
    language: str | None = None,
    endpointing_ms: int | None = None,
    diarize: bool | None = None,
    url: str | None = None,
    pace: Pace | None = None,
) -> str:
    """Return the address to connect to; what is None is left to the server.

    `base` is the server's ws:// or wss:// address, with or without an endpoint's path, below
    any prefix. With `url` the stream endpoint is meant, else what `base` names, else the
    microphone's. Raises `ValueError` for a base that is no such address.
    """
    scheme, netloc, prefix, named = _split_base(base)
    chosen = endpoint or (Endpoint.STREAM if url else named) or Endpoint.MICROPHONE
    path = prefix + chosen.value
    parameters: dict[str, str | int | None] = {
        "token": None if chosen is Endpoint.STREAM else key,
        "url": url,
        "type": mode,
        "language": language,
        "endpointing": endpointing_ms,
        "diarize": None if diarize is None else str(diarize).lower(),
        "pace": pace,
    }
    if chosen is Endpoint.STREAM:
        path += "/" + quote(key or NO_PATH_KEY, safe="")
    given = {name: value for name, value in parameters.items() if value is not None}
    return urlunsplit((scheme, netloc, path, urlencode(given), ""))


def is_stream_url(text: str) -> bool:
    """Tell whether stream mode may be asked for this address, as far as its form says."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # a broken IPv6 address
        return False


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


# Parameters. A converter returns the value, or the fault of it.

_Value = TypeVar("_Value")


class _ParameterReader:
    """Convert parameters one by one, keeping the first fault."""

    def __init__(self, given: dict[str, str]) -> None:
        self._given = given
        self.fault: ClientFault | None = None

    def value(
        self, name: str, convert: Callable[[str], _Value | ClientFault], *, default: _Value
    ) -> _Value:
        if name not in self._given:
            return default
        value = convert(self._given[name])
        if isinstance(value, ClientFault):
            self.fault = self.fault or value
            return default
        return value

    def has(self, name: str) -> bool:
        return name in self._given


def _as_mode(text: str) -> Mode | ClientFault:
    match text:
        case "fast" | "quality":
            return text
        case _:
            return ClientFault(f"type {shorten(text)}: expected `fast` or `quality`")


def _as_language(text: str) -> str | ClientFault | None:
    if re.fullmatch(r"[A-Za-z]{2}([-_][A-Za-z0-9]+)*", text):
        return text[:2].lower()
    return ClientFault(
        f"language {shorten(text)}: expected an ISO 639-1 code of two letters such as `en`"
    )


def _as_endpointing_ms(text: str) -> int | ClientFault | None:
    if re.fullmatch(r"[0-9]{1,4}", text):
        endpointing_ms = int(text)
        if MIN_ENDPOINTING_MS <= endpointing_ms <= MAX_ENDPOINTING_MS:
            return endpointing_ms
    expected = f"{MIN_ENDPOINTING_MS} to {MAX_ENDPOINTING_MS}"
    return ClientFault(f"endpointing {shorten(text)}: expected {expected} (milliseconds)")


def _as_flag(text: str) -> bool | ClientFault:
    match text:
        case "true" | "false":
            return text == "true"
        case _:
            return ClientFault(f"diarize {shorten(text)}: expected `true` or `false`")


def _as_pace(text: str) -> Pace | ClientFault:
    match text:
        case "fast" | "realtime":
            return text
        case _:
            return ClientFault(f"pace {shorten(text)}: expected `fast` or `realtime`")


def _as_url(text: str) -> str | ClientFault | None:
    if is_stream_url(text):
        return text
    # Not quoted: it may hold credentials.
    return ClientFault("url: expected a percent-encoded http:// or https:// address with a host")


def _missing_url(endpoint: Endpoint, read: _ParameterReader) -> ClientFault | None:
    if endpoint is not Endpoint.STREAM or read.has("url"):
        return None
    return ClientFault("url missing: expected the percent-encoded address of a stream in `url`")

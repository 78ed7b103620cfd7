"""Where this dialect is spoken, and the addresses that lead there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from scribewire.protocol.results import ResultShape
from scribewire.protocol.resuming import ComeBack
from scribewire.protocol.scriptix.parameters import (
    REQUEST,
    STREAM_REQUEST,
    Parameter,
    write_query,
)
from scribewire.protocol.scriptix.resume_parameters import write_resume
from scribewire.protocol.scriptix.shape import SCRIPTIX
from scribewire.types import ShapeName
from scribewire.wishes import USUAL, Wishes

NO_PATH_KEY = "-"  # in the path of stream mode: the key is in a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One WebSocket endpoint: which dialogue is held there."""

    path: str
    is_stream: bool = False
    """Whether the server pulls the audio from an address; the path goes on with the key."""
    shape: ResultShape = SCRIPTIX
    """How results are written, if nothing else is asked for."""
    shape_name: ShapeName | None = None
    """What asks for this shape in `results`; None where there is no other one to ask for."""

    @property
    def parameters(self) -> tuple[Parameter[str], ...]:
        """What its query may ask for."""
        return STREAM_REQUEST if self.is_stream else REQUEST


MICROPHONE: Final = Endpoint(path="/v2/realtime", shape_name="standard")
"""The client pushes audio."""
STREAM: Final = Endpoint(path="/v2/client", is_stream=True, shape_name="standard")
"""The server pulls it."""


def client_url(
    server: str,
    endpoint: Endpoint,
    wishes: Wishes = USUAL,
    *,
    key: str | None = None,
    resuming: bool | ComeBack = False,
) -> str:
    """Return the address to connect to; what is as usual is left to the server.

    The shape of results is not: a server may have another one than the client reads. `resuming`
    asks for a session that can be resumed, or for this one to go on.

    `server` is its ws:// or wss:// address, without an endpoint's path. Raises `ValueError` for
    one that is no such address.
    """
    parts = urlsplit(server)
    is_usable = parts.scheme in ("ws", "wss") and parts.hostname and not parts.query
    if not is_usable or parts.fragment:
        raise ValueError("server address: expected ws://host or wss://host, without parameters")
    path = parts.path.rstrip("/") + endpoint.path
    token = {} if key is None or endpoint.is_stream else {"token": key}
    if endpoint.is_stream:
        path += "/" + quote(key or NO_PATH_KEY, safe="")
    shape = {} if endpoint.shape_name is None else {"results": endpoint.shape_name}
    resume = write_resume(resuming, is_stream=endpoint.is_stream)
    query = urlencode(token | write_query(wishes, endpoint.parameters) | shape | resume)
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))

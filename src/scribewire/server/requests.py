"""The one request of a connection, and the answer to it: HTTP/1.1 without I/O.

Each connection carries one request. What keeps connections open between requests, and takes the
next one before the last is answered, is where servers are confused and held up, and nobody here
needs it: a request is a WebSocket's handshake, or a look at the server's health.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote

import h11
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.http11 import Request
from websockets.server import ServerProtocol

MAX_HEAD_BYTES = 32_768  # a signed stream URL has 2 kB, its proxies' headers as much again

HeaderList = list[tuple[bytes, bytes]]
"""Names and values of headers, in order, as ASGI has them."""

_CLOSES = (b"Connection", b"close")
_NO_BODY = "a handshake has no body: leave out Content-Length and Transfer-Encoding"
_TOO_LONG = (
    f"the request is over {MAX_HEAD_BYTES} bytes: shorten its address and its headers; "
    "a key may be in one header"
)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What a client asks for."""

    method: str
    """Such as GET."""
    target: bytes
    """Path and query, as sent."""
    version: str
    """Of HTTP, such as 1.1."""
    headers: HeaderList
    """Names in lower case."""
    is_upgrade: bool
    """Whether it asks for a WebSocket."""

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(self.target.partition(b"?")[0].decode("latin-1"))

    @property
    def query(self) -> bytes:
        """What stands behind the question mark."""
        return self.target.partition(b"?")[2]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer with its body."""

    status: int
    """The HTTP status code."""
    headers: HeaderList
    """Those about length and connection are written anew."""
    body: bytes
    """All of it."""


def refuse(status: int, message: str) -> HttpAnswer:
    """Return a refusal in words, as this server writes them."""
    error = HTTPStatus(status).phrase.lower()
    body = json.dumps({"error": error, "message": message}).encode()
    return HttpAnswer(status, [(b"content-type", b"application/json")], body)


class HttpExchange:
    """Read a request as it comes in, and write its answer."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._wants_body = True

    def receive_data(self, data: bytes) -> RequestHead | HttpAnswer | None:
        """Return the request once it is complete, or the answer to what is none.

        Not to be called again after either.
        """
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            return refuse(status, _TOO_LONG if status == HTTPStatus(431) else f"{error}")
        if not isinstance(event, h11.Request):
            return None
        self._wants_body = event.method != b"HEAD"
        headers = [(name.lower(), value) for name, value in event.headers]
        head = RequestHead(
            event.method.decode("ascii"),
            event.target,
            event.http_version.decode("ascii"),
            headers,
            _asks_for_websocket(headers),
        )
        if head.is_upgrade:
            if _has_body(headers):
                return refuse(400, _NO_BODY)
            self._http.next_event()  # its end: what follows is of the next protocol
        return head

    def take_rest(self) -> bytes:
        """Return what came behind the request: a hasty client's first frames."""
        return self._http.trailing_data[0]

    def switch(self, headers: HeaderList) -> bytes:
        """Write that it is a WebSocket from here on."""
        return self._send(
            h11.InformationalResponse(
                status_code=101, headers=headers, reason=b"Switching Protocols"
            )
        )

    def answer(self, answer: HttpAnswer) -> bytes:
        """Write an answer, after which the connection is closed."""
        own = (b"content-length", b"connection")
        headers = [(name, value) for name, value in answer.headers if name.lower() not in own]
        headers += [(b"Content-Length", str(len(answer.body)).encode()), _CLOSES]
        reason = _phrase(answer.status)
        head = h11.Response(status_code=answer.status, headers=headers, reason=reason)
        parts = (head, h11.Data(data=answer.body if self._wants_body else b""), h11.EndOfMessage())
        return b"".join(self._send(part) for part in parts)

    def _send(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""


def shake_hands(head: RequestHead) -> HeaderList | HttpAnswer:
    """Return the headers that accept a WebSocket, or the refusal of a handshake that is none."""
    headers = Headers()
    try:
        headers.update((n.decode("latin-1"), v.decode("latin-1")) for n, v in head.headers)
    except InvalidHeader as error:  # h11 lets more pass
        return refuse(400, str(error))
    protocol = f"HTTP/{head.version}"
    request = Request(head.target.decode("latin-1"), headers, head.method, protocol)
    response = ServerProtocol().accept(request)
    answered = _encode(response.headers.raw_items())
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        return answered
    return HttpAnswer(response.status_code, answered, bytes(response.body or b""))


def _encode(headers: Iterable[tuple[str, str]]) -> HeaderList:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _asks_for_websocket(headers: HeaderList) -> bool:
    return b"upgrade" in _options(headers, b"connection") and b"websocket" in _options(
        headers, b"upgrade"
    )


def _options(headers: HeaderList, name: bytes) -> list[bytes]:
    """Return what a header lists, over all its lines."""
    values = b",".join(value.lower() for other, value in headers if other == name)
    return [option.strip() for option in values.split(b",")]


def _has_body(headers: HeaderList) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in headers
    )


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""

"""The one request of a connection, and the answer to it: HTTP/1.1 without I/O.

Each connection carries one request. What keeps connections open between requests, and takes the
next one before the last is answered, is where servers are confused and held up, and nobody here
needs it: a request is a WebSocket's handshake, or a short question.
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

MAX_BODY_BYTES = 16_384  # the longest that a route asks for has a tenth of it

HeaderList = list[tuple[bytes, bytes]]
"""Names and values of headers, in order, as ASGI has them."""

_CLOSES = (b"Connection", b"close")
_NEVER_A_BODY = (204, 304)  # 0 would be the length of what a 304 says has not changed
_NO_BODY = "a handshake has no body: leave out Content-Length and Transfer-Encoding"
_TOO_LONG = (
    f"the request is over {MAX_HEAD_BYTES} bytes: shorten its address and its headers; "
    "a key may be in one header"
)
_TOO_LARGE = f"the body is over {MAX_BODY_BYTES} bytes: send less"


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
        self._head: RequestHead | None = None  # once it is known
        self._body = bytearray()

    @property
    def body(self) -> bytes:
        """What came with the request that was returned."""
        return bytes(self._body)

    def receive_data(self, data: bytes) -> RequestHead | HttpAnswer | None:
        """Return the request once it is complete, or the answer to what is none.

        Not to be called again after either.
        """
        try:
            self._http.receive_data(data)
            if self._head is None and (refusal := self._read_head()) is not None:
                return refusal
            if self._head is None or self._head.is_upgrade:
                return self._head
            return self._read_body(self._head)
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            return refuse(status, _TOO_LONG if status == HTTPStatus(431) else f"{error}")

    def go_ahead(self) -> bytes:
        """Return what a client must be told that waits to be asked for its body; most often b""."""
        if not self._http.they_are_waiting_for_100_continue:
            return b""
        return self._send(h11.InformationalResponse(status_code=100, headers=[]))

    def _read_head(self) -> HttpAnswer | None:
        """Take note of the request's head if it has come, or return what refuses it."""
        event = self._http.next_event()
        if not isinstance(event, h11.Request):
            return None
        self._wants_body = event.method != b"HEAD"
        headers = [(name.lower(), value) for name, value in event.headers]
        self._head = RequestHead(
            event.method.decode("ascii"),
            event.target,
            event.http_version.decode("ascii"),
            headers,
            _asks_for_websocket(headers),
        )
        if self._head.is_upgrade:
            if _has_body(headers):
                return refuse(400, _NO_BODY)
            self._http.next_event()  # its end: what follows is of the next protocol
        elif _declared_bytes(headers) > MAX_BODY_BYTES:
            return refuse(413, _TOO_LARGE)
        return None

    def _read_body(self, head: RequestHead) -> RequestHead | HttpAnswer | None:
        while True:
            match self._http.next_event():
                case h11.Data() as part:
                    self._body += part.data
                    if len(self._body) > MAX_BODY_BYTES:
                        return refuse(413, _TOO_LARGE)
                case h11.EndOfMessage():
                    return head
                case _:
                    return None

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
        if answer.status not in _NEVER_A_BODY:
            headers.append((b"Content-Length", str(len(answer.body)).encode()))
        headers.append(_CLOSES)
        reason = _phrase(answer.status)
        head = h11.Response(status_code=answer.status, headers=headers, reason=reason)
        parts = (head, h11.Data(data=answer.body if self._wants_body else b""), h11.EndOfMessage())
        return b"".join(self._send(part) for part in parts)

    def begin(self, status: int, headers: HeaderList) -> bytes:
        """Write the head of an answer whose body comes in parts; its end closes the connection."""
        head = h11.Response(status_code=status, headers=[*headers, _CLOSES], reason=_phrase(status))
        return self._send(head)

    def go_on(self, part: bytes) -> bytes:
        """Write a part of the body."""
        return self._send(h11.Data(data=part)) if part and self._wants_body else b""

    def end(self) -> bytes:
        """Write that the body was complete."""
        return self._send(h11.EndOfMessage())

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


def _declared_bytes(headers: HeaderList) -> int:
    """Return how long the body is said to be; h11 has seen that it is a number."""
    return sum(int(value) for name, value in headers if name == b"content-length")


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""

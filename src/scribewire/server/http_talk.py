"""How every connection begins: a request, which is answered or becomes a WebSocket.

An answer is whole, or comes in parts for as long as it likes; the application may give such a one
only to who has shown a key.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scribewire.log_line import LogLine
from scribewire.server.link import Hold
from scribewire.server.requests import (
    HeaderList,
    HttpAnswer,
    HttpExchange,
    RequestHead,
    refuse,
    shake_hands,
)
from scribewire.server.websocket_talk import (
    SCOPE_KEY,
    ClientGoneError,
    WebSocketLimits,
    WebSocketTalk,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, MutableMapping

    from starlette.types import ASGIApp

    from scribewire.server.forwarding import TrustedProxies
    from scribewire.server.link import Link

_log = logging.getLogger("scribewire.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all connections of a server share."""

    app: ASGIApp
    """What answers requests."""
    start_timeout_s: float
    """For a request to be complete, and for a session to start after it."""
    on_known: Callable[[Link], None]
    """Called once a client has shown a valid key."""
    note_close: Callable[[int], None]
    """Called once we have closed a WebSocket, with the code."""
    proxies: TrustedProxies
    """Whose word is believed on who asks."""
    limits: WebSocketLimits
    """For a session's connection."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    """The application at work, once for each request."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside everything else."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class HttpTalk:
    """Wait for a request, for a time, and see that it is answered."""

    def __init__(self, link: Link, house: House) -> None:
        self._link = link
        self._house = house
        self._exchange = HttpExchange()
        self._gone = asyncio.Event()
        self._is_in_parts = False  # the answer, which has begun
        link.give_up_in(house.start_timeout_s)

    def receive_data(self, data: bytes) -> None:
        """Read on in the request; what comes after it, while it is answered, is none."""
        if self._is_in_parts:
            self._link.abort()
            return
        match self._exchange.receive_data(data):
            case HttpAnswer() as refusal:
                self._answer(refusal)
            case RequestHead(is_upgrade=True) as head:
                self._link.hold(Hold.APPLICATION)
                self._upgrade(head)
            case RequestHead() as head:
                self._link.hold(Hold.APPLICATION)
                self._link.give_up_in(self._house.start_timeout_s)
                self._house.run(self._serve(head))
            case None:
                self._link.write(self._exchange.go_ahead())

    def receive_eof(self) -> None:
        """Give up: half a request is none."""
        self._link.close_now()

    def may_write(self) -> None:
        """Go on: nothing waits for this."""

    def stop_waiting(self) -> None:
        """Cut off: there are no last words."""
        self._link.abort()

    def lose(self) -> None:
        """Let the application know."""
        self._gone.set()

    def shut_down(self) -> None:
        """Cut off: nothing is owed to a request that comes now. What has been said may be read."""
        if self._is_in_parts:
            self._link.close()
            self._gone.set()
        else:
            self._link.abort()

    def _upgrade(self, head: RequestHead) -> None:
        accepting = shake_hands(head)
        if isinstance(accepting, HttpAnswer):
            self._answer(accepting)
            return
        link, house = self._link, self._house
        talk = WebSocketTalk(
            link,
            self._exchange,
            accepting,
            start_timeout_s=house.start_timeout_s,
            limits=house.limits,
            on_known=lambda: house.on_known(link),
            note_close=house.note_close,
        )
        link.speak(talk)
        scope = self._scope(head) | {
            "type": "websocket",
            "subprotocols": _subprotocols(head),
            "extensions": {"websocket.http.response": {}},
            SCOPE_KEY: talk,
        }
        house.run(talk.run(house.app, scope))

    async def _serve(self, head: RequestHead) -> None:
        """Let the application answer."""
        requests: list[dict[str, Any]] = [
            {"type": "http.request", "body": self._exchange.body, "more_body": False},
        ]
        status, headers, body = 500, list[tuple[bytes, bytes]](), b""

        async def receive() -> dict[str, Any]:
            if requests:
                return requests.pop()
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", ()))
            elif self._is_in_parts or message.get("more_body"):
                await self._write_part(message.get("body", b""), status, headers)
            else:
                body += message.get("body", b"")

        scope = self._scope(head) | {"type": "http"}
        try:
            await self._house.app(scope, receive, send)
            answer = HttpAnswer(status, headers, body)
        except ClientGoneError:
            return
        except Exception:  # noqa: BLE001 - ours: the client is told, not left alone
            _log.exception(LogLine("application_failed", "! the application failed"))
            answer = refuse(500, "a fault of the server")
            if self._is_in_parts:  # half of it is no answer
                self._link.abort()
                return
        if self._is_in_parts:
            self._link.write(self._exchange.end())
            self._link.close()
        else:
            self._answer(answer)

    async def _write_part(self, part: bytes, status: int, headers: HeaderList) -> None:
        """Write a part of an answer, and wait while the client does not read."""
        link = self._link
        if link.is_gone:
            raise ClientGoneError
        if not self._is_in_parts:
            self._is_in_parts = True
            self._house.on_known(link)
            link.give_up_in(None)
            link.write_timeout_s = self._house.limits.unread_timeout_s
            link.write(self._exchange.begin(status, headers))
            link.release(Hold.APPLICATION)  # so that its end is heard of
        link.write(self._exchange.go_on(part))
        await link.can_be_written.wait()

    def _answer(self, answer: HttpAnswer) -> None:
        self._link.write(self._exchange.answer(answer))
        self._link.close()

    def _scope(self, head: RequestHead) -> dict[str, Any]:
        client, is_secure = self._link.peer, self._link.is_secure
        if client is not None:
            behind = self._house.proxies.look_behind(client[0], head.headers)
            client = client if behind.host == client[0] else (behind.host, 0)
            is_secure = is_secure if behind.is_secure is None else behind.is_secure
        scheme = "ws" if head.is_upgrade else "http"
        return {
            "scheme": scheme + "s" if is_secure else scheme,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": head.version,
            "method": head.method,
            "server": self._link.local,
            "client": client,
            "root_path": "",
            "path": head.path,
            "raw_path": head.target.partition(b"?")[0],
            "query_string": head.query,
            "headers": head.headers,
            "state": {},
        }


def _subprotocols(head: RequestHead) -> list[str]:
    values = [value for name, value in head.headers if name == b"sec-websocket-protocol"]
    offered = b",".join(values).decode("latin-1").split(",")
    return [one.strip() for one in offered if one.strip()]

"""A WebSocket between a link and the application: ASGI on one side, frames on the other.

Reading stops while the application has not taken what came. Until a session has started there is an
allowance of bytes, messages, idle frames and seconds; whoever exceeds it is told and let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocketDisconnect

from scribewire.errors import BROKEN, CloseCode
from scribewire.log_line import LogLine
from scribewire.protocol.strict_json import MAX_MESSAGE_BYTES
from scribewire.server.frames import Frames
from scribewire.server.link import PATIENCE_BYTES, UNREAD_BYTES, Hold
from scribewire.server.requests import HttpAnswer, HttpExchange, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from starlette.types import ASGIApp

    from scribewire.server.link import Link
    from scribewire.server.requests import HeaderList

SCOPE_KEY = "scribewire.talk"
"""Where the application finds the `WebSocketTalk`, to tell it what it knows of the client."""

HALF_CLOSED = "half-closed"
"""The reason of a disconnect where the client sends no more, and may still read."""

PING_INTERVAL_S = 20.0  # shorter than the idle limit of any proxy in common use
PING_TIMEOUT_S = 300.0  # a client that is being slowed down answers late, behind its own audio
CLOSE_TIMEOUT_S = 5.0  # for the client to answer a close
START_GRACE_S = 1.0  # for it to read that its time to start is over

# What `start` needs is one message of 100 bytes. As much audio as was under way with it is in the
# same reading, so the allowance is that and a few mistakes.
ALLOWED_BYTES = 65_536
ALLOWED_MESSAGES = 16
ALLOWED_IDLE_FRAMES = 64
SPARING_BYTES = 512  # read at once: 85 empty frames, half a millisecond

IDLE_FRAMES_PER_S = 2_000  # once started: 1 % of a core
FREE_IDLE_FRAMES = 16  # in one reading
FREE_TEXTS = 16  # a session needs two
TEXT_REST_S = 0.01  # after each further one: 1.5 % of a core
TEXT_REST_S_PER_CHARACTER = 1e-5  # and for its length: 1 % of a core to parse

_TOO_MUCH = 'too much before `start`: expected {"action":"start"} first'
_NOT_READ = "nothing of what waits for you was read for too long: read all messages as they come"
_NO_ANSWER = "the application gave no answer"

_log = logging.getLogger("scribewire.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketLimits:
    """What the connection of a session may hold, and for how long."""

    max_message_bytes: int = MAX_MESSAGE_BYTES
    """Of a client."""
    max_unread_bytes: int = UNREAD_BYTES
    """Written that the client's system has not taken; nothing more is taken from it then."""
    unread_timeout_s: float = 120.0
    """Without a byte that it takes."""


class ClientGoneError(OSError):
    """Nothing reaches the client any more."""


class WebSocketTalk:
    """Carry messages between a client and the application.

    The application tells `know_client`, `begin_session` and `excuse_close`.
    """

    def __init__(
        self,
        link: Link,
        exchange: HttpExchange,
        accepting: HeaderList,
        *,
        start_timeout_s: float,
        limits: WebSocketLimits,
        on_known: Callable[[], None],
        note_close: Callable[[int], None],
    ) -> None:
        self._link = link
        self._exchange = exchange
        self._accepting = accepting
        self._start_timeout_s = start_timeout_s
        self._on_known = on_known
        self._note_close = note_close
        self._limits = limits
        self._frames = Frames(limits.max_message_bytes)
        self._loop = asyncio.get_running_loop()
        self._is_connecting = True  # until the application has been told of the client
        self._is_open = False  # once the handshake has been answered with yes
        self._has_started = False
        self._is_over = False  # no message will come, and none is awaited
        self._has_noted_close = False  # or it is none to be noted
        self._denial: HttpAnswer | None = None  # the beginning of an answer that is a refusal
        self._news = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None  # to ping, then to close
        self._heard_at = self._loop.time()
        self._received_bytes = 0  # before the start
        self._taken_messages = 0
        self._taken_texts = 0
        self._is_half_closed = False

    # What the application tells of the client.

    def know_client(self) -> None:
        """Take note that it has shown a valid key: it may take its time from now on."""
        self._on_known()
        if not self._is_open:
            self._link.give_up_in(self._start_timeout_s + START_GRACE_S)

    def begin_session(self) -> None:
        """Take note that its session has started: the allowance ends."""
        if not self._has_started:
            self._has_started = True
            self._on_known()
            self._link.give_up_in(None)
            self._link.write_timeout_s = self._limits.unread_timeout_s

    def excuse_close(self) -> None:
        """Do not count the close that comes: nothing is wrong here."""
        self._has_noted_close = True

    def abandon(self, *, is_told: bool) -> None:
        """Give it little time to read what was written: the client is on another connection.

        None at all unless it `is_told` of that: no close goes out then.
        """
        if is_told:
            self._link.give_up_in(CLOSE_TIMEOUT_S)
        else:
            self._link.abort()

    # The application.

    async def run(self, app: ASGIApp, scope: MutableMapping[str, Any]) -> None:
        """Serve the client until the application returns."""
        has_failed = True
        try:
            with contextlib.suppress(ClientGoneError, WebSocketDisconnect):
                await app(scope, self._receive, self._send)
            has_failed = False
        except Exception:  # noqa: BLE001 - ours: the client is told, not left alone
            _log.exception(LogLine("application_failed", "! the application failed"))
        finally:
            self._finish(has_failed=has_failed)

    async def _receive(self) -> dict[str, Any]:
        if self._is_connecting:
            self._is_connecting = False
            return {"type": "websocket.connect"}
        while (message := self._frames.next_message()) is None:
            if self._is_over or self._frames.ended is not None or self._is_half_closed:
                return self._disconnect()
            self._news.clear()
            self._link.release(Hold.APPLICATION)
            await self._news.wait()
        if not self._frames.has_messages:
            self._link.release(Hold.APPLICATION)
        self._count(message)
        kind = "text" if isinstance(message, str) else "bytes"
        return {"type": "websocket.receive", kind: message}

    def _disconnect(self) -> dict[str, Any]:
        ended = self._frames.ended
        if ended is not None:
            code, reason = ended.code, ended.reason
        else:
            is_half_closed = self._is_half_closed and not self._is_over
            code, reason = BROKEN, HALF_CLOSED if is_half_closed else ""
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        await self._link.can_be_written.wait()
        if self._link.is_gone:
            raise ClientGoneError
        match message["type"]:
            case "websocket.accept":
                self._open(message)
            case "websocket.send":
                text = message.get("text")
                self._frames.send(message["bytes"] if text is None else text)
            case "websocket.close":
                self._close(message.get("code", 1000), message.get("reason") or "")
            case "websocket.http.response.start":
                self._denial = HttpAnswer(message["status"], list(message["headers"]), b"")
            case "websocket.http.response.body":
                self._deny(message)
        self._flush()
        if message["type"] == "websocket.send":
            # The caller waits, not only for its next message: nothing is read meanwhile.
            await self._link.can_be_written.wait()

    def _open(self, message: MutableMapping[str, Any]) -> None:
        headers = [*self._accepting, *message.get("headers", ())]
        if message.get("subprotocol"):
            headers.append((b"Sec-WebSocket-Protocol", message["subprotocol"].encode("latin-1")))
        self._link.write(self._exchange.switch(headers))
        self._is_open = True
        if not self._has_started:
            self._link.give_up_in(self._start_timeout_s + START_GRACE_S)
        self._timer = self._loop.call_later(PING_INTERVAL_S, self._look_for_life)
        self.receive_data(self._exchange.take_rest())
        if not self._frames.has_messages:
            self._link.release(Hold.APPLICATION)

    def _close(self, code: int, reason: str) -> None:
        if not self._is_open:
            self._answer(refuse(403, "not accepted"))
            return
        self._frames.send_close(code, reason)
        self._link.release(Hold.APPLICATION)  # its answer is awaited
        self._flush()
        if not self._link.unread_bytes:
            self.may_write()

    def _deny(self, message: MutableMapping[str, Any]) -> None:
        assert self._denial is not None, "a body follows a start"
        answer = self._denial
        body = answer.body + message.get("body", b"")
        self._denial = HttpAnswer(answer.status, answer.headers, body)
        if not message.get("more_body", False):
            self._answer(self._denial)

    def _answer(self, answer: HttpAnswer) -> None:
        self._link.write(self._exchange.answer(answer))
        self._end()

    def _finish(self, *, has_failed: bool) -> None:
        if self._link.is_gone:
            return
        if not self._is_open:
            self._answer(refuse(500, _NO_ANSWER))
        elif self._is_half_closed and (self._frames.has_sent_close or not has_failed):
            self._link.close_now()  # with no close of ours, it was the client that left
        elif not self._frames.has_sent_close:
            self._fail(CloseCode.SERVER_FAULT, "")

    # What comes over the link.

    def receive_data(self, data: bytes) -> None:
        """Take what came, and hold the link until the application has taken it."""
        self._heard_at = self._loop.time()
        if self._has_started:
            self._frames.receive_data(data)
        elif not self._receive_sparingly(data):
            self._fail(CloseCode.CLIENT_FAULT, _TOO_MUCH, patience_bytes=ALLOWED_BYTES)
            return
        self._flush()
        if self._frames.ended is not None:
            self._end()
            return
        if self._has_started:
            self._pace()
        if not self._link.unread_bytes:
            self._send_pong()
        if self._frames.has_messages and not self._frames.has_sent_close:
            self._link.hold(Hold.APPLICATION)
            self._news.set()

    def _receive_sparingly(self, data: bytes) -> bool:
        """Read no further than the allowance goes; tell whether it holds."""
        self._received_bytes += len(data)
        if self._received_bytes > ALLOWED_BYTES:
            return False
        for start in range(0, len(data), SPARING_BYTES):
            self._frames.receive_data(data[start : start + SPARING_BYTES])
            if self._frames.idle_frames > ALLOWED_IDLE_FRAMES:
                return False
            if self._frames.waiting_messages > ALLOWED_MESSAGES:
                return False
        return True

    def _pace(self) -> None:
        """Read more slowly from a client that sends much that brings nothing."""
        idle_frames, self._frames.idle_frames = self._frames.idle_frames, 0
        if idle_frames > FREE_IDLE_FRAMES:
            self._link.rest(idle_frames / IDLE_FRAMES_PER_S)

    def receive_eof(self) -> None:
        """Take note that the client sends nothing more."""
        self._is_half_closed = True
        if self._frames.has_sent_close:
            self._link.close_now()
        self._news.set()

    def may_write(self) -> None:
        """Answer the last ping, now that it will be read; or wait for the answer to our close."""
        self._send_pong()
        if self._frames.has_sent_close:
            self._set_timer(CLOSE_TIMEOUT_S, self._link.close)

    def stop_waiting(self) -> None:
        """Close, behind what the client has not read."""
        if self._is_open:
            self._fail(CloseCode.CLIENT_FAULT, _NOT_READ)
        else:
            self._link.abort()

    def lose(self) -> None:
        """Tell the application that the client is gone."""
        self._is_over = True
        self._set_timer(None)
        self._news.set()

    def shut_down(self) -> None:
        """Close, because the server ends."""
        if not self._is_open:
            self._link.abort()
        elif not self._frames.has_sent_close:
            self._fail(CloseCode.RESTART, "")

    def _count(self, message: str | bytes) -> None:
        """Let nobody keep the application busy with messages that start nothing."""
        if not self._has_started:
            self._taken_messages += 1
            if self._taken_messages > ALLOWED_MESSAGES:
                self._fail(CloseCode.CLIENT_FAULT, _TOO_MUCH)
        elif isinstance(message, str):
            self._taken_texts += 1
            if self._taken_texts > FREE_TEXTS:
                self._link.rest(TEXT_REST_S + TEXT_REST_S_PER_CHARACTER * len(message))

    def _look_for_life(self) -> None:
        """Ping a client that is silent, and let go of one that stays so."""
        now = self._loop.time()
        if self._link.is_held or self._is_half_closed:
            self._heard_at = now  # its answer would not be read, or cannot be given
        elif now - self._heard_at > PING_INTERVAL_S + PING_TIMEOUT_S:
            self._has_noted_close = True  # nobody is there to be told, and nothing is wrong here
            self._fail(CloseCode.SERVER_FAULT, "no answer to pings")
            return
        if not self._link.unread_bytes:
            self._frames.send_ping()
            self._flush()
        self._set_timer(PING_INTERVAL_S, self._look_for_life)

    def _send_pong(self) -> None:
        self._frames.send_pong()
        self._flush()

    def _flush(self) -> None:
        self._link.write(self._frames.data_to_send())
        code = self._frames.own_close
        if code is not None and not self._has_noted_close:
            self._has_noted_close = True
            self._note_close(code)

    def _fail(self, code: int, reason: str, *, patience_bytes: int = PATIENCE_BYTES) -> None:
        """End for a reason of this layer; the application is told as of any disconnect."""
        self._frames.send_close(code, reason)
        self._flush()
        self._is_over = True
        self._end(patience_bytes)

    def _end(self, patience_bytes: int = PATIENCE_BYTES) -> None:
        self._set_timer(None)
        self._link.close(patience_bytes=patience_bytes)
        self._news.set()

    def _set_timer(self, seconds: float | None, act: Callable[[], None] | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if seconds is not None and act is not None and not self._is_over:
            self._timer = self._loop.call_later(seconds, act)

"""The client for asyncio; `blocking` is the same with threads, name by name."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Self, Unpack

from websockets.asyncio.client import ClientConnection as WebSocket
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, WebSocketException

from scribewire.client.dialogue import Message
from scribewire.client.errors import ClientError, ClosedError
from scribewire.client.opening import (
    ATTEMPT_TIMEOUT_S,
    CLOSE_TIMEOUT_S,
    REPLAY_CHECK_S,
    Opening,
    WebSocketOptions,
    cut_audio,
    prepare_opening,
)
from scribewire.client.outcome import explain_opening
from scribewire.client.resuming import ClientSession
from scribewire.client.retry import ResumePolicy, policy_of
from scribewire.client.watchers import ReconnectingCallback, StateCallback, Watchers
from scribewire.errors import BROKEN, CloseCode
from scribewire.protocol.dialogue import Close
from scribewire.protocol.scriptix.states import ConnectionState
from scribewire.wishes import Wishes, WishFields

_BYE = Close(CloseCode.NORMAL)


@contextlib.asynccontextmanager
async def connect(
    server: str,
    *,
    key: str | None = None,
    timeout_s: float = 15.0,
    resume: bool | ResumePolicy = True,
    on_state_change: StateCallback | None = None,
    on_reconnecting: ReconnectingCallback | None = None,
    **wishes: Unpack[WishFields],
) -> AsyncIterator[Client]:
    """Give a client that is being listened to; leaving the context closes it.

    `server` is its ws:// or wss:// address, with or without an endpoint's path. The wishes are
    the fields of `Wishes`; what is left out is as usual. With `url` the audio is not sent: the
    server fetches it from this http:// or https:// address (stream mode), a file at the given
    `pace`; the client is given once that has begun. A connection that is lost is made again, and
    the session goes on, unless `resume` is False. Raises `ValueError` for an address or key
    that cannot be one, and a `ClientError` for everything else.
    """
    opening = prepare_opening(server, Wishes.named(wishes), key=key, timeout_s=timeout_s)
    session = ClientSession(
        opening,
        now=_now(),
        policy=policy_of(resume),
        chance=random.random,
        watchers=Watchers(on_state_change, on_reconnecting),
    )
    wire = _Wire(await _open_first(opening, session), opening, session)
    try:
        await wire.start()
        yield Client(wire)
    finally:
        await wire.close()


class Client:
    """A session on a server; made by `connect`.

    Iterate to receive. One task may send while another iterates.
    """

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._session = wire.session

    @property
    def state(self) -> ConnectionState:
        """What to show of this connection; it moves as messages are iterated over."""
        return self._session.watchers.state

    @property
    def session_id(self) -> str:
        """The session's name in the server's log; empty if the server has not told."""
        return self._session.session_id or ""

    def on_state_change(self, callback: StateCallback) -> None:
        """Call back with every new state from now on, in the task that caused it."""
        self._session.watchers.add(callback)

    def on_reconnecting(self, callback: ReconnectingCallback) -> None:
        """Call back before each attempt to come back after a loss, likewise."""
        self._session.watchers.add_of_attempts(callback)

    async def send_audio(self, pcm: bytes | bytearray | memoryview) -> bool:
        """Send 16-bit PCM at 16 kHz, cut anywhere; waits while the server is behind.

        Returns False once nobody listens any more: after `stop`, or when the session has ended.
        How it ended is told by iterating, and only there, so that no result is lost. While the
        connection is lost the audio is kept. In stream mode it is a `StreamModeError`.
        """
        self._session.check_pushing()
        for piece in cut_audio(pcm):
            if not await self._wire.send_audio(piece):
                return False
        return True

    async def stop(self) -> None:
        """Ask for the remaining finals; iteration ends after the last. Again does nothing."""
        await self._wire.stop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Return the next message; raise `ClientError` if the session did not end well."""
        async with self._wire.receiving:
            while (message := self._session.next_message()) is None:
                if self._session.has_ended:
                    raise self._session.failure or StopAsyncIteration
                await self._wire.receive()
        return message


class _Wire:
    """A session on its WebSocket, and on the next one. Nothing here decides."""

    def __init__(self, websocket: WebSocket, opening: Opening, session: ClientSession) -> None:
        self.session = session
        self.receiving = asyncio.Lock()  # held by who receives, and so connects again
        self._opening = opening
        self._websocket = websocket
        self._attempt: asyncio.Timeout | None = None  # to come back, which leaving interrupts

    async def start(self) -> None:
        """Say `start` if audio will be sent, and return once the server is listening."""
        await self._perform(lambda: self.session.begin_connection(_now()))
        while self.session.session_id is None:
            self.session.check_opening()
            await self.receive()

    async def send_audio(self, piece: bytes) -> bool:
        if not self.session.add_audio(piece):
            return False
        await self._write_waiting()
        while self.session.is_crowded(is_attended=self.receiving.locked()):
            await self._receive_if_nobody_does()
            await self._write_waiting()
        return self.session.takes_audio

    async def stop(self) -> None:
        self.session.stop()
        await self._write_waiting()

    async def receive(self) -> None:
        """Wait for the next message, the end or another connection, and act on it.

        Only for who holds `receiving`.
        """
        if self.session.retry_at is not None:
            await self._come_back(self.session.retry_at)
            return
        if self.session.is_move_due(_now()):
            await self._move()
            return
        while self.session.has_waiting and self._has_room:  # who sends may have nothing more
            await self._write_next()
        try:
            async with asyncio.timeout_at(self._wake_at):
                message = await self._websocket.recv()
        except TimeoutError:
            await self._perform(lambda: self.session.handle_timer(_now()))
        except ConnectionClosed:
            self._note_close()
        else:
            await self._perform(lambda: self.session.receive(message, _now()))
        if self.session.is_given_up:
            self._websocket.transport.abort()

    async def close(self) -> None:
        """Leave politely, and soon. Again does nothing."""
        await self._perform(self.session.leave)
        if self._attempt is not None:
            self._attempt.reschedule(_now())

    # Private.

    async def _receive_if_nobody_does(self) -> None:
        """Receive, and so connect again; where somebody does, wait a moment, for it may be done."""
        try:
            async with asyncio.timeout(REPLAY_CHECK_S):
                await self.receiving.acquire()
        except TimeoutError:
            return
        try:
            if self.session.is_crowded(is_attended=False):
                await self.receive()
        finally:
            self.receiving.release()

    @property
    def _has_room(self) -> bool:
        """Whether a piece is taken without waiting: who receives has other things to do."""
        transport = self._websocket.transport
        low, _ = transport.get_write_buffer_limits()
        return transport.get_write_buffer_size() <= low

    @property
    def _wake_at(self) -> float | None:
        """When to look whether there is something else to do than to receive."""
        due = self.session.timer_at
        if not self.session.has_waiting:
            return due
        look_at = _now() + REPLAY_CHECK_S
        return look_at if due is None else min(look_at, due)

    async def _come_back(self, retry_at: float) -> None:
        """Make the next connection once its time has come; leaving the client interrupts it."""
        try:
            async with asyncio.timeout(None) as self._attempt:
                await asyncio.sleep(retry_at - _now())
                url, options = self.session.url, self._opening.websocket_options(is_come_back=True)
                websocket = await _open_websocket(url, options, self._opening)
        except TimeoutError:
            return  # it was left, and so has ended
        except ClientError as failure:
            self.session.fail_attempt(failure, _now())
            self.session.watchers.tell()
            return
        finally:
            self._attempt = None
        if self.session.has_ended:  # it was left at the same moment
            websocket.transport.abort()
            return
        self._websocket = websocket
        await self._perform(lambda: self.session.begin_connection(_now()))

    async def _move(self) -> None:
        """Have the session go on at another server; until it does, audio goes to this one."""
        leaving, opening = self._websocket, self._opening
        options = opening.websocket_options(is_come_back=True)
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S) as self._attempt:
                websocket = await _open_websocket(self.session.move_url, options, opening)
                await self._wait_to_move(websocket)
        except (ClientError, TimeoutError) as failure:
            self.session.fail_move(failure, _now())
            return
        finally:
            self._attempt = None
        self.session.watchers.tell()
        if self._websocket is not leaving:
            await _close(leaving, _BYE)

    async def _wait_to_move(self, websocket: WebSocket) -> None:
        """Return once the session goes on over this, or is not to. Raises ClosedError."""
        try:
            for message in self.session.begin_move(_now()):
                await websocket.send(message)
            while self.session.is_moving:
                if self.session.receive_move(await websocket.recv(), _now()):
                    self._websocket = websocket
        except ConnectionClosed as gone:
            code, reason = websocket.close_code or BROKEN, websocket.close_reason or ""
            raise ClosedError(code, reason) from gone
        finally:
            if self._websocket is not websocket:
                await _close(websocket, _BYE)

    async def _perform(self, act: Callable[[], None]) -> None:
        """Do something to the session, then what comes of it."""
        act()
        outgoing = self.session.take_outgoing()
        self.session.watchers.tell()
        # Nothing waits between taking and writing, so the order holds without a lock.
        for message in outgoing:
            await self._write(message)

    async def _write_waiting(self) -> None:
        while self.session.has_waiting:
            await self._write_next()

    async def _write_next(self) -> None:
        piece = self.session.next_piece(_now())
        if piece is not None:
            await self._write(piece)

    async def _write(self, message: str | bytes | Close) -> None:
        websocket = self._websocket
        if isinstance(message, Close):
            await _close(websocket, message)
            self._note_close()
            return
        try:
            await websocket.send(message)
        except ConnectionClosed:  # how it ended is for the one who receives, after the last message
            if websocket is self._websocket:
                self.session.note_unwritable(websocket.close_code)

    def _note_close(self) -> None:
        code, reason = self._websocket.close_code, self._websocket.close_reason
        self.session.receive_close(code, reason, _now())
        self.session.watchers.tell()


async def _close(websocket: WebSocket, close: Close) -> None:
    try:
        # websockets bounds the wait for an answer, but not for room to write the close.
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await websocket.close(close.code, close.reason)
    except TimeoutError:
        pass
    finally:
        websocket.transport.abort()  # after a proper close, nothing
    await websocket.wait_closed()


class _Connect(connect_websocket):
    """websockets' own, but a redirect is an error: it would take the key to another server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _open_first(opening: Opening, session: ClientSession) -> WebSocket:
    session.watchers.tell()
    try:
        return await _open_websocket(session.url, opening.websocket_options(), opening)
    except ClientError:
        session.fail_opening()
        session.watchers.tell()
        raise


async def _open_websocket(url: str, options: WebSocketOptions, opening: Opening) -> WebSocket:
    try:
        return await _Connect(url, **options)
    except (OSError, WebSocketException) as failure:
        raise explain_opening(failure, opening) from failure


def _now() -> float:
    return asyncio.get_running_loop().time()

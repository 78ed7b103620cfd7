"""The client for programs without asyncio: the same as `asynchronous`, name by name.

One thread may send while another iterates. We start no thread; websockets keeps one for each
connection, which stores up to `MAX_UNREAD_MESSAGES` results until they are iterated over.

Theory of operation. That thread needs websockets' mutex for each message that comes, and
websockets' `send` holds it while the socket is full. A server that slows us down would so keep
its own results from being read, and a server that waits for its results to be read would wait
for ever. So we write small pieces, and only while the socket has room.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self, TypeVar, Unpack

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection as WebSocket

from scribewire.client.dialling import (
    CHECK_S,
    Dialling,
    OpenConnection,
    has_room,
    open_connection,
    wait_for_room,
)
from scribewire.client.dialogue import Message
from scribewire.client.errors import ClientError, ClosedError
from scribewire.client.opening import (
    ATTEMPT_TIMEOUT_S,
    REPLAY_CHECK_S,
    Opening,
    cut_audio,
    prepare_opening,
)
from scribewire.client.resuming import ClientSession
from scribewire.client.retry import ResumePolicy, policy_of
from scribewire.client.watchers import ReconnectingCallback, StateCallback, Watchers
from scribewire.errors import BROKEN
from scribewire.protocol.dialogue import Close
from scribewire.protocol.scriptix.states import ConnectionState
from scribewire.wishes import Wishes, WishFields

_Answer = TypeVar("_Answer")


@contextlib.contextmanager
def connect(
    server: str,
    *,
    key: str | None = None,
    timeout_s: float = 15.0,
    resume: bool | ResumePolicy = True,
    on_state_change: StateCallback | None = None,
    on_reconnecting: ReconnectingCallback | None = None,
    **wishes: Unpack[WishFields],
) -> Iterator[Client]:
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
        now=time.monotonic(),
        policy=policy_of(resume),
        chance=random.random,
        watchers=Watchers(on_state_change, on_reconnecting),
    )
    wire = _Wire(_open_first(opening, session), opening, session)
    try:
        wire.start()
        yield Client(wire)
    finally:
        wire.close()


class Client:
    """A session on a server; made by `connect`.

    Iterate to receive. One thread may send while another iterates.
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
        """Call back with every new state from now on, in the thread that caused it."""
        self._session.watchers.add(callback)

    def on_reconnecting(self, callback: ReconnectingCallback) -> None:
        """Call back before each attempt to come back after a loss, likewise."""
        self._session.watchers.add_of_attempts(callback)

    def send_audio(self, pcm: bytes | bytearray | memoryview) -> bool:
        """Send 16-bit PCM at 16 kHz, cut anywhere; waits while the server is behind.

        Returns False once nobody listens any more: after `stop`, or when the session has ended.
        How it ended is told by iterating, and only there, so that no result is lost. While the
        connection is lost the audio is kept. In stream mode it is a `StreamModeError`.
        """
        self._session.check_pushing()
        return all(self._wire.send_audio(piece) for piece in cut_audio(pcm))

    def stop(self) -> None:
        """Ask for the remaining finals; iteration ends after the last. Again does nothing."""
        self._wire.stop()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Message:
        """Return the next message; raise `ClientError` if the session did not end well."""
        with self._wire.receiving:
            while (message := self._session.next_message()) is None:
                if self._session.has_ended:
                    raise self._session.failure or StopIteration
                self._wire.receive()
        return message


class _Wire:
    """A session on its WebSocket, and on the next one. Nothing here decides."""

    def __init__(self, first: OpenConnection, opening: Opening, session: ClientSession) -> None:
        self.session = session
        # Held by who receives, and so connects again; a callback of theirs may send.
        self.receiving = threading.RLock()
        self._opening = opening
        self._connection = first
        self._deciding = threading.Lock()  # two threads use the session; never held for long
        self._sending = threading.Lock()  # two threads send; held from deciding to written
        self._has_left = threading.Event()
        self._dialling: Dialling | None = None  # to come back, which leaving interrupts

    def start(self) -> None:
        """Say `start` if audio will be sent, and return once the server is listening."""
        self._perform(lambda: self.session.begin_connection(time.monotonic()))
        while self.session.session_id is None:
            self.session.check_opening()
            self.receive()

    def send_audio(self, piece: bytes) -> bool:
        if not self._ask(lambda: self.session.add_audio(piece)):
            return False
        self._write_waiting()
        while self._is_crowded(is_attended=self._is_attended):
            self._receive_if_nobody_does()
            self._write_waiting()
        return self._ask(lambda: self.session.takes_audio)

    def stop(self) -> None:
        self._ask(self.session.stop)
        self._write_waiting()

    def receive(self) -> None:
        """Wait for the next message, the end or another connection, and act on it.

        Only for who holds `receiving`.
        """
        retry_at = self.session.retry_at
        if retry_at is not None:
            self._come_back(retry_at)
            return
        if self._ask(lambda: self.session.is_move_due(time.monotonic())):
            self._move()
            return
        websocket = self._websocket
        self._write_while_room(websocket)
        try:
            message = websocket.recv(self._ask(self._patience_s))
        except TimeoutError:
            self._perform(lambda: self.session.handle_timer(time.monotonic()))
        except ConnectionClosed:
            self._note_close(websocket)
        else:
            self._perform(lambda: self.session.receive(message, time.monotonic()))
        if self.session.is_given_up:
            websocket.close_socket()

    def close(self) -> None:
        """Leave politely, and soon, whatever other threads are doing. Again does nothing."""
        self._perform(self.session.leave)
        self._has_left.set()
        if (dialling := self._dialling) is not None:
            dialling.abandon()
        self._connection.end()

    # Private.

    @property
    def _websocket(self) -> WebSocket:
        return self._connection.websocket

    @property
    def _is_attended(self) -> bool:
        """Whether another thread receives."""
        if not self.receiving.acquire(blocking=False):
            return True
        self.receiving.release()
        return False

    def _receive_if_nobody_does(self) -> None:
        """Receive, and so connect again; where somebody does, wait a moment, for it may be done."""
        if not self.receiving.acquire(timeout=REPLAY_CHECK_S):
            return
        try:
            if self._is_crowded(is_attended=False):
                self.receive()
        finally:
            self.receiving.release()

    def _is_crowded(self, *, is_attended: bool) -> bool:
        return self._ask(lambda: self.session.is_crowded(is_attended=is_attended))

    def _patience_s(self) -> float | None:
        """Return when there may be something else to do than to receive."""
        due = self.session.timer_at
        left_s = None if due is None else max(0.0, due - time.monotonic())
        if not self.session.has_waiting:
            return left_s
        return REPLAY_CHECK_S if left_s is None else min(left_s, REPLAY_CHECK_S)

    def _come_back(self, retry_at: float) -> None:
        """Make the next connection once its time has come; leaving the client interrupts it."""
        if self._has_left.wait(max(0.0, retry_at - time.monotonic())):
            return
        options = self._opening.websocket_options(is_come_back=True)
        self._dialling = Dialling(self._ask(lambda: self.session.url), **options)
        try:
            connection = open_connection(self._dialling, self._opening)
        except ClientError as failure:
            cause = failure  # the name of an exception ends with its block
            self._ask(lambda: self.session.fail_attempt(cause, time.monotonic()))
            self.session.watchers.tell()
            return
        finally:
            self._dialling = None
        with self._deciding:
            is_wanted = not self.session.has_ended
            if is_wanted:
                lost, self._connection = self._connection, connection
                self.session.begin_connection(time.monotonic())
        (lost if is_wanted else connection).end()
        self._perform(lambda: None)

    def _move(self) -> None:
        """Have the session go on at another server; until it does, audio goes to this one."""
        options = self._opening.websocket_options(is_come_back=True)
        self._dialling = Dialling(self._ask(lambda: self.session.move_url), **options)
        leaving = self._connection
        try:
            connection = open_connection(self._dialling, self._opening)
            try:
                self._wait_to_move(connection)
            finally:
                (connection if self._connection is leaving else leaving).end()
        except (ClientError, TimeoutError) as failure:
            cause = failure  # the name of an exception ends with its block
            self._ask(lambda: self.session.fail_move(cause, time.monotonic()))
        finally:
            self._dialling = None
        self.session.watchers.tell()

    def _wait_to_move(self, connection: OpenConnection) -> None:
        """Return once the session goes on over this, or is not to. Raises ClosedError."""
        websocket, late_at = connection.websocket, time.monotonic() + ATTEMPT_TIMEOUT_S
        try:
            for message in self._ask(lambda: self.session.begin_move(time.monotonic())):
                websocket.send(message)
            while self.session.is_moving:
                self._take_over(connection, self._hear(websocket, late_at))
        except ConnectionClosed as gone:
            code, reason = websocket.close_code or BROKEN, websocket.close_reason or ""
            raise ClosedError(code, reason) from gone

    def _take_over(self, connection: OpenConnection, told: str | bytes) -> None:
        with self._deciding:
            if self.session.receive_move(told, time.monotonic()):
                self._connection = connection

    def _hear(self, websocket: WebSocket, late_at: float) -> str | bytes:
        """Return what comes next. Raises TimeoutError when it is late, or the client was left."""
        while True:
            try:
                return websocket.recv(CHECK_S)
            except TimeoutError:
                if self._has_left.is_set() or time.monotonic() >= late_at:
                    raise

    def _perform(self, act: Callable[[], None]) -> None:
        """Do something to the session, then what comes of it."""
        with self._deciding:
            act()
            outgoing, websocket = self.session.take_outgoing(), self._websocket
        self.session.watchers.tell()
        for message in outgoing:
            self._write(message, websocket)

    def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        with self._deciding:
            return question()

    def _write_waiting(self) -> None:
        """Write audio and `stop` in their order, as there is room.

        Sending changes no state, and a callback that sends must not find `_sending` held.
        """
        with self._sending:
            while self._ask(lambda: self.session.has_waiting):
                websocket = self._websocket
                wait_for_room(websocket)
                self._write_next(websocket)

    def _write_while_room(self, websocket: WebSocket) -> None:
        """Write what waits, if nobody else does: who sends may have nothing more."""
        while self._ask(lambda: self.session.has_waiting):
            if not self._sending.acquire(blocking=False):
                return
            try:
                if not has_room(websocket, 0.0):
                    return
                self._write_next(websocket)
            finally:
                self._sending.release()

    def _write_next(self, websocket: WebSocket) -> None:
        with self._deciding:
            is_present = websocket is self._websocket
            piece = self.session.next_piece(time.monotonic()) if is_present else None
        if piece is not None:
            self._write(piece, websocket)

    def _write(self, message: str | bytes | Close, websocket: WebSocket) -> None:
        if isinstance(message, Close):
            websocket.close(message.code, message.reason)
            self._note_close(websocket)
            return
        try:
            websocket.send(message)
        except ConnectionClosed:  # how it ended is for the one who receives, after the last message
            with self._deciding:
                if websocket is self._websocket:
                    self.session.note_unwritable(websocket.close_code)

    def _note_close(self, websocket: WebSocket) -> None:
        code, reason = websocket.close_code, websocket.close_reason
        with self._deciding:
            if websocket is self._websocket:
                self.session.receive_close(code, reason, time.monotonic())
        self.session.watchers.tell()


def _open_first(opening: Opening, session: ClientSession) -> OpenConnection:
    session.watchers.tell()
    dialling = Dialling(session.url, **opening.websocket_options())
    try:
        return open_connection(dialling, opening)
    except ClientError:
        session.fail_opening()
        session.watchers.tell()
        raise

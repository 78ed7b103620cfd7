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
import selectors
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self, Unpack

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.protocol import State
from websockets.sync.client import ClientConnection as WebSocket
from websockets.sync.client import reconnect

from scribewire.client.dialogue import ClientDialogue, Message, StateCallback
from scribewire.client.opening import Opening, cut_audio, prepare_opening
from scribewire.client.outcome import explain_opening
from scribewire.protocol.dialogue import Close
from scribewire.protocol.scriptix.states import ConnectionState
from scribewire.wishes import Wishes, WishFields

_CHECK_S = 0.1  # how soon a sender that waits for room sees that the connection has gone


@contextlib.contextmanager
def connect(
    server: str,
    *,
    key: str | None = None,
    timeout_s: float = 15.0,
    on_state_change: StateCallback | None = None,
    **wishes: Unpack[WishFields],
) -> Iterator[Client]:
    """Give a client that is being listened to; leaving the context closes it.

    `server` is its ws:// or wss:// address, with or without an endpoint's path. The wishes are
    the fields of `Wishes`; what is left out is as usual. With `url` the audio is not sent: the
    server fetches it from this http:// or https:// address (stream mode), a file at the given
    `pace`; the client is given once that has begun. Raises `ValueError` for an address or key
    that cannot be one, and a `ClientError` for everything else.
    """
    opening = prepare_opening(server, Wishes.named(wishes), key=key, timeout_s=timeout_s)
    dialogue = ClientDialogue(opening, now=time.monotonic(), on_state_change=on_state_change)
    dialogue.tell_states()
    with contextlib.ExitStack() as stack:
        wire = _Wire(_open_websocket(stack, opening, dialogue), dialogue)
        stack.callback(wire.close)
        wire.start()
        yield Client(wire)


class Client:
    """A session on a server; made by `connect`.

    Iterate to receive. One thread may send while another iterates.
    """

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._dialogue = wire.dialogue

    @property
    def state(self) -> ConnectionState:
        """What to show of this connection; it moves as messages are iterated over."""
        return self._dialogue.state

    @property
    def session_id(self) -> str:
        """The session's name in the server's log; empty if the server has not told."""
        return self._dialogue.session_id or ""

    def on_state_change(self, callback: StateCallback) -> None:
        """Call back with every new state from now on, in the thread that caused it."""
        self._dialogue.add_callback(callback)

    def send_audio(self, pcm: bytes | bytearray | memoryview) -> bool:
        """Send 16-bit PCM at 16 kHz, cut anywhere; waits while the server is behind.

        Returns False once nobody listens any more: after `stop`, or when the session has ended.
        How it ended is told by iterating, and only there, so that no result is lost.
        In stream mode it is a `StreamModeError`.
        """
        self._dialogue.check_pushing()
        return all(self._wire.send_audio(piece) for piece in cut_audio(pcm))

    def stop(self) -> None:
        """Ask for the remaining finals; iteration ends after the last. Again does nothing."""
        self._wire.stop()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Message:
        """Return the next message; raise `ClientError` if the session did not end well."""
        while (message := self._dialogue.next_message()) is None:
            if self._dialogue.has_ended:
                raise self._dialogue.failure or StopIteration
            self._wire.receive()
        return message


class _Wire:
    """A dialogue on its WebSocket. Nothing here decides."""

    def __init__(self, websocket: WebSocket, dialogue: ClientDialogue) -> None:
        self.dialogue = dialogue
        self._websocket = websocket
        self._deciding = threading.Lock()  # two threads use the dialogue; never held for long
        self._sending = threading.Lock()  # two threads send; held from deciding to written

    def start(self) -> None:
        """Say `start` if audio will be sent, and return once the server is listening."""
        self._send(self.dialogue.send_start)
        while self.dialogue.session_id is None:
            self.dialogue.check_opening()
            due = self.dialogue.timer_at
            try:
                self.receive(None if due is None else due - time.monotonic())
            except TimeoutError:
                self._perform(lambda: self.dialogue.handle_timer(time.monotonic()))

    def send_audio(self, piece: bytes) -> bool:
        return self._send(lambda: self.dialogue.send_audio(piece))

    def stop(self) -> None:
        self._send(self.dialogue.send_stop)

    def receive(self, timeout_s: float | None = None) -> None:
        """Wait for the next message or the end, and act on it."""
        try:
            message = self._websocket.recv(timeout_s)
        except ConnectionClosed:
            self._note_close()
        else:
            self._perform(lambda: self.dialogue.receive(message, time.monotonic()))

    def close(self) -> None:
        """Leave politely, and soon, whatever other threads are doing. Again does nothing."""
        self._perform(self.dialogue.send_close)

    def _send(self, act: Callable[[], None]) -> bool:
        """Perform in the order of the calls; tell whether anything was sent.

        Sending changes no state, and a callback that sends must not find `_sending` held.
        """
        with self._sending:
            self._wait_for_room()
            sent = [self._write(message) for message in self._decide(act)]
        return any(sent)

    def _perform(self, act: Callable[[], None]) -> None:
        """Do something to the dialogue, then what comes of it."""
        outgoing = self._decide(act)
        self.dialogue.tell_states()
        for message in outgoing:
            self._write(message)

    def _decide(self, act: Callable[[], None]) -> list[str | bytes | Close]:
        with self._deciding:
            act()
            return self.dialogue.take_outgoing()

    def _write(self, message: str | bytes | Close) -> bool:
        if isinstance(message, Close):
            self._websocket.close(message.code, message.reason)
            self._note_close()
            return False
        try:
            self._websocket.send(message)
        except ConnectionClosed:
            return False  # how it ended is for the one who receives, after the last message
        return True

    def _wait_for_room(self) -> None:
        """Return when the socket takes a piece at once, or is gone."""
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self._websocket.socket, selectors.EVENT_WRITE)
            except (OSError, ValueError):
                return  # gone: sending will find out
            while not selector.select(_CHECK_S) and self._websocket.state is State.OPEN:
                pass

    def _note_close(self) -> None:
        code, reason = self._websocket.close_code, self._websocket.close_reason
        self._decide(lambda: self.dialogue.receive_close(code, reason))
        self.dialogue.tell_states()


class _Reconnect(reconnect):
    """websockets' own, but a redirect is an error: it would take the key to another server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _open_websocket(
    stack: contextlib.ExitStack, opening: Opening, dialogue: ClientDialogue
) -> WebSocket:
    try:
        return stack.enter_context(_Reconnect(opening.url, **opening.websocket_options))
    except (OSError, WebSocketException) as failure:
        dialogue.receive_close(None, None)
        dialogue.tell_states()
        raise explain_opening(failure, opening) from failure

"""The client for asyncio; `blocking` is the same with threads, name by name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Self, Unpack

from websockets.asyncio.client import ClientConnection as WebSocket
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, WebSocketException

from scribewire.client.dialogue import ClientDialogue, Message, StateCallback
from scribewire.client.opening import CLOSE_TIMEOUT_S, Opening, cut_audio, prepare_opening
from scribewire.client.outcome import explain_opening
from scribewire.protocol.dialogue import Close
from scribewire.protocol.scriptix.states import ConnectionState
from scribewire.wishes import Wishes, WishFields


@contextlib.asynccontextmanager
async def connect(
    server: str,
    *,
    key: str | None = None,
    timeout_s: float = 15.0,
    on_state_change: StateCallback | None = None,
    **wishes: Unpack[WishFields],
) -> AsyncIterator[Client]:
    """Give a client that is being listened to; leaving the context closes it.

    `server` is its ws:// or wss:// address, with or without an endpoint's path. The wishes are
    the fields of `Wishes`; what is left out is as usual. With `url` the audio is not sent: the
    server fetches it from this http:// or https:// address (stream mode), a file at the given
    `pace`; the client is given once that has begun. Raises `ValueError` for an address or key
    that cannot be one, and a `ClientError` for everything else.
    """
    opening = prepare_opening(server, Wishes.named(wishes), key=key, timeout_s=timeout_s)
    dialogue = ClientDialogue(opening, now=_now(), on_state_change=on_state_change)
    wire = await _open_wire(opening, dialogue)
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
        """Call back with every new state from now on, in the task that caused it."""
        self._dialogue.add_callback(callback)

    async def send_audio(self, pcm: bytes | bytearray | memoryview) -> bool:
        """Send 16-bit PCM at 16 kHz, cut anywhere; waits while the server is behind.

        Returns False once nobody listens any more: after `stop`, or when the session has ended.
        How it ended is told by iterating, and only there, so that no result is lost.
        In stream mode it is a `StreamModeError`.
        """
        self._dialogue.check_pushing()
        for piece in cut_audio(pcm):
            if not await self._wire.send_audio(piece):
                return False
        return True

    async def stop(self) -> None:
        """Ask for the remaining finals; iteration ends after the last. Again does nothing."""
        await self._wire.perform(self._dialogue.send_stop)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Return the next message; raise `ClientError` if the session did not end well."""
        while (message := self._dialogue.next_message()) is None:
            if self._dialogue.has_ended:
                raise self._dialogue.failure or StopAsyncIteration
            await self._wire.receive()
        return message


class _Wire:
    """A dialogue on its WebSocket. Nothing here decides."""

    def __init__(self, websocket: WebSocket, dialogue: ClientDialogue) -> None:
        self.dialogue = dialogue
        self._websocket = websocket

    async def start(self) -> None:
        """Say `start` if audio will be sent, and return once the server is listening."""
        await self.perform(self.dialogue.send_start)
        while self.dialogue.session_id is None:
            self.dialogue.check_opening()
            try:
                async with asyncio.timeout_at(self.dialogue.timer_at):
                    await self.receive()
            except TimeoutError:
                await self.perform(lambda: self.dialogue.handle_timer(_now()))

    async def send_audio(self, piece: bytes) -> bool:
        return await self.perform(lambda: self.dialogue.send_audio(piece))

    async def receive(self) -> None:
        """Wait for the next message or the end, and act on it."""
        try:
            message = await self._websocket.recv()
        except ConnectionClosed:
            self._note_close()
        else:
            await self.perform(lambda: self.dialogue.receive(message, _now()))

    async def close(self) -> None:
        """Leave politely, and soon. Again does nothing."""
        await self.perform(self.dialogue.send_close)

    async def perform(self, act: Callable[[], None]) -> bool:
        """Do something to the dialogue, then what comes of it; tell whether anything was sent."""
        act()
        outgoing = self.dialogue.take_outgoing()
        self.dialogue.tell_states()
        # Nothing waits between taking and writing, so the order holds without a lock.
        sent = [await self._write(message) for message in outgoing]
        return any(sent)

    async def _write(self, message: str | bytes | Close) -> bool:
        if isinstance(message, Close):
            await self._close_websocket(message)
            return False
        try:
            await self._websocket.send(message)
        except ConnectionClosed:
            return False  # how it ended is for the one who receives, after the last message
        return True

    async def _close_websocket(self, close: Close) -> None:
        try:
            # websockets bounds the wait for an answer, but not for room to write the close.
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._websocket.close(close.code, close.reason)
        except TimeoutError:
            pass
        finally:
            self._websocket.transport.abort()  # after a proper close, nothing
        await self._websocket.wait_closed()
        self._note_close()

    def _note_close(self) -> None:
        self.dialogue.receive_close(self._websocket.close_code, self._websocket.close_reason)
        self.dialogue.tell_states()


class _Connect(connect_websocket):
    """websockets' own, but a redirect is an error: it would take the key to another server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _open_wire(opening: Opening, dialogue: ClientDialogue) -> _Wire:
    dialogue.tell_states()
    try:
        websocket = await _Connect(opening.url, **opening.websocket_options)
    except (OSError, WebSocketException) as failure:
        dialogue.receive_close(None, None)
        dialogue.tell_states()
        raise explain_opening(failure, opening) from failure
    return _Wire(websocket, dialogue)


def _now() -> float:
    return asyncio.get_running_loop().time()

"""The client's side of a dialogue, from connecting to the close, without I/O: the core of SDKs.

The shell is mechanical: make the connection object, connect to `client_url(...)`, and after every
call take `next_outgoing` until None, writing each, and `next_event` until None, acting on each.
When `next_outgoing` returns a `Close`, close with it. Arm one timer for `timer_at`.
"""

from __future__ import annotations

from scribewire.errors import CloseCode, ServerFault
from scribewire.protocol.dialogue import Close, ProtocolMisuseError
from scribewire.protocol.pending import Pending
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.client_events import (
    ClientEvent,
    ConnectionFailed,
    Disconnected,
    StateChanged,
)
from scribewire.protocol.scriptix.codec import parse_server, serialise_client
from scribewire.protocol.scriptix.endpoint import MICROPHONE, Endpoint
from scribewire.protocol.scriptix.messages import (
    Audio,
    ClientMessage,
    ErrorMessage,
    Listening,
    Loading,
    ServerMessage,
    ShuttingDown,
    Start,
    Stop,
    Stopped,
)
from scribewire.protocol.scriptix.states import (
    ConnectionState,
    DialogueState,
    Input,
    connection_state_after,
    first_state,
    is_listened_to,
    is_over,
    next_state,
)
from scribewire.wishes import USUAL, Wishes

AUDIO_MESSAGE_BYTES = 64 * 1024  # 2 s of audio: far from the server's limit of 1 MiB
LISTENING_TIMEOUT_MS = 15_000  # as long as the server waits for us


_INPUTS: dict[type[ServerMessage], Input] = {
    Loading: Input.SERVER_LOADING,
    Listening: Input.SERVER_LISTENING,
    PartialResult: Input.SERVER_RESULT,
    FinalResult: Input.SERVER_RESULT,
    ErrorMessage: Input.SERVER_ERROR,
    ShuttingDown: Input.SERVER_SHUTTING_DOWN,
    Stopped: Input.SERVER_STOPPED,
}  # none is `UnknownMessage`, which means nothing to us, nor `AudioAcknowledged`: it moves nothing


class ClientConnection:
    """Say what a client may say, and understand what it is told."""

    def __init__(
        self,
        *,
        now: float,
        endpoint: Endpoint = MICROPHONE,
        listening_timeout_ms: int = LISTENING_TIMEOUT_MS,
    ) -> None:
        self._shape = endpoint.shape
        self._timeout_ms = listening_timeout_ms
        self._deadline: float | None = now + listening_timeout_ms / 1000  # None: not waiting
        self._is_stream = endpoint.is_stream
        self._dialogue = first_state(is_stream=self._is_stream)
        self._state = ConnectionState.CONNECTING
        self._has_closed = False  # our close is out: what still comes was sent before it came
        self._events: Pending[ClientEvent] = Pending("next_event")
        self._outgoing: Pending[str | bytes | Close] = Pending("next_outgoing")

    @property
    def state(self) -> ConnectionState:
        """What to show of this connection."""
        return self._state

    @property
    def timer_at(self) -> float | None:
        """When to call `handle_timer`, on the clock of `now`; None for never."""
        return self._deadline

    # What to send. After each of these: take outgoing messages. Once the dialogue is over they
    # do nothing, because the server may end it at any time.

    def send_start(self, wishes: Wishes = USUAL, *, key: str | None = None) -> None:
        """Open recognition, once; audio may follow without waiting for `Listening`.

        Of the wishes it says what the request could not.

        In stream mode, where the session starts by itself, it is a `ProtocolMisuseError`.
        """
        if is_over(self._dialogue):
            return
        if self._is_stream:
            raise ProtocolMisuseError("send_start in stream mode: the session starts by itself")
        if self._dialogue is not DialogueState.AWAITING_START:
            raise ProtocolMisuseError("send_start called twice: make a new connection to restart")
        self._send(Input.CLIENT_START, Start(key=key, wishes=wishes))

    def send_audio(self, pcm: bytes) -> None:
        """Send audio cut anywhere; after `send_stop` it is dropped, as a late chunk is.

        Before `send_start` and in stream mode it is a `ProtocolMisuseError`.
        """
        if not is_listened_to(self._dialogue):
            return
        if self._is_stream:
            raise ProtocolMisuseError("send_audio in stream mode: the server fetches the audio")
        if next_state(self._dialogue, Input.CLIENT_AUDIO) is None:
            raise ProtocolMisuseError("send_audio before send_start: call send_start first")
        for start in range(0, len(pcm), AUDIO_MESSAGE_BYTES):
            self._send(Input.CLIENT_AUDIO, Audio(pcm[start : start + AUDIO_MESSAGE_BYTES]))

    def send_stop(self) -> None:
        """Ask for the remaining finals and the end; a second time it does nothing."""
        if is_listened_to(self._dialogue):
            self._send(Input.CLIENT_STOP, Stop())

    def send_close(self) -> None:
        """Leave without waiting for anything."""
        if not self._has_closed and self._dialogue is not DialogueState.CLOSED:
            self._close(Close(CloseCode.NORMAL), Input.CLIENT_CLOSE)

    # What happened. After each of these: take outgoing messages and events.

    def receive_text(self, text: str, now: float) -> None:
        """Take a text message of the server; `loading` allows it as long again."""
        if self._is_deaf():
            return
        try:
            self._accept(parse_server(text, self._shape), now)
        except ServerFault as fault:
            self._fail(str(fault))

    def receive_bytes(self, data: bytes) -> None:
        """Take a binary message of the server, which has none to send."""
        if not self._is_deaf():
            self._fail(f"the server sent a binary message of {len(data)} bytes: expected text")

    def receive_close(self, code: int, reason: str) -> None:
        """Take note that the connection is gone; 1006 for one that broke or never was."""
        if self._dialogue is DialogueState.CLOSED:
            return
        if code != CloseCode.NORMAL and not is_over(self._dialogue):
            self._note(Input.SERVER_FAULT)
        self._note(Input.CLOSED)
        self._dialogue = DialogueState.CLOSED
        self._deadline = None
        self._outgoing.drop_all()
        self._events.add(Disconnected(code, reason))

    def handle_timer(self, now: float) -> None:
        """Take note of the time; calling early or often does no harm."""
        if self._deadline is not None and now >= self._deadline:
            seconds = self._timeout_ms / 1000
            self._fail(f"connection timeout: the server was not listening within {seconds:g} s")

    # What came of it.

    def next_event(self) -> ClientEvent | None:
        """Return the next message of the server or fact about the connection, or None."""
        return self._events.take()

    def next_outgoing(self) -> str | bytes | Close | None:
        """Return the next message to write, or None; nothing follows a `Close`."""
        return self._outgoing.take()

    # Private.

    def _is_deaf(self) -> bool:
        return self._has_closed or self._dialogue is DialogueState.CLOSED

    def _accept(self, message: ServerMessage, now: float) -> None:
        given = _INPUTS.get(type(message))
        if given is not None:
            following = next_state(self._dialogue, given)
            if following is None:
                raise ServerFault(f"the server broke the protocol: {given.value} too early or late")
            self._dialogue = following
            if given is Input.SERVER_LISTENING or is_over(following):
                self._deadline = None
            elif given is Input.SERVER_LOADING and self._deadline is not None:
                self._deadline = now + self._timeout_ms / 1000
        self._events.add(message)
        if given is not None:
            self._note(given)

    def _note(self, given: Input) -> None:
        """Tell the user when the state to show has changed."""
        state = connection_state_after(self._state, given, dialogue=self._dialogue)
        if state is not self._state:
            self._state = state
            self._events.add(StateChanged(state))

    def _fail(self, reason: str) -> None:
        self._events.add(ConnectionFailed(reason))
        self._note(Input.SERVER_FAULT)
        # 1000, as browsers let a page send no other code below 3000.
        self._close(Close.because(CloseCode.NORMAL, reason), Input.SERVER_FAULT)

    def _send(self, given: Input, message: ClientMessage) -> None:
        self._advance(given)
        self._outgoing.add(serialise_client(message))

    def _close(self, close: Close, given: Input) -> None:
        self._advance(given)
        self._deadline = None
        self._has_closed = True
        self._outgoing.add(close)

    def _advance(self, given: Input) -> None:
        following = next_state(self._dialogue, given)
        assert following is not None, "our own inputs were judged before they came here"
        self._dialogue = following

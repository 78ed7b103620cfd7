"""When a message is legal, and where it leads: the one table behind server and client.

Rule 1: everything that decides about state lives here. Rule 2: this file does not know which
side it is on. Both sides feed it every message they send or receive, so they cannot disagree
about the rules, only about what has reached them yet.

Theory of operation. A dialogue moves forward only::

    AWAITING_START -> STARTING -> LISTENING -> FLUSHING -> CLOSING -> CLOSED   (pushed audio)
                        OPENING -> PULLING -> FLUSHING -> CLOSING -> CLOSED   (stream mode)

and may skip ahead, never back. An input says who sent what kind of message. Looked up in
`TRANSITIONS` it gives the next state; one that is not there is a violation by its sender, and
changes nothing by itself. A violation by the client is then fed as `CLIENT_FAULT`, one by the
server as `SERVER_FAULT`, and these two are in every state that a fault can still change.

- `AWAITING_START`: the handshake was accepted. Audio is a violation.
- `STARTING`: `start` was accepted. Audio is legal from here on; a second `start` is not.
- `LISTENING`: the server has said so. Results are legal from here on.
- `OPENING`: stream mode begins here, without a `start`: the server opens the source. Audio of the
  client is a violation here and in `PULLING`; a `start` means nothing.
- `PULLING`: the server has said `listening`. Results are legal from here on. `loading` and then
  `listening` may come again, any number of times: the source was lost and is opened once more.
- `FLUSHING`: no more audio is received, because of `stop`, a client's fault, or the server's wish
  to end; results for what was received still come. Whatever the client sends is legal and means
  nothing: a microphone always has a chunk in flight. Nor is a late `listening` wrong: the
  client's `stop` may have crossed it.
- `CLOSING`: the last message has been sent; only the close is left.
- `CLOSED`: nothing more, from anyone.

An `error` message moves nothing: it may be about an unknown action, after which the session
goes on. What ends the session is the fault behind it, and the close that tells the client.
"""

from __future__ import annotations

from enum import Enum


class DialogueState(Enum):
    """How far a dialogue has come."""

    AWAITING_START = "awaiting start"
    STARTING = "starting"
    LISTENING = "listening"
    OPENING = "opening"
    PULLING = "pulling"
    FLUSHING = "flushing"
    CLOSING = "closing"
    CLOSED = "closed"


class Input(Enum):
    """Who sent what. Not on the wire are the faults, `SERVER_END` and `CLOSED`."""

    CLIENT_START = "client start"
    CLIENT_AUDIO = "client audio"
    CLIENT_STOP = "client stop"
    CLIENT_UNKNOWN_ACTION = "client unknown action"
    CLIENT_FAULT = "client fault"
    """The client did what it may not, whoever noticed."""
    CLIENT_CLOSE = "client close"
    """The client sends its close."""
    SERVER_LOADING = "server loading"
    SERVER_LISTENING = "server listening"
    SERVER_RESULT = "server result"
    SERVER_ERROR = "server error"
    SERVER_SHUTTING_DOWN = "server shutting down"
    SERVER_STOPPED = "server stopped"
    SERVER_END = "server end"
    """The server ends the session, as if `stop` had come."""
    SERVER_FAULT = "server fault"
    """The server did what it may not, or nothing when it had to."""
    SERVER_CLOSE = "server close"
    """The server sends its close."""
    CLOSED = "closed"
    """The connection is gone."""


_State, _Input = DialogueState, Input

_ALWAYS_LEGAL_BEFORE_FLUSHING = {
    _Input.CLIENT_STOP: _State.FLUSHING,
    _Input.CLIENT_FAULT: _State.FLUSHING,
    _Input.CLIENT_CLOSE: _State.CLOSING,
    _Input.SERVER_STOPPED: _State.CLOSING,
    _Input.SERVER_END: _State.FLUSHING,
    _Input.SERVER_FAULT: _State.CLOSING,
    _Input.SERVER_CLOSE: _State.CLOSING,
    _Input.CLOSED: _State.CLOSED,
}

TRANSITIONS: dict[DialogueState, dict[Input, DialogueState]] = {
    _State.AWAITING_START: _ALWAYS_LEGAL_BEFORE_FLUSHING
    | {
        _Input.CLIENT_START: _State.STARTING,
        _Input.CLIENT_UNKNOWN_ACTION: _State.AWAITING_START,
        _Input.SERVER_LOADING: _State.AWAITING_START,
        _Input.SERVER_ERROR: _State.AWAITING_START,
        _Input.SERVER_SHUTTING_DOWN: _State.AWAITING_START,
    },
    _State.STARTING: _ALWAYS_LEGAL_BEFORE_FLUSHING
    | {
        _Input.CLIENT_AUDIO: _State.STARTING,
        _Input.CLIENT_UNKNOWN_ACTION: _State.STARTING,
        _Input.SERVER_LOADING: _State.STARTING,
        _Input.SERVER_LISTENING: _State.LISTENING,
        _Input.SERVER_ERROR: _State.STARTING,
        _Input.SERVER_SHUTTING_DOWN: _State.STARTING,
    },
    _State.LISTENING: _ALWAYS_LEGAL_BEFORE_FLUSHING
    | {
        _Input.CLIENT_AUDIO: _State.LISTENING,
        _Input.CLIENT_UNKNOWN_ACTION: _State.LISTENING,
        _Input.SERVER_RESULT: _State.LISTENING,
        _Input.SERVER_ERROR: _State.LISTENING,
        _Input.SERVER_SHUTTING_DOWN: _State.LISTENING,
    },
    _State.OPENING: _ALWAYS_LEGAL_BEFORE_FLUSHING
    | {
        _Input.CLIENT_START: _State.OPENING,
        _Input.CLIENT_UNKNOWN_ACTION: _State.OPENING,
        _Input.SERVER_LOADING: _State.OPENING,
        _Input.SERVER_LISTENING: _State.PULLING,
        _Input.SERVER_ERROR: _State.OPENING,
        _Input.SERVER_SHUTTING_DOWN: _State.OPENING,
    },
    _State.PULLING: _ALWAYS_LEGAL_BEFORE_FLUSHING
    | {
        _Input.CLIENT_START: _State.PULLING,
        _Input.CLIENT_UNKNOWN_ACTION: _State.PULLING,
        _Input.SERVER_LOADING: _State.PULLING,
        _Input.SERVER_LISTENING: _State.PULLING,
        _Input.SERVER_RESULT: _State.PULLING,
        _Input.SERVER_ERROR: _State.PULLING,
        _Input.SERVER_SHUTTING_DOWN: _State.PULLING,
    },
    _State.FLUSHING: {
        _Input.CLIENT_START: _State.FLUSHING,
        _Input.CLIENT_AUDIO: _State.FLUSHING,
        _Input.CLIENT_STOP: _State.FLUSHING,
        _Input.CLIENT_UNKNOWN_ACTION: _State.FLUSHING,
        _Input.CLIENT_FAULT: _State.FLUSHING,
        _Input.CLIENT_CLOSE: _State.CLOSING,
        _Input.SERVER_LOADING: _State.FLUSHING,
        _Input.SERVER_LISTENING: _State.FLUSHING,
        _Input.SERVER_RESULT: _State.FLUSHING,
        _Input.SERVER_ERROR: _State.FLUSHING,
        _Input.SERVER_SHUTTING_DOWN: _State.FLUSHING,
        _Input.SERVER_STOPPED: _State.CLOSING,
        _Input.SERVER_END: _State.FLUSHING,
        _Input.SERVER_FAULT: _State.CLOSING,
        _Input.SERVER_CLOSE: _State.CLOSING,
        _Input.CLOSED: _State.CLOSED,
    },
    _State.CLOSING: {
        _Input.CLIENT_START: _State.CLOSING,
        _Input.CLIENT_AUDIO: _State.CLOSING,
        _Input.CLIENT_STOP: _State.CLOSING,
        _Input.CLIENT_UNKNOWN_ACTION: _State.CLOSING,
        _Input.CLIENT_FAULT: _State.CLOSING,
        _Input.CLIENT_CLOSE: _State.CLOSING,
        _Input.SERVER_FAULT: _State.CLOSING,
        _Input.SERVER_CLOSE: _State.CLOSING,
        _Input.CLOSED: _State.CLOSED,
    },
    _State.CLOSED: {},
}


def first_state(*, is_stream: bool) -> DialogueState:
    """Return where a dialogue begins: in stream mode there is no `start` to wait for."""
    return DialogueState.OPENING if is_stream else DialogueState.AWAITING_START


def next_state(state: DialogueState, given: Input) -> DialogueState | None:
    """Return where the input leads; None means that its sender may not send it now."""
    return TRANSITIONS[state].get(given)


def is_listened_to(state: DialogueState) -> bool:
    """Tell whether what a client sends in this state still means anything."""
    return state not in _DEAF_STATES


def is_over(state: DialogueState) -> bool:
    """Tell whether the last message of this dialogue has been sent."""
    return state in (DialogueState.CLOSING, DialogueState.CLOSED)


_DEAF_STATES = (DialogueState.FLUSHING, DialogueState.CLOSING, DialogueState.CLOSED)


class ConnectionState(Enum):
    """What an SDK shows of a connection."""

    DISCONNECTED = "disconnected"
    """Not begun, or properly ended."""
    CONNECTING = "connecting"
    """Nothing has come from the server."""
    LOADING = "loading"
    """The server is loading a model or, in stream mode, opening the source."""
    LISTENING = "listening"
    """The server is ready for audio or, in stream mode, reads it."""
    CONNECTED = "connected"
    """The first result has come: actively transcribing."""
    ERROR = "error"
    """Something went wrong; stays until a new connection."""


_REACHED = {
    Input.SERVER_LOADING: ConnectionState.LOADING,
    Input.SERVER_LISTENING: ConnectionState.LISTENING,
    Input.SERVER_RESULT: ConnectionState.CONNECTED,
    Input.SERVER_ERROR: ConnectionState.ERROR,
    Input.SERVER_FAULT: ConnectionState.ERROR,
    Input.CLOSED: ConnectionState.DISCONNECTED,
}
_ORDER = (
    ConnectionState.CONNECTING,
    ConnectionState.LOADING,
    ConnectionState.LISTENING,
    ConnectionState.CONNECTED,
    ConnectionState.DISCONNECTED,
    ConnectionState.ERROR,
)
_LASTING = (ConnectionState.DISCONNECTED, ConnectionState.ERROR)


def connection_state_after(
    state: ConnectionState, given: Input, *, dialogue: DialogueState | None = None
) -> ConnectionState:
    """Return what an SDK shows once the input has come: it moves forward in `_ORDER`.

    Only while `dialogue` is `PULLING` it goes back, to `LOADING`, and stays there until the
    source is read again: the finals of what came before may come meanwhile.
    """
    if dialogue is DialogueState.PULLING and state not in _LASTING:
        is_reopening = state is ConnectionState.LOADING and given is Input.SERVER_RESULT
        if is_reopening or given is Input.SERVER_LOADING:
            return ConnectionState.LOADING
    return max(state, _REACHED.get(given, state), key=_ORDER.index)

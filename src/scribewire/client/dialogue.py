"""One dialogue as both clients see it: what to write, what to hand out, how it ended.

This is `ClientConnection` with the bookkeeping that asyncio and threads have in common. It does
no I/O. After sending and receiving: write what `take_outgoing` returns. After receiving also call
`tell_states`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from scribewire.client.errors import (
    ClientError,
    ClosedError,
    ConnectTimeoutError,
    StreamModeError,
)
from scribewire.client.opening import Opening
from scribewire.client.outcome import Ending, failure_of
from scribewire.errors import BROKEN
from scribewire.protocol.dialogue import Close
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.client import ClientConnection
from scribewire.protocol.scriptix.client_events import (
    ClientEvent,
    ConnectionFailed,
    Disconnected,
    StateChanged,
)
from scribewire.protocol.scriptix.messages import ErrorMessage, Listening, ShuttingDown, Stopped
from scribewire.protocol.scriptix.states import ConnectionState

Message: TypeAlias = PartialResult | FinalResult | ShuttingDown
"""What iterating over a client gives."""

StateCallback: TypeAlias = Callable[[ConnectionState], object]
"""Called with each new state."""


_MAX_UNDELIVERED = 16  # one at a time once it is listening; before, only `ShuttingDown` can come

_log = logging.getLogger("scribewire.client")


class ClientDialogue:
    """Say what a client may say, and remember what it was told."""

    def __init__(
        self, opening: Opening, *, now: float, on_state_change: StateCallback | None = None
    ) -> None:
        self._opening = opening
        self._connection = ClientConnection(
            now=now,
            endpoint=opening.endpoint,
            listening_timeout_ms=round(opening.timeout_s * 1000),
        )
        self._callbacks = [on_state_change] if on_state_change else []
        self._untold = deque([self._connection.state])  # states that no callback has seen
        self._messages: deque[Message] = deque(maxlen=_MAX_UNDELIVERED)
        self._session_id: str | None = None  # set once the server is listening
        self._ending = Ending(code=BROKEN)  # filled in as it comes about
        self._timeout: ConnectTimeoutError | None = None  # set when the server was too late
        self._has_ended = False

    # What is known.

    @property
    def state(self) -> ConnectionState:
        """What to show of this connection."""
        return self._connection.state

    @property
    def session_id(self) -> str | None:
        """The session's name in the server's log; None until it is listening."""
        return self._session_id

    @property
    def has_ended(self) -> bool:
        """Whether the connection is gone, so that nothing more can be received."""
        return self._has_ended

    @property
    def timer_at(self) -> float | None:
        """When to call `handle_timer`, on the clock of `now`; None for never."""
        return self._connection.timer_at

    @property
    def failure(self) -> ClientError | None:
        """What to raise when it has ended and every message was taken; None if all is well."""
        return self._timeout or failure_of(self._ending)

    def check_opening(self) -> None:
        """Raise what kept the server from listening, if it has ended already."""
        if self._has_ended:
            raise self.failure or ClosedError(self._ending.code, self._ending.reason)

    def next_message(self) -> Message | None:
        """Return the next message for the user, or None."""
        return self._messages.popleft() if self._messages else None

    def add_callback(self, callback: StateCallback) -> None:
        """Call back with every state from now on."""
        self._callbacks.append(callback)

    def tell_states(self) -> None:
        """Tell the callbacks, which may call the client: hold no lock."""
        while (state := self._next_untold()) is not None:
            for callback in self._callbacks:
                callback(state)

    def take_outgoing(self) -> list[str | bytes | Close]:
        """Return what to write, in order; nothing follows a `Close`."""
        outgoing: list[str | bytes | Close] = []
        while (message := self._connection.next_outgoing()) is not None:
            outgoing.append(message)
        return outgoing

    # What to send.

    def send_start(self) -> None:
        """Open recognition, as the opening wants it; in stream mode nothing is outgoing."""
        if not self._opening.is_stream:
            self._connection.send_start(self._opening.wishes)

    def check_pushing(self) -> None:
        """Raise `StreamModeError` if it is the server that brings the audio."""
        if self._opening.is_stream:
            raise StreamModeError

    def send_audio(self, piece: bytes) -> None:
        """Send a piece of `cut_audio`; nothing is outgoing when nobody listens any more."""
        self._connection.send_audio(piece)

    def send_stop(self) -> None:
        """Ask for the remaining finals."""
        self._ending = replace(self._ending, has_asked=True)
        self._connection.send_stop()

    def send_close(self) -> None:
        """Leave because the user wants to, without waiting for anything."""
        if not self._has_ended:
            self._ending = replace(self._ending, has_left=True)
        self._connection.send_close()

    # What happened.

    def receive(self, message: str | bytes, now: float) -> None:
        """Take a message of the server."""
        if isinstance(message, str):
            self._connection.receive_text(message, now)
        else:
            self._connection.receive_bytes(message)
        self._take_events()

    def receive_close(self, code: int | None, reason: str | None) -> None:
        """Take note that the connection is gone, or never was."""
        self._connection.receive_close(code or BROKEN, reason or "")
        self._take_events()

    def handle_timer(self, now: float) -> None:
        """Take note of the time; calling early or often does no harm."""
        due = self._connection.timer_at
        if due is not None and now >= due:
            self._timeout = ConnectTimeoutError(
                self.state, self._opening.timeout_s, is_stream=self._opening.is_stream
            )
        self._connection.handle_timer(now)
        self._take_events()

    def _next_untold(self) -> ConnectionState | None:
        try:
            return self._untold.popleft()  # at once: two threads may be here
        except IndexError:
            return None

    def _take_events(self) -> None:
        while (event := self._connection.next_event()) is not None:
            self._accept(event)

    def _accept(self, event: ClientEvent) -> None:
        match event:
            case PartialResult() if not self._opening.wishes.partials:
                pass  # stream mode has no `start` in which to decline them
            case PartialResult() | FinalResult() | ShuttingDown():
                self._messages.append(event)
            case Listening(session_id):
                self._session_id = session_id
            case ErrorMessage(error):
                _log.warning("%s ! %s", self._session_id or "-", error)
                self._ending = replace(self._ending, error=error)
            case Stopped():
                self._ending = replace(self._ending, has_stopped=True)
                self._connection.send_close()
            case StateChanged(state):
                _log.debug("%s = %s", self._session_id or "-", state.value)
                self._untold.append(state)
            case ConnectionFailed(reason):
                self._ending = replace(self._ending, violation=reason)
            case Disconnected(code, reason):
                _log.debug("%s x closed %d %s", self._session_id or "-", code, reason)
                self._ending = replace(self._ending, code=code, reason=reason)
                self._has_ended = True
            case _:  # `Loading` shows as a state; an unknown message is of a newer server
                pass

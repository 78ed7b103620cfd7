"""One dialogue as `ClientSession` sees it: what to write, what to hand out, how it ended.

This is `ClientConnection` with the bookkeeping of one connection. It does no I/O. After sending and
receiving: write what `take_outgoing` returns. After receiving also take messages and states.
"""

from __future__ import annotations

import logging
from collections import deque
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
from scribewire.errors import BROKEN, CloseCode
from scribewire.protocol.dialogue import Close
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.resuming import Position
from scribewire.protocol.scriptix.client import ClientConnection
from scribewire.protocol.scriptix.client_events import (
    ClientEvent,
    ConnectionFailed,
    Disconnected,
    StateChanged,
)
from scribewire.protocol.scriptix.messages import (
    AudioAcknowledged,
    ErrorMessage,
    Listening,
    ShuttingDown,
    Stopped,
)
from scribewire.protocol.scriptix.states import ConnectionState

Message: TypeAlias = PartialResult | FinalResult | ShuttingDown
"""What iterating over a client gives."""


_MAX_UNDELIVERED = 16  # one at a time once it is listening; before, only `ShuttingDown` can come

_log = logging.getLogger("scribewire.client")


class ClientDialogue:
    """Say what a client may say, and remember what it was told."""

    def __init__(self, opening: Opening, *, now: float) -> None:
        self._opening = opening
        self._connection = ClientConnection(
            now=now,
            endpoint=opening.endpoint,
            listening_timeout_ms=round(opening.timeout_s * 1000),
        )
        self._states = [self._connection.state]  # that nobody has taken
        self._messages: deque[Message] = deque(maxlen=_MAX_UNDELIVERED)
        self._session_id: str | None = None  # set once the server is listening
        self._position: Position | None = None  # the same, where the session can be resumed
        self._received = AudioAcknowledged(0, 0)  # as told last
        self._is_going_down = False
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
    def position(self) -> Position | None:
        """Where the session was when the server began to listen; None if it cannot be resumed."""
        return self._position

    @property
    def received(self) -> AudioAcknowledged:
        """What has come of the session's audio, as the server has told last."""
        return self._received

    @property
    def is_going_down(self) -> bool:
        """Whether the server has said so."""
        return self._is_going_down

    @property
    def ending(self) -> Ending:
        """What is known about how it ends."""
        return self._ending

    @property
    def is_open(self) -> bool:
        """Whether what is sent may still mean anything."""
        ending = self._ending
        is_over = ending.has_left or ending.has_stopped or ending.violation is not None
        return not (is_over or self._has_ended)

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

    def take_states(self) -> list[ConnectionState]:
        """Return the states that have been reached since this was asked last."""
        states, self._states = self._states, []
        return states

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

    def note_asked(self) -> None:
        """Take note that the user wants the end, which is not asked for yet on this connection."""
        self._ending = replace(self._ending, has_asked=True)

    def send_stop(self) -> None:
        """Ask for the remaining finals."""
        self.note_asked()
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

    def _take_events(self) -> None:
        while (event := self._connection.next_event()) is not None:
            self._accept(event)

    def _accept(self, event: ClientEvent) -> None:
        match event:
            case PartialResult() if not self._opening.wishes.partials:
                pass  # stream mode has no `start` in which to decline them
            case PartialResult() | FinalResult() | ShuttingDown():
                self._is_going_down |= isinstance(event, ShuttingDown)
                self._messages.append(event)
            case Listening() | AudioAcknowledged():
                self._note_progress(event)
            case ErrorMessage(error):
                _log.warning("%s ! %s", self._session_id or "-", error)
                self._ending = replace(self._ending, error=error)
            case Stopped():
                self._ending = replace(self._ending, has_stopped=True)
                self._connection.send_close()
            case StateChanged(state):
                _log.debug("%s = %s", self._session_id or "-", state.value)
                self._states.append(state)
            case ConnectionFailed(reason):
                self._ending = replace(self._ending, violation=reason)
            case Disconnected(code, reason):
                _log.debug("%s x closed %d %s", self._session_id or "-", code, reason)
                self._note_close(code, reason)
            case _:  # `Loading` shows as a state; an unknown message is of a newer server
                pass

    def _note_progress(self, told: Listening | AudioAcknowledged) -> None:
        if isinstance(told, AudioAcknowledged):
            self._received = told
        elif self._session_id is None:  # in stream mode it may come again
            self._session_id, self._position = told.session_id, told.position
            if told.position is not None:  # what may be asked for again it does not tell
                self._received = AudioAcknowledged(told.position.received_bytes, 0)

    def _note_close(self, code: int, reason: str) -> None:
        has_stopped = self._ending.has_stopped and not self._ending.has_asked
        # Who has lost its connection meanwhile, or answers `stopped` at once, may be told 1000.
        if has_stopped and not self._opening.is_stream and code == CloseCode.NORMAL:
            code = CloseCode.RESTART  # it stopped by itself, and there may be more audio
        self._ending = replace(self._ending, code=code, reason=reason)
        self._has_ended = True

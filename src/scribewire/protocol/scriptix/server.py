"""The server's side of this dialect, from the accepted handshake to the close: a `Dialogue`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scribewire.errors import BROKEN, ClientFault, CloseCode
from scribewire.events import Final, Partial, SpeechStarted, TranscriptEvent
from scribewire.protocol.dialogue import (
    AudioEnded,
    AudioReceived,
    ClientLost,
    Close,
    DialogueEvent,
    ProtocolMisuseError,
    SessionAborted,
    SessionStarted,
)
from scribewire.protocol.pending import Pending
from scribewire.protocol.policy import ServerPolicy
from scribewire.protocol.quoting import shorten
from scribewire.protocol.results import ResultMessage, ResultShape, as_result
from scribewire.protocol.resuming import Position
from scribewire.protocol.scriptix.client_inputs import (
    AUDIO_BEFORE_POSITION,
    INPUTS,
    TIMEOUTS,
    VIOLATIONS,
)
from scribewire.protocol.scriptix.codec import parse_client, serialise_server
from scribewire.protocol.scriptix.endpoint import MICROPHONE
from scribewire.protocol.scriptix.handshake import Handshake
from scribewire.protocol.scriptix.messages import (
    Audio,
    AudioAcknowledged,
    ClientMessage,
    ErrorMessage,
    Listening,
    Loading,
    ServerMessage,
    ShuttingDown,
    Start,
    Stop,
    Stopped,
    UnknownAction,
)
from scribewire.protocol.scriptix.parameters import with_start
from scribewire.protocol.scriptix.states import (
    DialogueState,
    Input,
    first_state,
    is_listened_to,
    is_over,
    next_state,
)
from scribewire.protocol.strict_json import Fields
from scribewire.wishes import Wishes

_LEAVING = (CloseCode.NORMAL, CloseCode.GOING_AWAY)  # of a client that does not come back

_CUT_OFF = "the server goes down and waits no longer: connect again"


@dataclass(frozen=True, slots=True)
class _Ending:
    close: Close
    farewell: Stopped | ErrorMessage | None  # goes out before it; None: an error was told already


class ServerConnection:
    """Judge what a client sends, and put in order what it is sent."""

    def __init__(
        self,
        handshake: Handshake,
        policy: ServerPolicy,
        *,
        session_id: str,
        now: float,
        shape: ResultShape | None = None,
    ) -> None:
        self.fault: ClientFault | None = None
        """The one of the client that it has ended or ends for."""
        self._handshake = handshake
        self._shape = shape or handshake.endpoint.shape
        self._policy = policy
        self._session_id = session_id
        self._state = first_state(is_stream=self._is_stream)
        self._wishes: Wishes | None = None  # set once `start` has been accepted
        self._ending = _Ending(Close(CloseCode.NORMAL), Stopped())  # once it is flushed
        self._last_partial: Fields = {}  # as sent but for its offset; empty after a final
        self._is_resumable = handshake.come_back is not None  # else once it is told a position
        self._start_deadline = now + policy.start_timeout_ms / 1000
        self._events: Pending[DialogueEvent] = Pending("next_event")
        self._outgoing: Pending[str | Close] = Pending("next_outgoing")
        self._check_handshake()

    @property
    def state(self) -> DialogueState:
        """How far the dialogue has come, for logs and tests."""
        return self._state

    @property
    def is_over(self) -> bool:
        """Whether the last message has been put out, or the client is gone."""
        return is_over(self._state)

    @property
    def timer_at(self) -> float | None:
        """When to call `handle_timer`, on the clock of `now`; None for never."""
        return self._start_deadline if self._state in TIMEOUTS else None

    # What happened. After each of these: take outgoing messages and events.

    def receive_text(self, text: str) -> None:
        """Take a text message of the client."""
        self._receive(text)

    def receive_bytes(self, data: bytes) -> None:
        """Take a binary message of the client."""
        self._receive(data)

    def receive_disconnect(self, code: int = BROKEN) -> None:
        """Take note that the client is gone, with this close or without; nothing goes out after."""
        was_running = self._wishes is not None and not is_over(self._state)
        self._state = DialogueState.CLOSED
        self._outgoing.drop_all()
        if was_running:
            may_come_back = self._is_resumable and code not in _LEAVING
            self._events.add(ClientLost() if may_come_back else SessionAborted())

    def handle_timer(self, now: float) -> None:
        """Take note of the time; calling early or often does no harm."""
        if self.timer_at is None or now < self.timer_at:
            return
        seconds = self._policy.start_timeout_ms / 1000
        self.reject(ClientFault(TIMEOUTS[self._state].format(seconds=seconds)))

    # What to send. Once the dialogue is over these do nothing, so that work in flight may end.

    def send_loading(self) -> None:
        """Tell the client that its model is being loaded, or that its source is opened again.

        Owed next: `send_listening`. The first one of stream mode goes out by itself.
        """
        self._send(Input.SERVER_LOADING, Loading())

    def send_listening(self, position: Position | None = None) -> None:
        """Tell the client that audio is received; results may be sent from now on.

        With a position the session can be resumed from now on.
        """
        self._is_resumable = position is not None
        self._send(Input.SERVER_LISTENING, Listening(self._session_id, position))

    def send_received(self, received_bytes: int, replay_from_bytes: int) -> None:
        """Tell the client how much audio has come, while it is listened to."""
        if is_listened_to(self._state):
            received = AudioAcknowledged(received_bytes, replay_from_bytes)
            self._outgoing.add(serialise_server(received, self._shape))

    def send_result(self, event: TranscriptEvent, number: int | None = None) -> None:
        """Send what was recognized, unless it is a partial that is not wanted or brings no news.

        `number` is that of a final of a session that can be resumed.
        """
        match event:
            case Partial():
                self._send_partial(as_result(event))
            case Final():
                self._send(Input.SERVER_RESULT, as_result(event, number))
                self._last_partial = {}
            case SpeechStarted():
                pass  # this dialect has no message for it

    def announce_shutdown(self, at: int, *, can_resume: bool = False) -> None:
        """Tell the client that the server goes down, at the latest then, in Unix seconds.

        `can_resume`: another server can go on with its session from now on. Owed next, now or when
        the time has come: `end_session`.
        """
        is_told = can_resume and self._is_resumable
        self._send(Input.SERVER_SHUTTING_DOWN, ShuttingDown(at, is_told))

    # How to end.

    def reject(self, fault: ClientFault) -> None:
        """End the session for a fault of the client, found here or by another layer.

        The error message goes out at once. If audio was being received, `AudioEnded` follows, and
        the close waits for `finish`. Only the first fault is told.
        """
        if is_over(self._state) or not isinstance(self._ending.farewell, Stopped):
            return
        self.fault = fault
        self._send(Input.SERVER_ERROR, ErrorMessage(fault.message))
        self._ending = _Ending(Close.for_fault(fault), farewell=None)
        self._end_audio(Input.CLIENT_FAULT)

    def fail_source(self, fault: ClientFault) -> None:
        """End the session because its source cannot be read; stream mode only.

        `AudioEnded` follows. The error message and the close, with the fault's code, wait for
        `finish`, so that the finals of what was received come first. A session that is ending
        already ends as it would have.
        """
        if is_listened_to(self._state):
            close = Close.for_fault(fault)
            self._ending = _Ending(close, ErrorMessage(fault.message))
            self._end_audio(Input.SERVER_END)

    def end_session(self, close_code: CloseCode) -> None:
        """End the session without a fault of the client, as if `stop` had come.

        That is a shutdown or, with 1000, the end of a finite source.

        `AudioEnded` follows if a session was started; after `finish` the close has this code.
        A session that is ending already ends as it would have.
        """
        if is_listened_to(self._state):
            self._ending = _Ending(Close(close_code), Stopped())
            self._end_audio(Input.SERVER_END)

    def cut_off(self, close_code: CloseCode, *, at: int) -> None:
        """Close without the finals, because the server goes down and waits no longer.

        The client is told the time again, which is now, in Unix seconds. `SessionAborted` follows
        if a session was started.
        """
        if not is_over(self._state):
            self.announce_shutdown(at)
            self._abort(Close.because(close_code, _CUT_OFF))

    def finish(self) -> None:
        """Close, with `stopped` or what failed; call it when all finals have been sent.

        Only after `AudioEnded`; sooner is a `ProtocolMisuseError`.
        """
        if is_over(self._state):
            return
        if self._state is not DialogueState.FLUSHING:
            raise ProtocolMisuseError("finish before `AudioEnded`: call end_session first")
        match self._ending.farewell:
            case Stopped() as stopped:
                self._send(Input.SERVER_STOPPED, stopped)
            case ErrorMessage() as error:
                self._send(Input.SERVER_ERROR, error)
        self._close(self._ending.close)

    def turn_away(self, message: str, close_code: CloseCode) -> None:
        """Refuse the session that has just been asked for: error message and close, at once.

        With 1013 the client may come again. No event follows.
        """
        self._give_up(close_code, message)

    def fail(self, message: str) -> None:
        """Give up for a fault of ours: error message, close 1011, both at once.

        The client reads `message`, so it must hold no internals. No event follows.
        """
        self._give_up(CloseCode.SERVER_FAULT, message)

    # What came of it.

    def next_event(self) -> DialogueEvent | None:
        """Return the next fact to act on, or None."""
        return self._events.take()

    def next_outgoing(self) -> str | Close | None:
        """Return the next message to write, or None; nothing follows a `Close`."""
        return self._outgoing.take()

    # The handshake.

    @property
    def _is_stream(self) -> bool:
        return self._handshake.endpoint.is_stream

    def _check_handshake(self) -> None:
        """Report at once what `start` could not mend; stream mode begins here, or not at all."""
        try:
            if self._handshake.fault is not None:
                self.reject(self._handshake.fault)
            elif self._is_stream:
                self._begin_stream()
            else:
                self._policy.settle_languages(self._handshake.wishes)
        except ClientFault as fault:
            self.reject(fault)

    def _begin_stream(self) -> None:
        """Start the session without a `start`, or raise `ClientFault`."""
        if not self._policy.serves_streams:
            raise ClientFault(
                f"stream mode: not served here; push audio to {MICROPHONE.path} instead"
            )
        if not self._handshake.keys:
            raise ClientFault("missing token: expected a key in the path or in a header")
        self._events.add(self._begin(Start()))
        self.send_loading()

    # Receiving.

    def _receive(self, message: str | bytes) -> None:
        if not is_listened_to(self._state):
            return
        try:
            self._accept(parse_client(message))
        except ClientFault as fault:
            if fault.close_code is CloseCode.MESSAGE_TOO_BIG:
                self._abort(Close.for_fault(fault))
            else:
                self.reject(fault)

    def _accept(self, message: ClientMessage) -> None:
        given = INPUTS[type(message)]
        awaits_position = self._handshake.come_back and self._state is DialogueState.STARTING
        if awaits_position and given is Input.CLIENT_AUDIO:
            raise ClientFault(AUDIO_BEFORE_POSITION)
        if next_state(self._state, given) is None:
            raise ClientFault(VIOLATIONS[self._state, given])
        match message:
            case Start():
                if not self._is_stream:
                    self._events.add(self._begin(message))
                self._advance(given)
            case Audio(pcm):
                self._advance(given)
                if pcm:
                    self._events.add(AudioReceived(pcm))
            case Stop():
                self._end_audio(given)
            case UnknownAction(action):
                self._advance(given)
                error = f'action "{shorten(action)}": expected "start" or "stop"'
                self._send(Input.SERVER_ERROR, ErrorMessage(error))

    def _begin(self, start: Start) -> SessionStarted:
        """Accept a `start`, or raise `ClientFault` about its key or its language."""
        key = start.key or next(iter(self._handshake.keys), "")
        if not key:
            raise ClientFault(
                "missing token: expected a key in the query (`token`), a header, or `start` (`key`)"
            )
        place = "in `start`" if start.key else "given with the request"
        asked = with_start(self._handshake.wishes, start.wishes)
        wishes, grant = self._policy.grant(asked, key, place)
        self._wishes = wishes  # last: what is rejected has not begun, so nothing of it can end
        return SessionStarted(wishes, grant=grant)

    # Sending and ending.

    def _send_partial(self, partial: ResultMessage) -> None:
        if self._wishes is not None and not self._wishes.partials:
            return
        shown = self._shape.write(replace(partial, offset_ms=0))
        if shown != self._last_partial:
            self._send(Input.SERVER_RESULT, partial)
            self._last_partial = shown

    def _send(self, given: Input, message: ServerMessage) -> None:
        if is_over(self._state):
            return
        self._advance(given)
        self._outgoing.add(serialise_server(message, self._shape))

    def _end_audio(self, given: Input) -> None:
        """Start to flush; with nothing received, the flush is over at once."""
        had_ended = self._state is DialogueState.FLUSHING
        self._advance(given)
        if had_ended:
            return
        if self._wishes is None:
            self.finish()
        else:
            self._events.add(AudioEnded())

    def _give_up(self, code: CloseCode, message: str) -> None:
        if is_over(self._state):
            return
        self._send(Input.SERVER_ERROR, ErrorMessage(message))
        self._close(Close.because(code, message))

    def _abort(self, close: Close) -> None:
        """Close without an error message and without the finals."""
        self._close(close)
        if self._wishes is not None:
            self._events.add(SessionAborted())

    def _close(self, close: Close) -> None:
        self._advance(Input.SERVER_CLOSE)
        self._outgoing.add(close)

    def _advance(self, given: Input) -> None:
        following = next_state(self._state, given)
        if following is None:
            raise ProtocolMisuseError(f"{given.value} while {self._state.value}")
        self._state = following

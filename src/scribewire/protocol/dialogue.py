"""What every dialect offers to a server's shell: a `Dialogue`, the facts it tells, the close.

The shell is mechanical. After every call it takes what there is: `next_outgoing` until None,
writing each; `next_event` until None, acting on each; and it arms one timer for `timer_at`. When
`next_outgoing` returns a `Close`, the shell closes with it and reads no more. It must not read
faster than it can act: not reading is the back-pressure.

Events come in this order: `SessionStarted`, any number of `AudioReceived` and `BreakAsked`, then
`AudioEnded`; `SessionAborted` or `ClientLost` may come at any point after the first and is then
the last. A dialogue that fails before its session has started has none.

Where the server pulls the audio there is no `AudioReceived`. The shell calls `send_listening` once
audio is being read, `send_loading` when a source was lost and `send_listening` when it is read
again, and at its end `end_session(CloseCode.NORMAL)` or `fail_source`. From `AudioEnded` on it
pulls no more, whoever has ended the session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from scribewire.errors import BROKEN
from scribewire.grants import NO_LIMITS, Grant
from scribewire.wishes import Wishes

if TYPE_CHECKING:
    from scribewire.errors import ClientFault, CloseCode
    from scribewire.events import TranscriptEvent
    from scribewire.protocol.policy import ServerPolicy
    from scribewire.protocol.resuming import ComeBack, Position

MAX_REASON_BYTES = 123  # RFC 6455: a control frame carries 125 bytes, the close code takes two

AudioFormat = Literal["pcm"]
"""What bytes follow. `pcm`: signed 16-bit little-endian, 16 kHz, mono; a WAV header may come first,
and then says it otherwise, or a recording comes instead, which is known by its first bytes."""


class ProtocolMisuseError(RuntimeError):
    """Our own code called a connection when it must not; a bug on this side of the wire."""


@dataclass(frozen=True, slots=True)
class Close:
    """The WebSocket close to send; nothing is sent after it."""

    code: int
    """Most often a `CloseCode`."""
    reason: str = ""
    """At most `MAX_REASON_BYTES` of UTF-8."""
    logged: str | None = field(default=None, compare=False)
    """What a log has instead of the reason, where that quotes the client."""

    @classmethod
    def because(cls, code: int, message: str, *, logged: str | None = None) -> Close:
        """Close with as much of the message as fits into a close frame."""
        encoded = message.encode("utf-8", "replace")[:MAX_REASON_BYTES]
        return cls(code, encoded.decode("utf-8", "ignore"), logged)

    @classmethod
    def for_fault(cls, fault: ClientFault) -> Close:
        """Close because of what the client, or its source, has done."""
        return cls.because(fault.close_code, fault.message, logged=fault.logged)


# What a dialogue tells.


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The client may be served: make ready to recognize, then call `send_listening`.

    With a `url` in the wishes: open the source as well, before `send_listening`.
    """

    wishes: Wishes
    """What is asked for; the language is one of the policy's."""
    audio_format: AudioFormat = "pcm"
    """Of every `AudioReceived`."""
    grant: Grant = field(default=NO_LIMITS, compare=False)
    """What comes with the key that it was asked for with; the wishes are within it."""


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """The next chunk of the stream has come."""

    pcm: bytes
    """Never empty; may hold a part of a sample, and at first a part of a WAV header."""


@dataclass(frozen=True, slots=True)
class BreakAsked:
    """What was said until now is complete: end the utterance, and go on."""


@dataclass(frozen=True, slots=True)
class AudioEnded:
    """No more audio is wanted: send the finals of what was received, then call `finish`."""


@dataclass(frozen=True, slots=True)
class SessionAborted:
    """Nobody is there to hear a result: drop everything."""


@dataclass(frozen=True, slots=True)
class ClientLost:
    """The client is gone and may come back to its session; nothing more goes out here."""


DialogueEvent: TypeAlias = (
    SessionStarted | AudioReceived | BreakAsked | AudioEnded | SessionAborted | ClientLost
)


class Dialogue(Protocol):
    """Judge what a client sends, and put in order what it is sent."""

    @property
    def is_over(self) -> bool:
        """Whether the last message has been put out, or the client is gone."""

    @property
    def fault(self) -> ClientFault | None:
        """Why it has ended or ends, if that is a fault of the client."""

    @property
    def timer_at(self) -> float | None:
        """When to call `handle_timer`, on the clock of `now`; None for never."""

    # What happened. After each of these: take outgoing messages and events.

    def receive_text(self, text: str) -> None:
        """Take a text message of the client."""

    def receive_bytes(self, data: bytes) -> None:
        """Take a binary message of the client."""

    def receive_disconnect(self, code: int = BROKEN) -> None:
        """Take note that the client is gone, with this close or without; nothing goes out after."""

    def handle_timer(self, now: float) -> None:
        """Take note of the time; calling early or often does no harm."""

    # What to send. Once the dialogue is over these do nothing, so that work in flight may end.

    def send_loading(self) -> None:
        """Tell the client that its model is being loaded, or that its source is opened again."""

    def send_listening(self, position: Position | None = None) -> None:
        """Tell the client that audio is received; results may be sent from now on.

        With a position the session can be resumed from now on.
        """

    def send_received(self, received_bytes: int, replay_from_bytes: int) -> None:
        """Tell the client how much audio has come, in a session that can be resumed."""

    def send_result(self, event: TranscriptEvent, number: int | None = None) -> None:
        """Send what was recognized, as far as the client wants it and has not just seen it.

        `number` is that of a final of a session that can be resumed.
        """

    def announce_shutdown(self, at: int, *, can_resume: bool = False) -> None:
        """Tell the client that the server goes down, at the latest then, in Unix seconds.

        `can_resume`: another server can go on with its session from now on.
        """

    # How to end.

    def reject(self, fault: ClientFault) -> None:
        """End the session for a fault of the client; `AudioEnded` follows if it had begun."""

    def fail_source(self, fault: ClientFault) -> None:
        """End the session because its source cannot be read; `AudioEnded` follows."""

    def end_session(self, close_code: CloseCode) -> None:
        """End the session without a fault of the client; `AudioEnded` follows if it had begun."""

    def cut_off(self, close_code: CloseCode, *, at: int) -> None:
        """Close at once, without the finals, because the server goes down now, in Unix seconds."""

    def finish(self) -> None:
        """Close; call it after `AudioEnded`, when all finals have been sent."""

    def turn_away(self, message: str, close_code: CloseCode) -> None:
        """Close at once, because the session that has just been asked for is not to be had."""

    def fail(self, message: str) -> None:
        """Give up at once for a fault of ours. The client reads the message: no internals."""

    # What came of it.

    def next_event(self) -> DialogueEvent | None:
        """Return the next fact to act on, or None."""

    def next_outgoing(self) -> str | bytes | Close | None:
        """Return the next message to write, or None; nothing follows a `Close`."""


# How a dialogue begins.


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningRequest:
    """The request that opens a WebSocket, as the dialect of its path has read it."""

    path: str
    """Of the dialect, without what is secret in it, for a log."""
    keys: tuple[str, ...] = field(repr=False)
    """Every different key given with it, unjudged: `policy.refuse_keys` does that."""
    subprotocols: tuple[str, ...] = field(default=(), repr=False)
    """Those offered that may be answered, the best first: `policy.choose_subprotocol` does that."""
    wishes: Wishes
    """What it asks for; a first message may ask for more."""
    is_resumable: bool = False
    """Whether it asks for a session that can be resumed."""
    come_back: ComeBack | None = None
    """Which session it wants to go on with; None for a new one."""
    unknown_parameters: tuple[str, ...] = ()
    """Names that were ignored, shortened; a key may stand there by mistake."""
    begin: Callable[[ServerPolicy, str, float], Dialogue]
    """Called with the policy, the session's name and the time once the request was accepted."""


class Dialect(Protocol):
    """One way to talk, at one path."""

    @property
    def path(self) -> str:
        """Where it is spoken; what follows the path is its own business."""

    @property
    def usage(self) -> str:
        """The address to connect to, for a person to read; `KEY` stands for a key."""

    def read_request(
        self, path: str, query: str, headers: Iterable[tuple[str, str]]
    ) -> OpeningRequest | None:
        """Read an opening request; None if its path is another's.

        `path` has been percent-decoded, as ASGI does; `query` has not, and has no question mark.
        """

"""Every message of the wire, as a value.

What a client may send is in `ClientMessage`, what a server may send in `ServerMessage`; how they
are written is the business of `codec` and `legacy`, when they are legal that of `states`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from scribewire.types import Word

MAX_REASON_BYTES = 123  # RFC 6455: a control frame carries 125 bytes, the close code takes two


# From the client.


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Open recognition."""

    key: str | None = field(default=None, repr=False)
    """A key given here, besides or instead of one in the handshake; never shown."""
    partial: bool = True
    """False: send finals only."""
    actual_numbers: bool = False
    """True: write numbers as digits instead of words."""


@dataclass(frozen=True, slots=True)
class Audio:
    """Some audio, cut anywhere, even inside a sample."""

    pcm: bytes
    """Signed 16-bit little-endian, 16 kHz, mono; the first may begin with a WAV header."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask for every final of the audio sent so far, then the end."""


@dataclass(frozen=True, slots=True)
class UnknownAction:
    """An object whose action this server does not know; the session goes on."""

    action: str
    """As sent; empty when missing, and described in words when it was no string."""


ClientMessage: TypeAlias = Start | Audio | Stop | UnknownAction


# From the server.


@dataclass(frozen=True, slots=True)
class Loading:
    """A model is still being loaded; `Listening` will follow."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The server is ready for audio."""

    session_id: str
    """32 hexadecimal digits that name the session in the server's log; empty if not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialResult:
    """The present guess at an utterance; replaces the previous partial of the same one."""

    text: str
    """Punctuated and cased."""
    offset_ms: int
    """How far into the stream this result has heard."""
    stability: float | None = None
    """Probability that the final will begin with this text; None when it was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalResult:
    """The text of an utterance, which never changes."""

    text: str
    """Punctuated and cased; empty takes back what partials of the utterance have shown."""
    offset_ms: int
    """How far into the stream this result has heard."""
    words: tuple[Word, ...] | None = None
    """The words of `text` in order; None when they were not measured."""
    speaker: str | None = None
    """`Speaker N`; None when diarization is off or undecided."""


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """What was wrong, what was expected, what to do; a close usually follows."""

    error: str
    """For a person to read."""


@dataclass(frozen=True, slots=True)
class ShuttingDown:
    """The server is going to shut down; the session goes on meanwhile."""

    at: int
    """When, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The last final has been sent; the close follows."""


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of a newer server, to be ignored."""

    raw: str
    """The whole text."""


ServerMessage: TypeAlias = (
    Loading
    | Listening
    | PartialResult
    | FinalResult
    | ErrorMessage
    | ShuttingDown
    | Stopped
    | UnknownMessage
)


# From either side.


@dataclass(frozen=True, slots=True)
class Close:
    """The WebSocket close to send; nothing is sent after it."""

    code: int
    """Most often a `CloseCode`."""
    reason: str = ""
    """At most `MAX_REASON_BYTES` of UTF-8."""

    @classmethod
    def because(cls, code: int, message: str) -> Close:
        """Close with as much of the message as fits into a close frame."""
        encoded = message.encode("utf-8", "replace")[:MAX_REASON_BYTES]
        return cls(code, encoded.decode("utf-8", "ignore"))

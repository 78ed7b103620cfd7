"""Every message of the wire, as a value.

What a client may send is in `ClientMessage`, what a server may send in `ServerMessage`; how they
are written is the business of `codec` and of the shape of results, when they are legal that of
`states`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.resuming import Position
from scribewire.wishes import USUAL, Wishes

# From the client.


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Open recognition."""

    key: str | None = field(default=None, repr=False)
    """A key given here, besides or instead of one in the handshake; never shown."""
    wishes: Wishes = USUAL
    """Of these, those that `start` can ask for; what it cannot is as usual."""


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
    position: Position | None = None
    """How far it has come; None where it cannot be resumed."""


@dataclass(frozen=True, slots=True)
class AudioAcknowledged:
    """Audio has come, in a session that can be resumed."""

    received_bytes: int
    """Of audio, over all connections of the session."""
    replay_from_bytes: int
    """No audio before this will be asked for again."""


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """What was wrong, what was expected, what to do; a close usually follows."""

    error: str
    """For a person to read."""


@dataclass(frozen=True, slots=True)
class ShuttingDown:
    """The server goes down; the session ends with what it owes, at once or until then."""

    at: int
    """When what has not ended is cut off, in Unix seconds."""
    can_resume: bool = False
    """Whether the session goes on at another server, for who comes back to it from now on."""


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
    | AudioAcknowledged
    | PartialResult
    | FinalResult
    | ErrorMessage
    | ShuttingDown
    | Stopped
    | UnknownMessage
)

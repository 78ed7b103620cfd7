"""Facts that a connection tells its shell.

From a server's connection they come in this order: `SessionStarted`, any number of
`AudioReceived`, then `AudioEnded`; `SessionAborted` may come at any point after the first and is
then the last. A dialogue that fails before `start` has none. In stream mode `SessionStarted` comes
by itself, and there is no `AudioReceived`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from scribewire.protocol.handshake import Pace
from scribewire.protocol.messages import ServerMessage, Start
from scribewire.protocol.states import ConnectionState
from scribewire.types import Mode

# From a server's connection.


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """A valid `start` has come: make ready to recognize, then call `send_listening`.

    In stream mode a valid handshake is enough: open the source as well, before `send_listening`.
    """

    start: Start
    """As sent, with its key judged valid if it has one; all defaults in stream mode."""
    mode: Mode
    """Earliest finals or best ones."""
    language: str
    """One of the policy's languages."""
    endpointing_ms: int | None
    """Silence that ends an utterance; None leaves it to the mode."""
    diarize: bool
    """Whether to tell speakers apart."""
    url: str | None = field(default=None, repr=False)
    """Where to pull the audio from, None for pushed audio; not shown, it may hold credentials."""
    pace: Pace = "fast"
    """How quickly a finite source is read."""


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """The next chunk of the stream has come."""

    pcm: bytes
    """Never empty; may hold a part of a sample, and at first a part of a WAV header."""


@dataclass(frozen=True, slots=True)
class AudioEnded:
    """No more audio is wanted: send the finals of what was heard, then call `finish`."""


@dataclass(frozen=True, slots=True)
class SessionAborted:
    """Nobody is there to hear a result: drop everything."""


ServerEvent: TypeAlias = SessionStarted | AudioReceived | AudioEnded | SessionAborted


# From a client's connection; besides these it hands out every message of the server.


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The state to show has changed."""

    state: ConnectionState
    """The new one."""


@dataclass(frozen=True, slots=True)
class ConnectionFailed:
    """The server broke the protocol or did not answer in time; we are closing."""

    reason: str
    """For a person to read."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone; no event follows."""

    code: int
    """The WebSocket close code; 1006 when there was no close."""
    reason: str
    """As the server gave it, often empty."""


ClientEvent: TypeAlias = ServerMessage | StateChanged | ConnectionFailed | Disconnected

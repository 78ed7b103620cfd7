"""Facts that a connection tells its shell.

From a server's connection they come in this order: `SessionStarted`, any number of
`AudioReceived`, then `AudioEnded`; `SessionAborted` may come at any point after the first and is
then the last. A dialogue that fails before `start` has none. In stream mode `SessionStarted` comes
by itself, and there is no `AudioReceived`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from scribewire.wishes import Wishes

MAX_REASON_BYTES = 123  # RFC 6455: a control frame carries 125 bytes, the close code takes two


class ProtocolMisuseError(RuntimeError):
    """Our own code called a connection when it must not; a bug on this side of the wire."""


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


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A valid `start` has come: make ready to recognize, then call `send_listening`.

    In stream mode a valid handshake is enough: open the source as well, before `send_listening`.
    """

    wishes: Wishes
    """What is asked for; the language is one of the policy's."""


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

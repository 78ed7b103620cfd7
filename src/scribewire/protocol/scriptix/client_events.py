"""Facts that a client's connection tells its shell, besides every message of the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from scribewire.protocol.scriptix.messages import ServerMessage
from scribewire.protocol.scriptix.states import ConnectionState


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

"""Whose fault: the two errors that may cross a layer.

A `ClientFault` carries words for the client; a `ServerFault` carries words for our log. The
caller never has to guess which of them to show to whom.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class CloseCode(IntEnum):
    """WebSocket close codes that a server of this protocol gives (RFC 6455, section 7.4.1)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    NO_WEBSOCKET = 1002
    """What came is no frame as RFC 6455 has it."""
    INVALID_DATA = 1007
    """Text that is not UTF-8."""
    CLIENT_FAULT = 1008
    MESSAGE_TOO_BIG = 1009
    SERVER_FAULT = 1011
    RESTART = 1012
    TRY_AGAIN_LATER = 1013
    RESUMED_ELSEWHERE = 4409
    """Another connection goes on with the session."""
    CANNOT_RESUME = 4410
    """The session that was asked for cannot be gone on with: begin a new one."""


BROKEN: Final = 1006
"""The close code that stands for no close, and is never sent (RFC 6455, section 7.1.5)."""


class ScribewireError(Exception):
    """The root of every error that this package raises on purpose."""


class ClientFault(ScribewireError):
    """The client did something it may not; `message` is written for it.

    The message says what was wrong, what was expected, and what to do. Where it quotes what the
    client has sent, `logged` is the same without that: a key may stand there by mistake.
    """

    def __init__(
        self,
        message: str,
        close_code: CloseCode = CloseCode.CLIENT_FAULT,
        *,
        logged: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.close_code = close_code
        self.logged = message if logged is None else logged


class ServerFault(ScribewireError):
    """We cannot do what was rightly asked; the message is for our log, not for the client."""


class BusyFault(ServerFault):
    """One more session cannot be carried now; the message is written for the client."""


class ModelFault(ServerFault):
    """A model file is missing, changed or unreadable; the message names file and remedy."""

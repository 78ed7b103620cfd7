"""Everything that can go wrong for a client, by what its user can do about it."""

from __future__ import annotations

from http import HTTPStatus

from scribewire.errors import CloseCode, ScribewireError
from scribewire.protocol.scriptix.states import ConnectionState


class ClientError(ScribewireError):
    """The root of what the client raises; the message says what happened and what to do."""


class MissingTokenError(ClientError):
    """No key was given; nothing was sent."""

    def __init__(self) -> None:
        super().__init__("missing token: expected a key of this server; pass it as `key`")


class MissingUrlError(ClientError):
    """Stream mode was asked for without the address of a stream; nothing was sent."""

    def __init__(self) -> None:
        super().__init__(
            "missing stream URL: expected the http:// or https:// address of the audio; "
            "pass it as `url`, or leave `url` out to send the audio yourself"
        )


class StreamModeError(ClientError):
    """Audio was sent to a session whose audio the server fetches; the session goes on."""

    def __init__(self) -> None:
        super().__init__(
            "send_audio in stream mode: the server fetches the audio from `url`; "
            "connect without `url` to send it"
        )


class UnreachableError(ClientError):
    """No server of ours answered at the address."""


class RefusedError(ClientError):
    """The server, or a proxy in front of it, answered and refused the connection."""

    def __init__(self, status: int, error: str, retry_after_s: int | None = None) -> None:
        again = "" if retry_after_s is None else f"; try again in {retry_after_s} s"
        super().__init__(f"refused with HTTP {status}: {error or _phrase(status)}{again}")
        self.status = status
        """The HTTP status code."""
        self.error = error
        """The server's words; empty when it gave none."""
        self.retry_after_s = retry_after_s
        """When to try again; None when the server did not say."""


class ConnectTimeoutError(ClientError):
    """The server was not listening in time."""

    def __init__(
        self, state: ConnectionState, timeout_s: float, *, is_stream: bool = False
    ) -> None:
        likely = "the stream can be played" if is_stream else "the server is overloaded"
        super().__init__(
            f"connection timeout: still {state.value} after {timeout_s:g} s; "
            f"see whether {likely}, or allow more with `timeout_s`"
        )
        self.state = state
        """How far the connection had come."""
        self.timeout_s = timeout_s
        """How long it was given."""


class SessionError(ClientError):
    """The server ended the session with an error; every final that it sent was delivered."""

    def __init__(self, error: str, code: int) -> None:
        super().__init__(error)
        self.error = error
        """The server's words."""
        self.code = code
        """The WebSocket close code: 1008 for our fault, 1011 for the server's or a lost stream."""


class ClosedError(ClientError):
    """The connection ended before we asked for it; every final that came was delivered."""

    def __init__(self, code: int, reason: str) -> None:
        told = f"{code} {reason}".rstrip()
        hint = _HINTS.get(code, "connect again to go on")
        super().__init__(f"connection closed ({told}): {hint}")
        self.code = code
        """The WebSocket close code; 1006 when the connection broke."""
        self.reason = reason
        """The server's words, often empty."""


class SessionLostError(ClientError):
    """The connection was lost, and the session could not be gone on with; what it had sent came."""

    def __init__(self, why: str, lost_ms: int | None) -> None:
        lost = "" if lost_ms is None else f"{lost_ms} ms of audio have no final; "
        super().__init__(f"session lost: {why}; {lost}connect again to begin a new one")
        self.lost_ms = lost_ms
        """How much of the audio that was handed over is in no final; None in stream mode."""


class ProtocolViolationError(ClientError):
    """The server sent what this protocol does not allow; it may be none of ours."""


_RESTARTING = "the server is restarting; connect again to go on"
_HINTS: dict[int, str] = {
    CloseCode.GOING_AWAY: _RESTARTING,
    1006: "the connection broke; connect again to go on",
    CloseCode.MESSAGE_TOO_BIG: "a message was over 1 MiB; send less at once",
    CloseCode.SERVER_FAULT: "the server failed; its log says why",
    CloseCode.RESTART: _RESTARTING,
    CloseCode.TRY_AGAIN_LATER: "the server is busy; connect again later",
}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason was given"

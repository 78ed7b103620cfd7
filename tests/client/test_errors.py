from __future__ import annotations

import pytest

from scribewire.client.errors import (
    ClientError,
    ClosedError,
    ConnectTimeoutError,
    MissingTokenError,
    MissingUrlError,
    ProtocolViolationError,
    RefusedError,
    SessionError,
    SessionLostError,
    StreamModeError,
    UnreachableError,
)
from scribewire.errors import ScribewireError
from scribewire.protocol.scriptix.states import ConnectionState

CASES: list[tuple[ClientError, str]] = [
    (
        MissingTokenError(),
        "missing token: expected a key of this server; pass it as `key`",
    ),
    (
        MissingUrlError(),
        (
            "missing stream URL: expected the http:// or https:// address of the audio; "
            "pass it as `url`, or leave `url` out to send the audio yourself"
        ),
    ),
    (
        StreamModeError(),
        (
            "send_audio in stream mode: the server fetches the audio from `url`; "
            "connect without `url` to send it"
        ),
    ),
    (
        ConnectTimeoutError(ConnectionState.LOADING, 15, is_stream=True),
        (
            "connection timeout: still loading after 15 s; "
            "see whether the stream can be played, or allow more with `timeout_s`"
        ),
    ),
    (
        UnreachableError("cannot reach it"),
        "cannot reach it",
    ),
    (
        RefusedError(401, "unknown token"),
        "refused with HTTP 401: unknown token",
    ),
    (
        RefusedError(429, "", 5),
        "refused with HTTP 429: Too Many Requests; try again in 5 s",
    ),
    (
        RefusedError(599, ""),
        "refused with HTTP 599: no reason was given",
    ),
    (
        ConnectTimeoutError(ConnectionState.LOADING, 2.5),
        (
            "connection timeout: still loading after 2.5 s; "
            "see whether the server is overloaded, or allow more with `timeout_s`"
        ),
    ),
    (
        SessionError("bad audio", 1008),
        "bad audio",
    ),
    (
        ClosedError(1006, ""),
        "connection closed (1006): the connection broke; connect again to go on",
    ),
    (
        ClosedError(1012, "update"),
        "connection closed (1012 update): the server is restarting; connect again to go on",
    ),
    (
        ClosedError(4000, ""),
        "connection closed (4000): connect again to go on",
    ),
    (
        SessionLostError("no such session", 1250),
        (
            "session lost: no such session; 1250 ms of audio have no final; "
            "connect again to begin a new one"
        ),
    ),
    (
        SessionLostError("no such session", None),
        "session lost: no such session; connect again to begin a new one",
    ),
    (
        ProtocolViolationError("the server sent garbage"),
        "the server sent garbage",
    ),
]


@pytest.mark.parametrize(("error", "expected"), CASES)
def test_an_error_says_what_happened_and_what_to_do(error: ClientError, expected: str) -> None:
    assert str(error) == expected
    assert isinstance(error, ScribewireError)


def test_errors_carry_what_a_program_decides_by() -> None:
    refused = RefusedError(429, "too many sessions", 5)
    timeout = ConnectTimeoutError(ConnectionState.LOADING, 15)
    session = SessionError("bad audio", 1008)
    closed = ClosedError(1012, "update")

    assert (refused.status, refused.error, refused.retry_after_s) == (429, "too many sessions", 5)
    assert (timeout.state, timeout.timeout_s) == (ConnectionState.LOADING, 15)
    assert (session.error, session.code) == ("bad audio", 1008)
    assert (closed.code, closed.reason) == (1012, "update")
    assert SessionLostError("no such session", 1250).lost_ms == 1250

from __future__ import annotations

import errno
import socket
import ssl

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage, InvalidStatus, ProxyError
from websockets.http11 import Response

from scribewire.client.errors import (
    ClientError,
    ClosedError,
    ConnectTimeoutError,
    ProtocolViolationError,
    RefusedError,
    SessionError,
    UnreachableError,
)
from scribewire.client.opening import Opening
from scribewire.client.outcome import Ending, explain_opening, failure_of
from scribewire.protocol.scriptix.endpoint import MICROPHONE
from scribewire.protocol.scriptix.states import ConnectionState

OPENING = Opening(
    url="ws://user:secret@captions.example:8000/v2/realtime",
    endpoint=MICROPHONE,
    key="key-1",
)

ENDINGS: list[tuple[Ending, ClientError | None]] = [
    (Ending(code=1000, has_asked=True, has_stopped=True), None),
    (Ending(code=1000, has_stopped=True), None),
    (Ending(code=1012, has_asked=True, has_stopped=True), None),
    (Ending(code=1006, has_asked=True, has_stopped=True), None),
    # A server that restarts has sent the finals, but its user wanted to go on.
    (Ending(code=1012, has_stopped=True, reason="update"), ClosedError(1012, "update")),
    (Ending(code=1000, has_asked=True), ClosedError(1000, "")),
    (Ending(code=1006, has_asked=True), ClosedError(1006, "")),
    (Ending(code=1008, error="bad audio"), SessionError("bad audio", 1008)),
    (Ending(code=1000, error="bad action", has_asked=True, has_stopped=True), None),
    (Ending(code=1012, error="bad action", has_stopped=True), ClosedError(1012, "")),
    (Ending(code=1000, violation="garbage", error="x"), ProtocolViolationError("garbage")),
    (Ending(code=1006, error="x", violation="y", has_left=True), None),
]


@pytest.mark.parametrize(("ending", "expected"), ENDINGS)
def test_an_ending_is_well_or_says_what_was_wrong(
    ending: Ending, expected: ClientError | None
) -> None:
    failure = failure_of(ending)

    assert (type(failure), str(failure)) == (type(expected), str(expected))


def refusal(status: int, body: bytes = b"", **headers: str) -> InvalidStatus:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InvalidStatus(Response(status, "", Headers(named), body))


OPENINGS: list[tuple[Exception, ClientError]] = [
    (
        refusal(401, b'{"error":"unknown token","message":"unknown token: it has expired"}'),
        RefusedError(401, "unknown token: it has expired"),
    ),
    (
        refusal(429, b'{"error":"too many sessions"}', Retry_After="5"),
        RefusedError(429, "too many sessions", 5),
    ),
    (
        refusal(503, b"<html>\xff", Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
        RefusedError(503, ""),
    ),
    (refusal(503, Retry_After="9" * 5000), RefusedError(503, "")),
    (refusal(502, b"[]"), RefusedError(502, "")),
    (refusal(502, b'{"error":7}'), RefusedError(502, "")),
    (
        refusal(302, Location="wss://new.example"),
        RefusedError(302, "the server has moved; connect to wss://new.example instead"),
    ),
    (refusal(304), RefusedError(304, "")),
    (TimeoutError("timed out"), ConnectTimeoutError(ConnectionState.CONNECTING, 15)),
    (
        ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 8000)"),
        UnreachableError(
            "cannot reach captions.example:8000: Connection refused; is the server running there?"
        ),
    ),
    (
        socket.gaierror(-2, "Name or service not known"),
        UnreachableError(
            "cannot reach captions.example:8000: Name or service not known; "
            "is the server running there?"
        ),
    ),
    (
        OSError("Multiple exceptions"),
        UnreachableError(
            "cannot reach captions.example:8000: Multiple exceptions; is the server running there?"
        ),
    ),
    (
        InvalidMessage("did not receive a valid HTTP response"),
        UnreachableError(
            "no WebSocket server at captions.example:8000: "
            "did not receive a valid HTTP response; check the address"
        ),
    ),
    (
        ProxyError("failed"),
        UnreachableError(
            "cannot reach captions.example:8000 through the proxy that the environment names: "
            "failed; set no_proxy to go around it"
        ),
    ),
]


@pytest.mark.parametrize(("raised", "expected"), OPENINGS)
def test_a_failed_opening_is_explained(raised: Exception, expected: ClientError) -> None:
    failure = explain_opening(raised, OPENING)

    assert type(failure) is type(expected)
    assert str(failure) == str(expected)
    assert "secret" not in str(failure)
    assert "key-1" not in str(failure)


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (20, "unable to get local issuer certificate", "certificate; if the authority is your own"),
        (10, "certificate has expired", "certificate has expired; connect by the name"),
        (
            64,
            "IP address mismatch, certificate is not valid for '127.0.0.1'.",
            "for '127.0.0.1'; connect by the name that it is for",
        ),
    ],
)
def test_a_certificate_that_is_not_trusted_is_told_with_what_to_do(
    code: int, message: str, words: str
) -> None:
    raised = ssl.SSLCertVerificationError(1, message)
    raised.verify_code, raised.verify_message = code, message

    failure = str(explain_opening(raised, OPENING))

    assert failure.startswith("the certificate of captions.example:8000 is not trusted: ")
    assert words in failure

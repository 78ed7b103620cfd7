"""How a connection failed or ended, in the words of `errors`."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass

from websockets.exceptions import InvalidStatus, ProxyError

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
from scribewire.errors import CloseCode, ServerFault
from scribewire.protocol.fields import load_server_fields
from scribewire.protocol.scriptix.states import ConnectionState

_REDIRECTS = range(300, 400)
_MOST_DIGITS = 9  # of seconds: 30 years

# By the codes of OpenSSL (x509_vfy.h): nobody who is trusted here vouches for the certificate.
_UNVOUCHED = frozenset({2, 18, 19, 20, 21})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is known about a dialogue whose connection is gone."""

    code: int
    """The WebSocket close code; 1006 when the connection broke."""
    reason: str = ""
    """The server's words in the close."""
    error: str | None = None
    """The server's last error message."""
    violation: str | None = None
    """What the server did that it may not."""
    has_left: bool = False
    """Whether our user closed the connection."""
    has_asked: bool = False
    """Whether our user has sent `stop`."""
    has_stopped: bool = False
    """Whether the server has said `stopped`."""


def failure_of(ending: Ending) -> ClientError | None:
    """Return what to raise once everything that came has been delivered; None if all is well."""
    if ending.has_left:
        return None
    if ending.violation is not None:
        return ProtocolViolationError(ending.violation)
    if ending.has_stopped and (ending.has_asked or ending.code == CloseCode.NORMAL):
        return None
    if ending.error is not None and not ending.has_stopped:
        return SessionError(ending.error, ending.code)
    # After `stopped` too: a server that restarts ends a session its user wants to go on.
    return ClosedError(ending.code, ending.reason)


def why_not_resumed(ending: Ending) -> str:
    """Return why a server could not go on, without what a client should do then: it cannot."""
    words = ending.error or "the server does not know it any more"
    return words.partition(";")[0].removeprefix("cannot be resumed: ")


def explain_opening(failure: Exception, opening: Opening) -> ClientError:
    """Return our error for the one that a `connect` of websockets has raised."""
    match failure:
        case InvalidStatus():
            return _explain_refusal(failure)
        case TimeoutError():
            return ConnectTimeoutError(ConnectionState.CONNECTING, opening.timeout_s)
        case ProxyError():
            return UnreachableError(
                f"cannot reach {opening.address} through the proxy that the environment names: "
                f"{failure}; set no_proxy to go around it"
            )
        case ssl.SSLCertVerificationError():
            return _explain_distrust(failure, opening)
        case OSError():
            return UnreachableError(
                f"cannot reach {opening.address}: {_cause_of(failure)}; "
                "is the server running there?"
            )
        case _:
            return UnreachableError(
                f"no WebSocket server at {opening.address}: {failure}; check the address"
            )


def _explain_distrust(failure: ssl.SSLCertVerificationError, opening: Opening) -> UnreachableError:
    if failure.verify_code in _UNVOUCHED:
        remedy = "if the authority is your own, set SSL_CERT_FILE to the file with its certificate"
    else:
        remedy = (
            "connect by the name that it is for, or ask whoever runs the server for a valid one"
        )
    cause = failure.verify_message.rstrip(".")
    return UnreachableError(
        f"the certificate of {opening.address} is not trusted: {cause}; {remedy}"
    )


def _cause_of(failure: OSError) -> str:
    if not failure.errno or isinstance(failure, socket.gaierror | ssl.SSLError):
        return failure.strerror or str(failure)
    return os.strerror(failure.errno)  # asyncio has put an address where the cause should stand


def _explain_refusal(failure: InvalidStatus) -> RefusedError:
    response = failure.response
    status = response.status_code
    if status in _REDIRECTS and (target := response.headers.get("Location")):
        return RefusedError(status, f"the server has moved; connect to {target} instead")
    return RefusedError(
        status,
        _read_words(bytes(response.body).decode("utf-8", "replace")),
        _read_seconds(response.headers.get("Retry-After", "")),
    )


def _read_seconds(text: str) -> int | None:
    """Return when to try again; nothing for a date, as we have no calendar, or for no time."""
    is_time = text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if is_time else None


def _read_words(body: str) -> str:
    """Return what our server says in a refusal; of any other body, nothing."""
    try:
        fields = load_server_fields(body)
    except ServerFault:
        return ""
    words = fields.get("message") or fields.get("error")
    return words if isinstance(words, str) else ""

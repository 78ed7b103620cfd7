"""Why NATS cannot be used, in words for who runs the servers: no user and no token is in them."""

from __future__ import annotations

import ssl
from typing import Final

import nats.errors
import nats.js.errors

from scribewire.cluster.nats_client import NotEncryptedError

REFUSED: Final = "it refuses the user, the password or the token"
NO_TLS: Final = "it does no TLS, which tls:// asks for: nothing is said to it"
NO_JETSTREAM: Final = "its JetStream is off: start it with -js, or with `jetstream` in its file"

_PREFIX: Final = "nats: "
_REFUSALS: Final = ("authorization", "authentication")


def keeps_out(error: BaseException) -> bool:
    """Tell whether NATS is there, and this server does not get in: waiting does not help."""
    return words_of(error) == REFUSED or isinstance(error, NotEncryptedError | ssl.SSLError)


def words_of(error: BaseException) -> str:
    """Return what is wrong, and what to do where that is certain."""
    if isinstance(error, nats.js.errors.APIError) and error.description:
        return error.description
    if isinstance(error, nats.js.errors.ServiceUnavailableError | nats.errors.NoRespondersError):
        return NO_JETSTREAM
    if isinstance(error, NotEncryptedError):
        return NO_TLS
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    text = str(error).removeprefix(_PREFIX)
    if any(word in text.lower() for word in _REFUSALS):
        return REFUSED
    return text or type(error).__name__

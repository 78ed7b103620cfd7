from __future__ import annotations

import ssl

import nats.errors
import nats.js.errors
import pytest

from scribewire.cluster.nats_client import NotEncryptedError
from scribewire.cluster.trouble import (
    NO_JETSTREAM,
    NO_TLS,
    REFUSED,
    keeps_out,
    words_of,
)

ONE_COPY = "replicas > 1 not supported in non-clustered mode"


@pytest.mark.parametrize(
    ("error", "words", "is_out"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), "nobody listens there", False),
        (OSError(113, "No route to host"), "No route to host", False),
        (TimeoutError(), "it does not answer in time", False),
        (nats.errors.TimeoutError(), "it does not answer in time", False),
        (nats.errors.Error("nats: 'Authorization Violation'"), REFUSED, True),
        (nats.errors.Error("nats: user authentication expired"), REFUSED, True),
        (nats.errors.AuthorizationError(), REFUSED, True),
        (NotEncryptedError(), NO_TLS, True),
        (ssl.SSLError(1, "wrong version number"), "wrong version number", True),
        (nats.js.errors.ServiceUnavailableError(), NO_JETSTREAM, False),
        (nats.errors.NoRespondersError(), NO_JETSTREAM, False),
        (nats.js.errors.ServerError(code=500, description=ONE_COPY), ONE_COPY, False),
        (nats.errors.Error("nats: empty response"), "empty response", False),
        (nats.errors.Error(), "Error", False),
    ],
)
def test_each_trouble_has_words_and_only_some_keep_a_server_out(
    error: Exception, words: str, is_out: bool
) -> None:
    assert (words_of(error), keeps_out(error)) == (words, is_out)


def test_a_certificate_that_is_not_believed_is_told_with_the_reason() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate in certificate chain"

    assert words_of(error) == (
        "its certificate is not believed: self-signed certificate in certificate chain"
    )
    assert keeps_out(error)

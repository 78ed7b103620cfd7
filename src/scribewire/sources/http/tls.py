"""Whom to believe over TLS, and in which words it is told that somebody is not believed."""

from __future__ import annotations

import functools
import os
import ssl
from pathlib import Path
from typing import Final

from scribewire.errors import ServerFault
from scribewire.sources.faults import SourceFault, invalid_stream, untrusted_server

_ELSEWHERE: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where OpenSSL is told of a file and a folder that it shall read instead."""

_NAME_IT: Final = "if it is one of your own, ask whoever runs this server to name it (--source-ca)"
_UNKNOWN: Final = (
    "nobody known here vouches for the source's certificate, or its chain is not sent whole",
    f"ask whoever runs the source to send the intermediate certificates too; {_NAME_IT}",
)
_OTHER_HOST: Final = (
    "the source's certificate is for another host",
    "use the name of the host that it is for, or ask whoever runs the source to have it added",
)

# By the codes of OpenSSL (x509_vfy.h): what is wrong, and what to do. Whether an intermediate is
# missing or the authority unknown, OpenSSL does not say; an authority that is sent has its own.
_BY_CODE: Final = {
    2: _UNKNOWN,  # of a trusted intermediate
    20: _UNKNOWN,
    21: _UNKNOWN,
    9: (
        "the source's certificate is not valid yet",
        "check the clock of this server, then that of theirs",
    ),
    10: (
        "the source's certificate has expired",
        "ask whoever runs the source to renew it; where it is new, check the clock of this server",
    ),
    18: ("the source's certificate is signed by itself", _NAME_IT),
    19: ("the source's certificate is of an authority that is not known here", _NAME_IT),
    62: _OTHER_HOST,
    64: _OTHER_HOST,  # an address
}


def trusting(extra: Path | None = None) -> ssl.SSLContext:
    """Return what tells who is believed: those of the system, and of this PEM file.

    The verdict is the same with every Python. Raises `ServerFault` for a file without certificates.
    """
    if extra is None:
        return _system_trust(*map(os.environ.get, _ELSEWHERE))
    _check_certificates(extra)
    context = _read_system_trust()
    context.load_verify_locations(extra)
    return context


@functools.cache
def _system_trust(*_elsewhere: str | None) -> ssl.SSLContext:
    """Return what all share: to read every authority of a system takes 36 ms."""
    return _read_system_trust()


def _read_system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    # As from Python 3.13 on: who names an intermediate trusts that.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # As until then, and with other players: the letter of RFC 5280 tells nothing of who answers,
    # and certificates of cameras and small radios seldom keep to it.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def failed_handshake(error: ssl.SSLError) -> SourceFault:
    """Say why no secure connection was made."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return invalid_stream("TLS failure, no secure connection could be made")
    otherwise = (
        f"the source's certificate is not valid ({error.verify_message})",
        "ask whoever runs the source for a valid one",
    )
    return untrusted_server(*_BY_CODE.get(error.verify_code, otherwise))


def _check_certificates(file: Path) -> None:
    """Raise `ServerFault` where there is none in the file."""
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        bare.load_verify_locations(file)
    except ssl.SSLError as error:
        has_none = error.reason == "NO_CERTIFICATE_OR_CRL_FOUND"
        cause = "there is no certificate in it" if has_none else "a certificate in it is broken"
    except OSError as error:
        cause = error.strerror or "it cannot be read"
    else:
        if bare.cert_store_stats()["x509"]:
            return
        cause = "there is no certificate in it"  # a list of revoked ones
    raise ServerFault(
        f"--source-ca {file}: {cause}; expected a PEM file with certificates, which begin with "
        "-----BEGIN CERTIFICATE-----; name one, or leave the option out"
    )

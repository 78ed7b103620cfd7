"""The certificate that the server shows, read again when its files change.

Whoever has a connection keeps it; a new one is met with the certificate of that moment. A pair that
cannot be used, such as one of which a half has been written, changes nothing.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path

from cryptography import x509

from scribewire.errors import ServerFault
from scribewire.log_line import LogLine

LOOK_INTERVAL_S = 1.0
"""How old a look at the files may be when somebody connects."""

_SOON = timedelta(days=14)  # certbot renews 30 days before: by then it has failed for two weeks

_State = tuple[tuple[int, int, int], ...]

_log = logging.getLogger("scribewire.server")


class Standing(Enum):
    """How near a certificate is to its end."""

    GOOD = auto()
    ENDING = auto()
    EXPIRED = auto()


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when until when a certificate is valid."""

    begins_at: datetime
    ends_at: datetime

    def standing(self, now: datetime) -> Standing:
        """Return what is to be told of it; a short one is not near its end from the beginning."""
        if now > self.ends_at:
            return Standing.EXPIRED
        soon = min(_SOON, (self.ends_at - self.begins_at) / 3)
        return Standing.ENDING if self.ends_at - now < soon else Standing.GOOD


class ServerCertificate:
    """A certificate with what it is signed by, and the key to it, in files."""

    def __init__(
        self,
        certificate: Path,
        key: Path | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        """Read them; without `key` it is in the same file. Raises ServerFault."""
        self._certificate = certificate
        self._key = certificate if key is None else key
        self._now = now
        self._looked_at = now()
        self._unix_time = unix_time
        self._state = self._read_state()
        self._context, self._lifetime = self._load()
        self._told = Standing.GOOD
        self._tell_standing()

    def context(self) -> ssl.SSLContext:
        """Return what the next connection is met with."""
        now = self._now()
        if now - self._looked_at >= LOOK_INTERVAL_S:
            self._looked_at = now
            self._look()
            self._tell_standing()
        return self._context

    def _look(self) -> None:
        try:
            state = self._read_state()
        except ServerFault as fault:
            self._stay(fault, ())
            return
        if state == self._state:
            return
        try:
            self._context, self._lifetime = self._load()
        except ServerFault as fault:
            self._stay(fault, state)
            return
        self._state, self._told = state, Standing.GOOD
        _log.info(LogLine("certificate_changed", "= the certificate has changed"))

    def _stay(self, fault: ServerFault, state: _State) -> None:
        """Go on with the certificate of before, and say so once for each state of the files."""
        if state != self._state:
            words = "! the certificate stays as it was: {reason}"
            _log.warning(LogLine("certificate_kept", words, reason=fault))
        self._state = state

    def _tell_standing(self) -> None:
        """Warn of the end once when it is near and once when it has come."""
        standing = self._lifetime.standing(datetime.fromtimestamp(self._unix_time(), UTC))
        if standing is self._told:
            return
        self._told = standing
        file, ends_on = self._certificate, self._lifetime.ends_at.date()
        if standing is Standing.EXPIRED:
            words = "! {file} has expired on {ended_on}"
            _log.warning(LogLine("certificate_expired", words, file=file, ended_on=ends_on))
        elif standing is Standing.ENDING:
            words = "! {file} expires on {ends_on}, and has not been renewed"
            _log.warning(LogLine("certificate_ending", words, file=file, ends_on=ends_on))

    def _read_state(self) -> _State:
        """Return what changes when one of the files does."""
        try:
            found = [file.stat() for file in (self._certificate, self._key)]
        except OSError as error:
            raise ServerFault(f"TLS: {error.filename}: {error.strerror}") from error
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)

    def _load(self) -> tuple[ssl.SSLContext, Lifetime]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key, password=_refuse_password)
            shown = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        except (OSError, ValueError) as error:  # ssl.SSLError is the first of them
            raise ServerFault(self._explain(error)) from error
        return context, Lifetime(shown.not_valid_before_utc, shown.not_valid_after_utc)

    def _explain(self, error: Exception) -> str:
        files = " and ".join(str(file) for file in dict.fromkeys((self._certificate, self._key)))
        if isinstance(error, ssl.SSLError):
            reason = (error.reason or "not in PEM").replace("_", " ").lower()
            return f"TLS: {files} are no certificate and the key to it, in PEM: {reason}"
        reason = error.strerror or "" if isinstance(error, OSError) else str(error)
        return f"TLS: {files}: {reason}"


def _refuse_password() -> str:
    raise ValueError("the key is encrypted; nobody is there to type its password: decrypt it")

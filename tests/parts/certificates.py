"""Certificates that a test makes: of authorities, of servers, and of what is wrong with them.

root = certify("A root", is_authority=True)
leaf = certify("a.example", by=root, lasts_days=-1)
... run_raw_origin(tls=served_with(leaf, root, folder=tmp_path)) ...
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate, and the key to it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key alone."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certify(
    name: str,
    *,
    by: Certified | None = None,
    is_authority: bool = False,
    begins_days: float = -2,
    lasts_days: float = 2,
) -> Certified:
    """Return a certificate for a host (a name or an address), or of an authority with spaces.

    It is signed by itself unless told by whom; an authority may sign others. Days are from now.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins_days))
        .not_valid_after(now + timedelta(days=lasts_days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_signed_by(key if by is None else by.key), critical=False)
    )
    if is_authority:
        builder = builder.add_extension(_MAY_SIGN, critical=True)
    if " " not in name:
        names = x509.SubjectAlternativeName([_general_name(name)])
        builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(key if by is None else by.key, hashes.SHA256())
    return Certified(certificate, key)


def revocations(by: Certified) -> bytes:
    """Return a list, in PEM, of the certificates that an authority has taken back: none."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(now)
        .next_update(now + timedelta(days=1))
    )
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def served_with(own: Certified, *others: Certified, folder: Path) -> ssl.SSLContext:
    """Return what a server needs to show its own certificate and, behind it, the others."""
    file = folder / f"{own.certificate.serial_number:x}.pem"
    file.write_bytes(own.key_pem + own.pem + b"".join(other.pem for other in others))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    return tls


# Python 3.13 believes no authority without these two.


def _signed_by(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


_MAY_SIGN = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)

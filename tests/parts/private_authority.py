"""An authority of one's own, made as an operator makes one: by openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.parts.installed import find_part

_EXTENSIONS = """\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:false
subjectAltName = {kind}:{host}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True, slots=True)
class PrivateAuthority:
    """One whose files are in a folder, which it shares with nobody."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> PrivateAuthority:
        """Make one, and the folder for it."""
        folder.mkdir()
        made = cls(folder)
        made._certify("authority", subject="A private authority", host="authority.example")
        return made

    @property
    def pem(self) -> Path:
        """Its certificate, for those who are to trust it."""
        return self.folder / "authority.pem"

    def certify(self, host: str) -> Path:
        """Return a file with a key and the certificate for a host, a name or an IPv4 address."""
        signed_by = ["-CA", str(self.pem), "-CAkey", str(self.folder / "authority.key")]
        self._certify("server", *signed_by, subject=host, host=host)
        both = self.folder / "both.pem"
        pair = [self.folder / name for name in ("server.key", "server.pem")]
        both.write_bytes(b"".join(file.read_bytes() for file in pair))
        return both

    def _certify(self, name: str, *signed_by: str, subject: str, host: str) -> None:
        extensions = self.folder / "extensions.cnf"
        kind = "IP" if host.replace(".", "").isdecimal() else "DNS"
        extensions.write_text(_EXTENSIONS.format(kind=kind, host=host), "utf-8")
        command = [find_part("openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
        command += ["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", f"/CN={subject}"]
        command += ["-config", str(extensions), "-extensions", name, *signed_by]
        command += ["-keyout", f"{self.folder / name}.key", "-out", f"{self.folder / name}.pem"]
        subprocess.run(command, check=True, capture_output=True)

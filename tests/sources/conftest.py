from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts.raw_origin import RawOrigin, run_raw_origin


@pytest.fixture
async def raw_server() -> AsyncIterator[RawOrigin]:
    async with run_raw_origin() as raw:
        yield raw


@pytest.fixture
async def other_server() -> AsyncIterator[RawOrigin]:
    async with run_raw_origin() as raw:
        yield raw


@dataclass(frozen=True)
class Certificate:
    """Of a.example, by itself."""

    path: Path
    tls: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    path, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(key), "-out", str(path), "-subj", "/CN=a.example"]
    command += ["-addext", "subjectAltName=DNS:a.example"]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path, key)
    return Certificate(path, tls)


@pytest.fixture
async def tls_server(certificate: Certificate) -> AsyncIterator[RawOrigin]:
    async with run_raw_origin(tls=certificate.tls) as raw:
        yield raw


class Names:
    """A look-up from a table; each name gives its answers in turn, the last one again."""

    def __init__(self, table: dict[str, list[list[str]]]) -> None:
        self._table = table
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._table.get(host)
        if answers is None:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def names() -> type[Names]:
    return Names

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts.certificates import certify, served_with
from tests.parts.raw_origin import RawOrigin, head, run_raw_origin


@pytest.fixture
async def raw_server() -> AsyncIterator[RawOrigin]:
    async with run_raw_origin() as raw:
        yield raw


@pytest.fixture
async def other_server() -> AsyncIterator[RawOrigin]:
    async with run_raw_origin() as raw:
        yield raw


@pytest.fixture
async def server() -> AsyncIterator[RawOrigin]:
    """One at 127.0.0.2, which has nothing yet."""
    async with run_raw_origin(head("404 Not Found"), host="127.0.0.2") as raw:
        yield raw


@dataclass(frozen=True)
class Certificate:
    """Of a.example, by itself."""

    path: Path
    tls: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    own = certify("a.example")
    path = folder / "certificate.pem"
    path.write_bytes(own.pem)
    return Certificate(path, served_with(own, folder=folder))


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

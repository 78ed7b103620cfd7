"""What every test shares: folders that are not the developer's own, and no stopwatch."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from scribewire.testing.running import RunningServer, run_server
from tests.parts.decoding import DECODERS
from tests.parts.installed import need_part
from tests.parts.nats_server import NatsServer, run_nats
from tests.parts.postgresql import PostgreSql, run_postgresql

# How long an example takes says more about the machine than about the code.
settings.register_profile("scribewire", deadline=None)
settings.load_profile("scribewire")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_this_run() -> Iterator[None]:
    """Have model files prepared by the code under test, and meet no keys of the developer's."""
    with (
        tempfile.TemporaryDirectory(prefix="scribewire-tests-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("XDG_CACHE_HOME", folder)
        patch.setenv("XDG_DATA_HOME", folder)  # where keys would be
        yield


@pytest.fixture(scope="session", autouse=True)
def _decoders_of_this_run() -> Iterator[None]:
    with DECODERS:
        yield


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    """A server that hears what `draw_pcm` draws."""
    async with run_server() as running:
        yield running


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A NATS of the test's own, empty."""
    need_part("nats-server")
    async with run_nats(tmp_path / "nats") as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    need_part("initdb", "postgres")
    with run_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    server: PostgreSql = request.getfixturevalue("postgresql")
    return server.new_database()

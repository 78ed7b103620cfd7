from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scribewire.keys.database import Database, open_database
from scribewire.keys.store import KeyStore
from scribewire.keys.upgrade import upgrade
from tests.parts.installed import need_part
from tests.parts.postgresql import PostgreSql, run_postgresql


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


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> KeyStore:
    return KeyStore(database)

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scribewire.keys.database import Database, open_database
from scribewire.keys.store import KeyStore
from scribewire.keys.upgrade import upgrade


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> KeyStore:
    return KeyStore(database)

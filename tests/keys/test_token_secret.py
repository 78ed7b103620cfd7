from __future__ import annotations

from scribewire.keys.database import Database, open_database
from scribewire.keys.token_secret import read_token_secret
from scribewire.keys.tokens import MIN_SECRET_BYTES
from scribewire.keys.upgrade import upgrade


def test_a_database_has_one_secret_for_all_servers(database: Database, database_url: str) -> None:
    secret = read_token_secret(database)
    another = open_database(database_url)
    upgrade(another)

    assert len(secret) == MIN_SECRET_BYTES
    assert read_token_secret(another) == secret
    another.close()

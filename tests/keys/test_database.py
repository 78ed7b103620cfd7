from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from scribewire.grants import Grant
from scribewire.keys.database import Database, DatabaseFault, open_database
from scribewire.keys.store import KeyStore
from tests.parts.postgresql import PostgreSql
from tests.parts.programs import find_free_port


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("keys.sqlite3", "this is no URL of a database"),
        ("mysql://user:planted@host/keys", "no keys in a database of that kind"),
        ("sqlite://", "a database in memory would be empty"),
        ("sqlite:///:memory:", "a database in memory would be empty"),
        ("sqlite:////proc/none/keys.sqlite3", "key database /proc/none/keys.sqlite3: "),
        ("postgresql://user:planted@host:port/keys", "this is no URL of a database"),
    ],
)
def test_a_database_that_cannot_be_is_refused_with_words(url: str, words: str) -> None:
    with pytest.raises(DatabaseFault, match=words) as caught:
        open_database(url)

    assert "planted" not in str(caught.value)


def test_a_database_that_does_not_answer_is_a_fault_without_its_password() -> None:
    url = f"postgresql://user:planted@127.0.0.1:{find_free_port()}/keys"
    database = open_database(url)

    with pytest.raises(DatabaseFault, match="Connection refused") as caught:
        KeyStore(database).all_keys()
    database.close()

    assert "planted" not in str(caught.value)


def test_a_wrong_password_is_a_fault_that_does_not_repeat_it(postgresql: PostgreSql) -> None:
    database = open_database(postgresql.url("postgres").replace(postgresql.password, "planted"))

    with pytest.raises(DatabaseFault, match="password authentication failed") as caught:
        KeyStore(database).all_keys()
    database.close()

    assert "planted" not in str(caught.value)


def test_no_wait_for_postgresql_is_without_an_end(postgresql: PostgreSql) -> None:
    database = open_database(postgresql.new_database() + "?keepalives_idle=7")
    with database.reading() as session:
        shown = [
            session.execute(text(f"SHOW {name}")).scalar()
            for name in ("statement_timeout", "idle_in_transaction_session_timeout")
        ]
        driver = session.connection().connection.driver_connection
        assert driver is not None
        limits = driver.info.get_parameters()
    database.close()

    assert shown == ["10s", "10s"]
    expected = {
        "connect_timeout": "5",
        "tcp_user_timeout": "10000",
        "keepalives": "1",
        "keepalives_idle": "7",  # who names it in the URL has it
        "keepalives_interval": "5",
        "keepalives_count": "2",
    }
    assert {name: limits.get(name) for name in expected} == expected


def test_a_file_is_for_its_owner_alone_and_survives_a_crash(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "keys.sqlite3"
    database = open_database(f"sqlite:///{file}")
    with database.reading() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA synchronous")).scalar() == 2
    database.close()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def fail_half_way(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("DELETE FROM api_key"))
        session.execute(text("SELECT * FROM nothing"))


def test_what_fails_half_way_has_not_happened(store: KeyStore, database: Database) -> None:
    made = store.create(Grant(name="one"), now=0)
    with pytest.raises(DatabaseFault, match="nothing"):
        fail_half_way(database)

    assert store.all_keys() == [made.record]

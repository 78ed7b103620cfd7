from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from scribewire.keys.database import Database, DatabaseFault, open_database
from scribewire.keys.schema import KeyTables
from scribewire.keys.store import KeyStore
from scribewire.keys.upgrade import VERSION_TABLE, upgrade


def test_the_migrations_make_the_tables_that_the_program_uses(database: Database) -> None:
    options = {"version_table": VERSION_TABLE, "compare_type": True}
    with database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts=options)

        assert compare_metadata(context, KeyTables.metadata) == []


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(
    database: Database, store: KeyStore
) -> None:
    before = store.revision()
    upgrade(database)

    assert store.revision() == before


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.writing() as session:
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608

    with pytest.raises(DatabaseFault, match="a newer version of scribewire"):
        upgrade(database)


def test_of_those_that_start_together_one_makes_the_tables(database_url: str) -> None:
    together = [open_database(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(upgrade, together))

    assert KeyStore(together[0]).revision() == 1
    for database in together:
        database.close()

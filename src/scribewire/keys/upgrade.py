"""Bring the tables of a database up to this version, whichever process comes first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

from scribewire.keys.database import DatabaseFault
from scribewire.keys.schema import KeyTables

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from sqlalchemy.orm import Session

    from scribewire.keys.database import Database

VERSION_TABLE: Final = "scribewire_version"
"""A database may hold the tables of others, who use Alembic too."""

_FOLDER = Path(__file__).with_name("migrations")
_LOCK = 0x5C21BE  # of PostgreSQL's, which are numbers: nobody else's, by chance
_NEWER = (
    "the key database was made by a newer version of scribewire: install that one, or name another "
    "database with --database"
)


def upgrade(database: Database) -> None:
    """Make the tables, or change those of an older version; nothing if all is as it should be.

    One transaction under a lock: of servers that start together one does it and the others wait,
    and half of it is never seen. Raises DatabaseFault.
    """
    with database.writing() as session:
        if session.connection().dialect.name == "postgresql":  # SQLite has locked the file
            session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        _run(session)


def _run(session: Session) -> None:
    # Named twice, or Alembic takes the one for the folder and looks in another for the files.
    script = ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER)])

    def to_head(revision: tuple[str, ...], _context: MigrationContext) -> Sequence[RevisionStep]:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001 - as Alembic's own commands

    environment = EnvironmentContext(Config(), script, fn=to_head)
    try:
        with environment:
            environment.configure(
                connection=session.connection(),
                target_metadata=KeyTables.metadata,
                version_table=VERSION_TABLE,
            )
            environment.run_migrations()
    except CommandError as error:
        raise DatabaseFault(_NEWER) from error

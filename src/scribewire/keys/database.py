"""The connection to a key database: SQLite in a file, or PostgreSQL by its address."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from scribewire.errors import ServerFault
from scribewire.keys.records import OutcomeUnknown

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

_EXPECTED = "expected sqlite:///keys.sqlite3 or postgresql://USER:PASSWORD@HOST/NAME"
_NO_DRIVER = "PostgreSQL needs its driver: install scribewire[postgresql]"
_PATIENCE_S = 10  # with another process that writes, with a database that does not answer
_PROBE_S = _PATIENCE_S // 2  # of silence, then between questions whether the machine is there
_BEGIN = "sqlite_begin"


class DatabaseFault(ServerFault):
    """The key database cannot be used; the message says why, and names no password."""


class CommitFault(DatabaseFault, OutcomeUnknown):
    """The connection was lost at the commit, or the commit failed."""


class Database:
    """Transactions on one database. Any thread may ask for one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{_BEGIN: "IMMEDIATE"})

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Look at one state of it. Raises DatabaseFault."""
        with _faults(), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Change it, all at once or, where an exception comes, not at all.

        Raises DatabaseFault; CommitFault where it may have been changed all the same.
        """
        with _faults(), Session(self._writing, expire_on_commit=False) as session:
            yield session
            session.flush()
            with _faults(CommitFault):
                session.commit()

    def close(self) -> None:
        """Give up its connections."""
        self._engine.dispose()


def open_database(url: str) -> Database:
    """Return the database of a URL. Connects to nothing yet. Raises DatabaseFault."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseFault(f"this is no URL of a database: {_EXPECTED}") from None
    match parsed.drivername:
        case "sqlite":
            return Database(_open_sqlite(parsed))
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return Database(_open_postgresql(parsed))
        case _:
            raise DatabaseFault(f"there are no keys in a database of that kind: {_EXPECTED}")


def _open_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise DatabaseFault("a database in memory would be empty at each start: name a file")
    file = Path(url.database)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))  # what SQLite adds has its mode
    except OSError as error:
        raise DatabaseFault(f"key database {file}: {error.strerror}") from None
    engine = create_engine(
        url,
        connect_args={"timeout": _PATIENCE_S},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # when a transaction begins, `_begin_sqlite` says
    connection.execute("PRAGMA journal_mode=WAL")  # who reads and who writes do not wait
    connection.execute("PRAGMA synchronous=FULL")  # what is written survives a power cut


def _begin_sqlite(connection: Connection) -> None:
    """Begin; what will write takes its lock at once, since two that have read cannot both write."""
    mode = connection.get_execution_options().get(_BEGIN, "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def _open_postgresql(url: URL) -> Engine:
    limits = {
        "connect_timeout": _PATIENCE_S // 2,
        # Of a machine that is gone: what is sent has no answer, or nothing is sent and it is asked.
        "tcp_user_timeout": _PATIENCE_S * 1000,
        "keepalives": 1,
        "keepalives_idle": _PROBE_S,
        "keepalives_interval": _PROBE_S,
        "keepalives_count": 2,
        "application_name": "scribewire",
    }
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={name: one for name, one in limits.items() if name not in url.query},
            pool_size=2,
            pool_pre_ping=True,  # it may have been restarted
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise DatabaseFault(_NO_DRIVER) from None
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for what in ("statement_timeout", "idle_in_transaction_session_timeout"):
        cursor.execute(f"SET {what} = '{_PATIENCE_S}s'")
    cursor.close()
    connection.commit()


@contextmanager
def _faults(kind: type[DatabaseFault] = DatabaseFault) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        told = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
        raise kind(f"key database: {told.splitlines()[0]}") from error

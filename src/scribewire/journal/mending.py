"""What a server finds in its journal that an earlier run has not closed."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from scribewire.journal.entries import JournalFault
from scribewire.journal.segment import APPLICATION_ID, READABLE_VERSIONS, SCHEMA_VERSION, day_of

if TYPE_CHECKING:
    from pathlib import Path

_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24  # of SQLite's write-ahead log
_SALT = slice(16, 24)  # in its header: of which round it is
_FRAME_SALT = slice(8, 16)  # in a frame's


def find_segments(folder: Path) -> list[Path]:
    """Return the segments of a folder, the oldest first. Raises JournalFault."""
    try:
        return sorted(path for path in folder.iterdir() if day_of(path.name) is not None)
    except OSError as error:
        raise JournalFault(f"{folder}: {error.strerror}") from error


def explain_version(database: sqlite3.Connection) -> str | None:
    """Say why a segment is not read; None: it is one of ours of this version."""
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        return "it is no segment of a journal, or was never begun"
    if version not in READABLE_VERSIONS:
        age = "an older" if version < SCHEMA_VERSION else "a newer"
        return (
            f"it was written by {age} version (schema {version}, this one reads {SCHEMA_VERSION})"
        )
    return None


def mend_segment(path: Path) -> str | None:
    """Close a segment that was left open; return what there is to say of it, if anything.

    One that a running server writes stays as it is.
    """
    log = path.with_name(path.name + "-wal")
    try:
        with contextlib.closing(_open_alone(path)) as database:
            return _mend(database, path, log)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return None
        return _left(path, str(error))
    except (sqlite3.Error, OSError) as error:
        return _left(path, str(error))


def _open_alone(path: Path) -> sqlite3.Connection:
    """Open it unless anybody else has it open, which raises OperationalError."""
    database = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None
    )
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        database.close()
        raise
    return database


def _mend(database: sqlite3.Connection, path: Path, log: Path) -> str | None:
    why = explain_version(database)
    if why is not None:
        return _left(path, why)
    has_log = log.exists() and log.stat().st_size > 0
    page_bytes = database.execute("PRAGMA page_size").fetchone()[0]
    whole_frames = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
    whole_bytes = _HEADER_BYTES + max(whole_frames, 0) * (_FRAME_HEADER_BYTES + page_bytes)
    torn_bytes = _torn_bytes(log, whole_bytes) if has_log else 0
    was_closed = database.execute("SELECT count(*) FROM closings").fetchone()[0] > 0
    if not was_closed:
        database.execute("INSERT INTO closings VALUES ('cut off')")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if not has_log or (was_closed and not torn_bytes):  # somebody read it when it was closed
        return None
    words = f"journal {path.name}: its server ended in the midst of it"
    if torn_bytes:
        return f"{words}; a torn tail of {torn_bytes} bytes was cut off"
    return f"{words}; nothing was torn"


def _torn_bytes(log: Path, whole_bytes: int) -> int:
    """Return how much of the log is behind the last whole batch, and of the same round."""
    with log.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        file.seek(whole_bytes)
        rest = file.read()
    if len(header) < _HEADER_BYTES:
        return len(header)
    is_of_this_round = rest[_FRAME_SALT] == header[_SALT] or 0 < len(rest) < _FRAME_HEADER_BYTES
    return len(rest) if is_of_this_round else 0


def _left(path: Path, why: str) -> str:
    return f"journal {path.name}: {why}; it is left as it is"

"""One file of a journal: a SQLite database in WAL mode that one run of a server writes.

Rows are only ever added; only how the audio of a session is written, and its checkpoint, take the
place of what they were. A batch is one transaction: after a crash it is there whole, or not at all.
SQLite's own checksums find the torn end of its write-ahead log; a checksum in each row finds what
the disk has changed since.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from scribewire.journal.entries import JournalFault
from scribewire.journal.rows import (
    checksum,
    end_checksum,
    position_checksum,
    write_final,
    write_head,
    write_layout,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scribewire.audio.wire import WireLayout
    from scribewire.journal.entries import JournalEntry, SessionHead, SessionPosition

SCHEMA_VERSION: Final = 2
"""Of the tables that are written."""

READABLE_VERSIONS: Final = frozenset({1, SCHEMA_VERSION})
"""In the first one each position had its layout with it, and there was no checkpoint."""

APPLICATION_ID: Final = 0x53774A6C
"""What says in the file that it is one of ours."""

SUFFIX: Final = ".journal"

Closing: TypeAlias = Literal["closed", "continued", "cut off"]
"""How a segment ended: with its server, in another one, or in the midst of it all."""

_NAME = re.compile(r"(\d{8})T\d{12}Z-[0-9a-f]{8}\.journal")
_BUSY_S = 1.0  # for who reads: they hold nothing for long
_TABLES = """
CREATE TABLE sessions (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL, content BLOB NOT NULL, crc INTEGER NOT NULL
);
CREATE INDEX sessions_by_id ON sessions (id);
CREATE TABLE finals (
    row INTEGER PRIMARY KEY, session INTEGER NOT NULL, number INTEGER NOT NULL,
    content BLOB NOT NULL, crc INTEGER NOT NULL
);
CREATE UNIQUE INDEX finals_by_number ON finals (session, number);
CREATE TABLE positions (
    row INTEGER PRIMARY KEY, session INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL, replay_from_bytes INTEGER NOT NULL,
    audio_ms INTEGER NOT NULL, finals INTEGER NOT NULL, settled_ms INTEGER, crc INTEGER NOT NULL
);
CREATE INDEX positions_by_session ON positions (session);
CREATE TABLE latest (
    session INTEGER NOT NULL, kind TEXT NOT NULL, content BLOB NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (session, kind)
);
CREATE TABLE ends (
    session INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, outcome TEXT NOT NULL,
    crc INTEGER NOT NULL
);
CREATE TABLE closings (how TEXT NOT NULL);
"""


def name_segment(now: float) -> str:
    """Return a name for a file that is begun now, in Unix seconds, which no other has."""
    begun = datetime.fromtimestamp(now, UTC)
    return f"{begun:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}{SUFFIX}"


def day_of(name: str) -> date | None:
    """Return the day of UTC that a file of this name is of; None: it is no segment."""
    found = _NAME.fullmatch(name)
    with contextlib.suppress(ValueError):
        return None if found is None else datetime.strptime(found[1] + "Z", "%Y%m%d%z").date()
    return None


@dataclass(slots=True, kw_only=True)
class _Written:
    """What a segment has of an open session, of which a position need not be written again."""

    head: SessionHead
    key: int
    layout: WireLayout | None = None
    checkpoint: bytes | None = None


class JournalSegment:
    """A file that is being written. It is for one thread at a time.

    Every method raises JournalFault where the disk does not take it; then only `close` is of use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sessions: dict[str, _Written] = {}  # those open, as they stand in it
        try:
            # SQLite gives its other files the same rights.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise JournalFault(f"{path}: {error.strerror}") from error
        try:
            with _explained(path):
                self._database = sqlite3.connect(
                    path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
                )
        except JournalFault:
            remove_segment(path)  # or one would be left by each try
            raise
        try:
            with _explained(path):
                self._make_tables()
        except JournalFault:
            self.abandon()
            remove_segment(path)
            raise

    def _make_tables(self) -> None:
        run = self._database.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")  # on the disk at each `sync`, not at each batch
        run(f"PRAGMA application_id = {APPLICATION_ID}")
        self._database.executescript(
            f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
        )

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Add entries in one transaction; when it returns the system has them."""
        with _explained(self.path):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for entry in entries:
                    self._add(entry)
                self._database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise

    def sync(self) -> None:
        """Have what was written on the disk itself, as far as who reads lets it."""
        with _explained(self.path):
            self._database.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self, how: Closing = "closed") -> None:
        """Say in the file that it is whole, and whether another follows; let go of it."""
        try:
            with _explained(self.path):
                self._database.execute("INSERT INTO closings VALUES (?)", (how,))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of it as it is."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def _add(self, entry: JournalEntry) -> None:
        run, session_id = self._database.execute, entry.head.session_id
        written = self._written_of(entry.head)
        key = written.key
        if entry.final is not None:
            number, content = entry.final.number, write_final(entry.final.final)
            crc = checksum(session_id, f"final {number}", content)
            run(
                "INSERT INTO finals (session, number, content, crc) VALUES (?, ?, ?, ?)",
                (key, number, content, crc),
            )
        if (at := entry.position) is not None:
            run(
                "INSERT INTO positions (session, at_ms, received_bytes, replay_from_bytes,"
                " audio_ms, finals, settled_ms, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    at.at_ms,
                    at.received_bytes,
                    at.replay_from_bytes,
                    at.audio_ms,
                    at.finals,
                    at.settled_ms,
                    position_checksum(session_id, at),
                ),
            )
            self._add_latest(written, session_id, at)
        if (end := entry.end) is not None:
            run(
                "INSERT OR REPLACE INTO ends VALUES (?, ?, ?, ?)",
                (key, end.at_ms, end.outcome, end_checksum(session_id, end)),
            )
            self._sessions.pop(session_id, None)

    def _add_latest(self, written: _Written, session_id: str, at: SessionPosition) -> None:
        """Have the layout and the checkpoint of a position, unless they are there."""
        if at.layout is not None and at.layout != written.layout:
            written.layout = at.layout
            content = (write_layout(at.layout) or "").encode()
            self._replace(written.key, session_id, "layout", content)
        if at.checkpoint is not None and at.checkpoint != written.checkpoint:
            written.checkpoint = at.checkpoint
            self._replace(written.key, session_id, "checkpoint", at.checkpoint)

    def _replace(self, key: int, session_id: str, kind: str, content: bytes) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?)",
            (key, kind, content, checksum(session_id, kind, content)),
        )

    def _written_of(self, head: SessionHead) -> _Written:
        known = self._sessions.get(head.session_id)
        if known is not None and known.head is head:
            return known
        content = write_head(head)
        crc = checksum(head.session_id, "head", content)
        added = self._database.execute(
            "INSERT INTO sessions (id, content, crc) VALUES (?, ?, ?)",
            (head.session_id, content, crc),
        )
        assert added.lastrowid is not None
        known = self._sessions[head.session_id] = _Written(head=head, key=added.lastrowid)
        return known


def remove_segment(path: Path) -> None:
    """Remove a segment and what SQLite keeps beside it. Raises JournalFault."""
    try:
        for one in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
            one.unlink(missing_ok=True)
    except OSError as error:
        raise JournalFault(f"{path}: {error.strerror}") from error


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise JournalFault(f"{path}: {error}") from error

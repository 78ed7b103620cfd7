"""Reads a journal, also while a server writes it.

What cannot be read is told in words beside what can. A caller in an event loop calls these in a
thread: they wait for the disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from scribewire.journal.entries import (
    OUTCOMES,
    JournaledFinal,
    JournalFault,
    SessionHead,
    SessionOutcome,
    SessionPosition,
)
from scribewire.journal.mending import explain_version, find_segments
from scribewire.journal.rows import (
    checksum,
    position_checksum,
    read_final,
    read_head,
    read_layout,
)
from scribewire.journal.segment import day_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from pathlib import Path

JournaledState: TypeAlias = SessionOutcome | Literal["open", "cut off"]
"""How a session ended; `open`: not yet, as far as the journal says; `cut off`: its server did."""

_BUSY_S = 5.0
_DAMAGED = "{segment}: {count} of the {what} of session {id} are damaged and left out"
_POSITIONS = (
    "SELECT at_ms, received_bytes, replay_from_bytes, audio_ms, finals, settled_ms, layout, crc"
    " FROM positions WHERE session = ? ORDER BY row DESC"
)
_HEADS = "SELECT key, id, content, crc FROM sessions"
_POSITION = ("at_ms", "received_bytes", "replay_from_bytes", "audio_ms", "finals", "settled_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledSession:
    """What is known of one session."""

    session_id: str
    head: SessionHead | None
    """The latest; None where it is damaged."""
    began_at_ms: int | None
    """Unix time, of the first head."""
    finals: tuple[JournaledFinal, ...]
    """In order, each once."""
    position: SessionPosition | None
    """The last one."""
    state: JournaledState
    written_at_ms: int
    """When it was last written, in Unix time, to a second."""
    epochs: Mapping[str, int] = field(default_factory=dict)
    """Those before the last, and how many finals there were when the next one began."""
    problems: tuple[str, ...] = ()
    """What could not be read, in words."""

    @property
    def missing_finals(self) -> int:
        """How many are not there, of those that have been told."""
        told = max(
            self.finals[-1].number if self.finals else 0,
            0 if self.position is None else self.position.finals,
        )
        return told - len(self.finals)

    def finals_after(self, number: int) -> tuple[JournaledFinal, ...]:
        """Return the finals that follow the one of this number; 0 asks for all."""
        return tuple(one for one in self.finals if one.number > number)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalContents:
    """The sessions of a journal."""

    sessions: tuple[JournaledSession, ...]
    """Those that began first come first."""
    problems: tuple[str, ...]
    """What could not be read, of no session that is known."""


def read_session(
    folder: Path, session_id: str, *, since: date | None = None
) -> JournaledSession | None:
    """Return what a journal has of a session; None: nothing that can be read.

    What was written before `since`, a day of UTC, is left out. Raises JournalFault where there is
    no journal.
    """
    found = _Collected(session_id)

    def read(path: Path, database: sqlite3.Connection) -> None:
        chosen = f"{_HEADS} WHERE id = ? ORDER BY key"
        for key, _, content, crc in database.execute(chosen, (session_id,)).fetchall():
            found.read(path.name, database, key, content, crc)

    for path in find_segments(folder):
        if since is None or (day_of(path.name) or since) >= since:
            _read(path, read, found.problems)
    return found.session() if found.is_there else None


def read_sessions(folder: Path) -> JournalContents:
    """Return everything that a journal has. Raises JournalFault where there is none."""
    every: dict[str, _Collected] = {}
    problems: list[str] = []

    def read(path: Path, database: sqlite3.Connection) -> None:
        for key, session_id, content, crc in database.execute(f"{_HEADS} ORDER BY key").fetchall():
            found = every.setdefault(session_id, _Collected(session_id))
            found.read(path.name, database, key, content, crc)

    for path in find_segments(folder):
        _read(path, read, problems)
    sessions = [one.session() for one in every.values()]
    return JournalContents(
        sessions=tuple(sorted(sessions, key=lambda one: one.began_at_ms or one.written_at_ms)),
        problems=tuple(problems),
    )


def _read(
    path: Path, read: Callable[[Path, sqlite3.Connection], None], problems: list[str]
) -> None:
    """Read a segment in one transaction; what is wrong with it is added to the problems."""
    try:
        with contextlib.closing(_open(path)) as database:
            why = explain_version(database)
            if why is None:
                database.execute("BEGIN")
                read(path, database)
            else:
                problems.append(f"{path.name}: {why}")
    except sqlite3.Error as error:
        if path.exists():  # or it has become too old meanwhile
            problems.append(f"{path.name}: {error}; what is behind that is left out")


def _open(path: Path) -> sqlite3.Connection:
    """Open a segment to be read. One that nobody writes is read without a file beside it."""
    is_closed = not path.with_name(path.name + "-wal").exists()
    how = "immutable=1" if is_closed else "mode=ro"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=_BUSY_S)


def _position(columns: list[int], layout: str | None) -> SessionPosition | None:
    """Return the position of a row; None where it is damaged."""
    with contextlib.suppress(JournalFault):
        given = dict(zip(_POSITION, columns, strict=True))
        return SessionPosition(**given, layout=read_layout(layout))
    return None


class _Collected:
    """One session, as it comes together from the segments, the oldest first."""

    def __init__(self, session_id: str) -> None:
        self.is_there = False
        self.problems: list[str] = []
        self._id = session_id
        self._head: SessionHead | None = None
        self._epochs: dict[str, int] = {}
        self._began_at_ms: int | None = None
        self._finals: dict[int, JournaledFinal] = {}
        self._position: SessionPosition | None = None
        self._state: JournaledState = "open"
        self._written_at_ms = 0

    def read(
        self, name: str, database: sqlite3.Connection, key: int, content: bytes, crc: int
    ) -> None:
        """Take what a segment has under this key, with its head."""
        self.is_there = True
        self._read_head(name, content, crc)
        self._read_finals(name, database, key)
        self._read_position(name, database, key)
        self._read_end(name, database, key)

    def session(self) -> JournaledSession:
        """Return what has come together."""
        return JournaledSession(
            session_id=self._id,
            head=self._head,
            began_at_ms=self._began_at_ms,
            finals=tuple(self._finals[number] for number in sorted(self._finals)),
            position=self._position,
            state=self._state,
            written_at_ms=self._written_at_ms,
            epochs=self._epochs,
            problems=tuple(self.problems),
        )

    def _read_head(self, name: str, content: bytes, crc: int) -> None:
        head = None
        if checksum(self._id, "head", content) == crc:
            with contextlib.suppress(JournalFault):
                head = read_head(content)
        if head is None:
            self.problems.append(f"{name}: the head of session {self._id} is damaged")
            return
        if self._head is not None and self._head.epoch not in (None, head.epoch):
            self._epochs[self._head.epoch] = head.finals_before
        self._head = head
        self._began_at_ms = self._began_at_ms or head.began_at_ms
        self._written_at_ms = max(self._written_at_ms, head.began_at_ms)

    def _read_finals(self, name: str, database: sqlite3.Connection, key: int) -> None:
        damaged = 0
        for number, content, crc in database.execute(
            "SELECT number, content, crc FROM finals WHERE session = ? ORDER BY number", (key,)
        ):
            if checksum(self._id, f"final {number}", content) != crc:
                damaged += 1
                continue
            # Of two with one number, the first is the one that was told.
            self._finals.setdefault(
                number, JournaledFinal(number=number, final=read_final(content))
            )
        self._note_damaged(name, "finals", damaged)

    def _read_position(self, name: str, database: sqlite3.Connection, key: int) -> None:
        damaged = 0
        for *columns, layout, crc in database.execute(_POSITIONS, (key,)):
            position = _position(columns, layout)
            if position is None or position_checksum(self._id, position) != crc:
                damaged += 1
                continue
            self._position = position
            self._written_at_ms = max(self._written_at_ms, position.at_ms)
            break
        self._note_damaged(name, "positions", damaged)

    def _read_end(self, name: str, database: sqlite3.Connection, key: int) -> None:
        row = database.execute(
            "SELECT at_ms, outcome, crc FROM ends WHERE session = ?", (key,)
        ).fetchone()
        closing = database.execute("SELECT how FROM closings").fetchone()
        self._state = "open" if closing is None or closing[0] == "continued" else "cut off"
        if row is None:
            return
        at_ms, outcome, crc = row
        if checksum(self._id, "end", f"{at_ms} {outcome}".encode()) != crc or (
            outcome not in OUTCOMES
        ):
            self._note_damaged(name, "ends", 1)
            return
        self._state = cast("SessionOutcome", outcome)  # it is one of them
        self._written_at_ms = max(self._written_at_ms, at_ms)

    def _note_damaged(self, name: str, what: str, count: int) -> None:
        if count:
            words = _DAMAGED.format(segment=name, count=count, what=what, id=self._id)
            self.problems.append(words)

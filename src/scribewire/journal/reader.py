"""Reads a journal, also while a server writes it.

What cannot be read is told in words beside what can. A caller in an event loop calls these in a
thread: they wait for the disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard, cast

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
    "SELECT at_ms, received_bytes, replay_from_bytes, audio_ms, finals, settled_ms,"
    " {layout}, crc FROM positions WHERE session = ? ORDER BY row DESC"
)
_LAYOUTS = {1: "CAST(layout AS TEXT)", 2: "NULL"}  # by the version of a segment
_LATEST = "SELECT CAST(kind AS TEXT), content, crc FROM latest WHERE session = ?"
# What the disk has changed may be of another type than its column.
_HEADS = "SELECT key, CAST(id AS TEXT), content, crc FROM sessions"
_FINALS = "SELECT number, content, crc FROM finals WHERE session = ? ORDER BY number"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledSession:
    """What is known of one session."""

    session_id: str
    head: SessionHead | None
    """That of the process that has gone on with it last; None where it is damaged."""
    began_at_ms: int | None
    """Unix time, of the first head."""
    finals: tuple[JournaledFinal, ...]
    """In order, each once."""
    position: SessionPosition | None
    """The last one of that process."""
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
    """Those that began first come first; their finals have no text, a journal may be large."""
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
            of = str(session_id)
            found = every.setdefault(of, _Collected(of, is_in_outline=True))
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
    where = f"{path.resolve().as_uri()}?{how}"
    database = sqlite3.connect(where, uri=True, timeout=_BUSY_S)
    database.text_factory = lambda text: text.decode(errors="replace")
    return database


def _position(
    session_id: str, columns: list[int], layout: str | None, crc: int
) -> SessionPosition | None:
    """Return the position of a row; None where it is damaged."""
    at_ms, received_bytes, replay_from_bytes, audio_ms, finals, settled_ms = columns
    with contextlib.suppress(JournalFault):
        found = SessionPosition(
            at_ms=at_ms,
            received_bytes=received_bytes,
            replay_from_bytes=replay_from_bytes,
            audio_ms=audio_ms,
            finals=finals,
            settled_ms=settled_ms,
            layout=read_layout(layout),
        )
        return found if position_checksum(session_id, found, layout) == crc else None
    return None


@dataclass(slots=True, kw_only=True)
class _Run:
    """What one process has written of a session."""

    head: SessionHead | None
    finals: dict[int, JournaledFinal] = field(default_factory=dict)
    position: SessionPosition | None = None
    state: JournaledState = "open"

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among the others: behind those that it has gone on from."""
        return (0, 0) if self.head is None else (self.head.finals_before, self.head.began_at_ms)

    def take_position(self, position: SessionPosition) -> None:
        """Have it as the last one, unless another is further: segments may be in disorder."""
        known = self.position
        if known is None or _reach(position) >= _reach(known):
            self.position = position


def _reach(position: SessionPosition) -> tuple[int, int]:
    return position.finals, position.replay_from_bytes


class _Collected:
    """One session, as it comes together from the segments.

    Theory of operation. Each process that has carried it has written a head of its own; where one
    still writes while another has gone on with the session, and where clocks were changed, the
    names of the segments say nothing. So what was written comes together by heads. Of what a run
    has written, no more counts than the next one has found.
    """

    def __init__(self, session_id: str, *, is_in_outline: bool = False) -> None:
        self.is_there = False
        self.problems: list[str] = []
        self._id = session_id
        self._is_in_outline = is_in_outline  # without text
        self._runs: list[_Run] = []
        self._written_at_ms = 0

    def read(
        self, name: str, database: sqlite3.Connection, key: int, content: object, crc: int
    ) -> None:
        """Take what a segment has under this key, with its head."""
        self.is_there = True
        run = self._run_of(self._read_head(name, content, crc))
        self._read_finals(name, database, key, run)
        self._read_position(name, database, key, run)
        self._read_end(name, database, key, run)

    def session(self) -> JournaledSession:
        """Return what has come together."""
        runs = sorted(self._runs, key=lambda one: one.order)
        finals: dict[int, JournaledFinal] = {}
        head: SessionHead | None = None
        epochs: dict[str, int] = {}
        for run in runs:
            if head is not None and run.head is not None:
                found = run.head.finals_before
                finals = {number: one for number, one in finals.items() if number <= found}
                if head.epoch is not None:
                    epochs[head.epoch] = found
            head = run.head or head
            finals = run.finals | finals
        began = [one.head.began_at_ms for one in runs if one.head is not None]
        return JournaledSession(
            session_id=self._id,
            head=head,
            began_at_ms=began[0] if began else None,
            finals=tuple(finals[number] for number in sorted(finals)),
            position=runs[-1].position,
            state=runs[-1].state,
            written_at_ms=self._written_at_ms,
            epochs=epochs,
            problems=tuple(self.problems),
        )

    def _run_of(self, head: SessionHead | None) -> _Run:
        """Return the run that has this head; with none, the latest that there is."""
        known = [one for one in self._runs if head in (None, one.head)]
        if not known:
            known = [_Run(head=head)]
            self._runs += known
        return known[-1]

    def _read_head(self, name: str, content: object, crc: int) -> SessionHead | None:
        if _is_as_written(content, crc, self._id, "head"):
            with contextlib.suppress(JournalFault):
                head = read_head(content)
                self._written_at_ms = max(self._written_at_ms, head.began_at_ms)
                return head
        self.problems.append(f"{name}: the head of session {self._id} is damaged")
        return None

    def _read_finals(self, name: str, database: sqlite3.Connection, key: int, run: _Run) -> None:
        damaged = 0
        for number, content, crc in database.execute(_FINALS, (key,)):
            try:
                one = self._final(number, content, crc)
            except JournalFault:
                damaged += 1
            else:
                run.finals.setdefault(number, one)
        self._note_damaged(name, "finals", damaged)

    def _final(self, number: int, content: object, crc: int) -> JournaledFinal:
        if not _is_as_written(content, crc, self._id, f"final {number}"):
            raise JournalFault("not as it was written")
        final = read_final(content)
        if self._is_in_outline:
            final = replace(final, text="", words=None)
        return JournaledFinal(number=number, final=final)

    def _read_position(self, name: str, database: sqlite3.Connection, key: int, run: _Run) -> None:
        damaged = 0
        version = database.execute("PRAGMA user_version").fetchone()[0]
        rows = database.execute(_POSITIONS.format(layout=_LAYOUTS[version]), (key,))
        for *columns, layout, crc in rows:
            position = _position(self._id, columns, layout, crc)
            if position is None:
                damaged += 1
                continue
            self._written_at_ms = max(self._written_at_ms, position.at_ms)
            if version > 1:
                position = self._with_latest(name, database, key, position)
            if position is not None:
                run.take_position(position)
            break
        self._note_damaged(name, "positions", damaged)

    def _with_latest(
        self, name: str, database: sqlite3.Connection, key: int, position: SessionPosition
    ) -> SessionPosition | None:
        """Return a position with what is written beside it; None: nobody knows of what audio."""
        latest: dict[str, bytes] = {}
        for kind, content, crc in database.execute(_LATEST, (key,)):
            if _is_as_written(content, crc, self._id, str(kind)):
                latest[kind] = content
                continue
            self._note_damaged(name, f"{kind}s", 1)
            if kind != "checkpoint":
                return None
        checkpoint, layout = latest.get("checkpoint"), latest.get("layout")
        text = None if layout is None else layout.decode()
        return replace(position, layout=read_layout(text), checkpoint=checkpoint)

    def _read_end(self, name: str, database: sqlite3.Connection, key: int, run: _Run) -> None:
        row = database.execute(
            "SELECT at_ms, outcome, crc FROM ends WHERE session = ?", (key,)
        ).fetchone()
        closing = database.execute("SELECT how FROM closings").fetchone()
        run.state = "open" if closing is None or closing[0] == "continued" else "cut off"
        if row is None:
            return
        at_ms, outcome, crc = row
        if checksum(self._id, "end", f"{at_ms} {outcome}".encode()) != crc or (
            outcome not in OUTCOMES
        ):
            self._note_damaged(name, "ends", 1)
            return
        run.state = cast("SessionOutcome", outcome)  # it is one of them
        self._written_at_ms = max(self._written_at_ms, at_ms)

    def _note_damaged(self, name: str, what: str, count: int) -> None:
        if count:
            words = _DAMAGED.format(segment=name, count=count, what=what, id=self._id)
            self.problems.append(words)


def _is_as_written(content: object, crc: int, session_id: str, kind: str) -> TypeGuard[bytes]:
    return isinstance(content, bytes) and checksum(session_id, kind, content) == crc

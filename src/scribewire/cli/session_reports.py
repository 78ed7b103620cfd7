"""What `scribewire sessions` tells of a journal, to people and to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.cli.captions import format_time as format_length
from scribewire.cli.durations import format_time
from scribewire.cli.key_reports import aligned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scribewire.journal.reader import JournaledSession


def table(sessions: Iterable[JournaledSession]) -> list[str]:
    """Return a line for each session, with a head."""
    rows = [("ID", "BEGAN", "LANGUAGE", "LENGTH", "FINALS", "STATE")]
    rows += [
        (
            one.session_id,
            format_time(_seconds(one.began_at_ms)) or "?",
            language_of(one) or "?",
            format_length(length_ms_of(one)),
            str(len(one.finals)),
            one.state,
        )
        for one in sessions
    ]
    return aligned(rows)


def describe(session: JournaledSession) -> dict[str, object]:
    """Return a session for a program, without what was said."""
    head, position = session.head, session.position
    return {
        "id": session.session_id,
        "state": session.state,
        "began_at": format_time(_seconds(session.began_at_ms)),
        "written_at": format_time(_seconds(session.written_at_ms)),
        "language": language_of(session),
        "type": None if head is None else head.wishes.mode,
        "path": None if head is None else head.path,
        "source_host": None if head is None else head.source_host,
        "key": None if head is None else head.key_id,
        "length_ms": length_ms_of(session),
        "received_bytes": 0 if position is None else position.received_bytes,
        "finals": len(session.finals),
        "missing_finals": session.missing_finals,
    }


def describe_all(session: JournaledSession) -> dict[str, object]:
    """Return a session for a program, with its finals as the wire's messages."""
    from scribewire.protocol.results import as_result
    from scribewire.protocol.scriptix.shape import SCRIPTIX

    finals = [SCRIPTIX.write(as_result(one.final, one.number)) for one in session.finals]
    return {"session": describe(session), "finals": finals}


def problems_of(session: JournaledSession) -> list[str]:
    """Say what is not there of what was said in a session."""
    problems = list(session.problems)
    if session.missing_finals:
        told = f"{session.missing_finals} finals of session {session.session_id} are not there"
        problems.append(told)
    return problems


def language_of(session: JournaledSession) -> str | None:
    """Return the language that was asked for, `auto` too, or else the one that was heard."""
    asked = None if session.head is None else session.head.wishes.language
    heard = {one.final.language for one in session.finals} - {None}
    return asked or (heard.pop() if len(heard) == 1 else None)


def length_ms_of(session: JournaledSession) -> int:
    """Return how much audio there was, as far as that is known."""
    return 0 if session.position is None else session.position.audio_ms


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000

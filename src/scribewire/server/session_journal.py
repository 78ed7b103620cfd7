"""One session in the journal: its head, and what is written of it while it goes on."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from scribewire.journal.entries import (
    JournaledFinal,
    JournalEntry,
    SessionEnd,
    SessionHead,
    SessionPosition,
)
from scribewire.sources.http.urls import host_of
from scribewire.types import samples_to_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.events import Final
    from scribewire.protocol.dialogue import OpeningRequest, SessionStarted
    from scribewire.server.journal_keeper import JournalKeeper, Receipt
    from scribewire.server.session import Session


def head_of(
    session: Session,
    opening: OpeningRequest,
    started: SessionStarted,
    *,
    resume_window_ms: int,
    now: float,
) -> SessionHead:
    """Return what the journal says of a session that begins now, in Unix seconds."""
    url, position = started.wishes.url, session.position
    return SessionHead(
        session_id=session.id,
        began_at_ms=int(now * 1000),
        path=opening.path,
        wishes=replace(started.wishes, url=None),
        source_host=None if url is None else host_of(url),
        audio_format=started.audio_format,
        key_id=started.grant.key_id,
        epoch=None if position is None else position.epoch,
        resume_window_ms=0 if position is None else resume_window_ms,
    )


class SessionJournal:
    """Writes down one session. It belongs to the event loop's thread; `close` comes last."""

    def __init__(
        self,
        keeper: JournalKeeper,
        session: Session,
        head: SessionHead,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keeper, self._session, self._head = keeper, session, head
        self._now = now
        self._last = SessionPosition(at_ms=0)  # as it was written
        session.results.journal_finals(self._write_final)
        keeper.follow(head.session_id, self._next_position)
        keeper.write(JournalEntry(head=head))

    def close(self) -> None:
        """Write how it has ended, once it has."""
        self._keeper.forget(self._head.session_id)
        end = SessionEnd(at_ms=self._now_ms(), outcome=self._session.results.outcome)
        self._keeper.write(JournalEntry(head=self._head, position=self._position(), end=end))

    def _write_final(self, final: Final, number: int) -> Receipt | None:
        position = self._last = self._position(finals=number)
        entry = JournalEntry(
            head=self._head, final=JournaledFinal(number=number, final=final), position=position
        )
        return self._keeper.write_soon(entry, self._session.has_news.set)

    def _next_position(self) -> JournalEntry | None:
        """Return where it is, unless it is where it was."""
        position = self._position()
        if replace(position, at_ms=self._last.at_ms) == self._last:
            return None
        self._last = position
        return JournalEntry(head=self._head, position=position)

    def _position(self, finals: int | None = None) -> SessionPosition:
        session = self._session
        return SessionPosition(
            at_ms=self._now_ms(),
            received_bytes=session.received_bytes,
            replay_from_bytes=replay_from_bytes(session),
            audio_ms=samples_to_ms(session.results.heard_samples),
            finals=session.results.last_final if finals is None else finals,
        )

    def _now_ms(self) -> int:
        return int(self._now() * 1000)


def replay_from_bytes(session: Session) -> int:
    """Return where the audio of a session begins that is in no final yet."""
    return session.received_bytes

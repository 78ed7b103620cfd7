"""One session in the journal: its head, and what is written of it while it goes on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from scribewire.errors import CloseCode
from scribewire.journal.entries import (
    JournaledFinal,
    JournalEntry,
    SessionEnd,
    SessionHead,
    SessionPosition,
)
from scribewire.server.journal_keeper import Receipt
from scribewire.sources.http.urls import host_of
from scribewire.types import samples_to_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scribewire.events import Final
    from scribewire.protocol.dialogue import OpeningRequest, SessionStarted
    from scribewire.server.journal_keeper import JournalKeeper
    from scribewire.server.session import Session

_ALIVE_MS = 10_000  # how exactly it is known when the process of a session went away, at most


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
        finals_before=session.results.last_final,
    )


class SessionJournal:
    """Writes one session into one journal. For the event loop's thread; `close` comes last.

    `on_lost` is called once another process has taken the session over: nothing more is written.
    """

    def __init__(
        self,
        keeper: JournalKeeper,
        session: Session,
        head: SessionHead,
        *,
        is_server_ending: Callable[[], bool] = lambda: False,
        on_lost: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keeper, self._session, self._head = keeper, session, head
        self._is_server_ending, self._on_lost, self._now = is_server_ending, on_lost, now
        self._replay_from_bytes = session.received_bytes  # that was written
        self._finals = session.results.last_final  # with one that is being written
        self._last = self._position()  # as it was written
        self._alive_ms = min(_ALIVE_MS, max(1, head.resume_window_ms // 3))
        self._is_over = False  # here: another process writes the session
        keeper.follow(self._write_position)
        # Before its client is listened to: it may come back from then on. With its position: where
        # another process still writes this session, what that one writes behind is of no account.
        self._has_begun = asyncio.Event()
        self._write_soon(JournalEntry(head=head, position=self._last), self._has_begun)

    async def begun(self) -> None:
        """Wait until the head is in it, or there is no journal any more."""
        await self._has_begun.wait()

    async def leave(self) -> None:
        """Write where it is, for another process to go on from, and nothing more."""
        written = asyncio.Event()
        if not self._is_over:
            self._write_soon(JournalEntry(head=self._head, position=self._position()), written)
            self._end()
            await written.wait()

    def close(self) -> None:
        """Write how it has ended, once it has."""
        if self._is_over:
            return
        self._end()
        outcome = self._session.results.outcome
        is_by_server = outcome == "complete" and self._session.end_code is not CloseCode.NORMAL
        may_go_on = outcome == "dropped" or is_by_server
        if may_go_on and self._head.epoch is not None and self._is_server_ending():
            outcome = "drained"
        end = SessionEnd(at_ms=self._now_ms(), outcome=outcome)
        self._keeper.write(JournalEntry(head=self._head, position=self._position(), end=end))

    @property
    def replay_from_bytes(self) -> int:
        """The byte from which on another process would ask for audio."""
        if not self._keeper.is_up:  # nothing is written that it could go on from
            return self._session.received_bytes
        return self._replay_from_bytes

    def write_final(self, final: Final, number: int, wake: Callable[[], object]) -> Receipt | None:
        """Have a final written, and `wake` called when it is; None: nobody writes it."""
        if self._is_over:  # it is never told
            return Receipt(wake)
        self._finals = number
        position = self._last = self._position()
        entry = JournalEntry(
            head=self._head, final=JournaledFinal(number=number, final=final), position=position
        )
        written = self._note_of(position)
        return self._keeper.write_soon(entry, wake, written=written, lost=self._lose)

    def _write_position(self) -> None:
        """Write where it is, unless it is where it was a moment ago."""
        position = self._position()
        is_old = position.at_ms - self._last.at_ms >= self._alive_ms
        is_due = self._head.epoch is not None and is_old
        if not is_due and replace(position, at_ms=self._last.at_ms) == self._last:
            return
        self._last = position
        entry = JournalEntry(head=self._head, position=position)
        self._keeper.write(entry, written=self._note_of(position), lost=self._lose)

    def _write_soon(self, entry: JournalEntry, written: asyncio.Event) -> None:
        """Write an entry and have this set once it is written, or never will be."""

        def lose() -> None:
            written.set()
            self._lose()

        if self._keeper.write_soon(entry, written.set, lost=lose) is None:
            written.set()

    def _lose(self) -> None:
        if not self._is_over:
            self._end()
            self._on_lost()

    def _end(self) -> None:
        self._is_over = True
        self._keeper.forget(self._write_position)

    def _note_of(self, position: SessionPosition) -> Callable[[], None]:
        def note() -> None:
            self._replay_from_bytes = position.replay_from_bytes

        return note

    def _position(self) -> SessionPosition:
        session, settled = self._session, self._session.settled
        checkpoint = None if settled is None else settled.checkpoint
        return SessionPosition(
            at_ms=self._now_ms(),
            received_bytes=session.received_bytes,
            replay_from_bytes=session.received_bytes if settled is None else settled.bytes,
            audio_ms=samples_to_ms(session.results.heard_samples),
            finals=self._finals,
            settled_ms=None if settled is None else samples_to_ms(settled.samples),
            layout=None if settled is None else settled.layout,
            checkpoint=None if checkpoint is None else checkpoint.content,
        )

    def _now_ms(self) -> int:
        return int(self._now() * 1000)


class SessionJournals:
    """Writes one session into all journals of a server: a final is told once each has it."""

    def __init__(self, session: Session, journals: Sequence[SessionJournal]) -> None:
        self._session, self._journals = session, journals
        session.replay_from = self._replay_from
        session.results.journal_finals(self._write_final)

    async def begun(self) -> None:
        """Wait until the head is in each."""
        for one in self._journals:
            await one.begun()

    async def leave(self) -> None:
        """Write where it is into each, and nothing more."""
        await asyncio.gather(*(one.leave() for one in self._journals))

    def close(self) -> None:
        """Write into each how it has ended, once it has."""
        for one in self._journals:
            one.close()

    def _replay_from(self) -> int:
        """Return the byte from which on another process may ask for audio, whatever it reads."""
        return min(one.replay_from_bytes for one in self._journals)

    def _write_final(self, final: Final, number: int) -> Receipt | None:
        whole, parts = Receipt(self._session.has_news.set), list[Receipt]()
        is_asked = False  # of all: one of them may turn off meanwhile

        def settle() -> None:
            if is_asked and all(one.is_settled for one in parts):
                whole.settle()

        for journal in self._journals:
            part = journal.write_final(final, number, settle)
            if part is not None:
                parts.append(part)
        if not parts:
            return None
        is_asked = True
        settle()
        return whole

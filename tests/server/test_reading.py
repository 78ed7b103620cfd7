"""Where one reader's events come from; with whole servers tests/integration/test_readers.py."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scribewire.errors import ServerFault
from scribewire.events import Final
from scribewire.grants import Grant
from scribewire.journal.entries import (
    JournaledFinal,
    JournalEntry,
    SessionEnd,
    SessionHead,
    SessionPosition,
)
from scribewire.runtime.told import FinalsMissed, FinalTold, TellingEnded, ToldEvent
from scribewire.server.reading import SessionReading
from scribewire.testing.running import RunningServer, run_server
from scribewire.wishes import Wishes

if TYPE_CHECKING:
    from scribewire.journal.entries import SessionOutcome

SESSION = "5e55"
BEGAN_MS = int(time.time() * 1000)
OWNER = Grant(key_id="sw_a")


def final(text: str) -> Final:
    return Final(utterance=0, text=text, start_sample=0, end_sample=1, decided_sample=1)


def head(window_ms: int = 0) -> SessionHead:
    return SessionHead(
        session_id=SESSION,
        began_at_ms=BEGAN_MS,  # of one run: another millisecond were another process's
        path="/v2/realtime",
        wishes=Wishes(),
        key_id="sw_a",
        epoch="e70c4" if window_ms else None,
        resume_window_ms=window_ms,
    )


async def record(server: RunningServer, *entries: JournalEntry) -> None:
    """Have something in the journal as if a session had written it."""
    assert server.services.journal is not None
    for entry in entries:
        server.services.journal.write(entry)
    await server.services.journal.find(SESSION)


def told(numbers: str) -> list[JournalEntry]:
    return [
        JournalEntry(head=head(), final=JournaledFinal(number=int(one), final=final(one)))
        for one in numbers
    ]


def ended(outcome: SessionOutcome, window_ms: int = 0) -> JournalEntry:
    now_ms = int(time.time() * 1000)
    return JournalEntry(
        head=head(window_ms),
        position=SessionPosition(at_ms=now_ms),
        end=SessionEnd(at_ms=now_ms, outcome=outcome),
    )


async def read_all(server: RunningServer, after: int = 0) -> list[ToldEvent | None]:
    reading = SessionReading(SESSION, server.services)
    return [one async for one in reading.events(after, with_partials=False)]


@pytest.mark.parametrize("outcome", ["complete", "dropped", "failed", "drained"])
async def test_what_is_over_is_told_from_the_journal(
    tmp_path: Path, outcome: SessionOutcome
) -> None:
    async with run_server(journal=tmp_path) as server:
        await record(server, *told("1245"), ended(outcome))
        events = await read_all(server, after=1)

    assert events == [
        FinalTold(2, final("2")),
        FinalsMissed(3, 3),
        FinalTold(4, final("4")),
        FinalTold(5, final("5")),
        TellingEnded(outcome),
    ]


async def test_whose_it_is_the_journal_knows(tmp_path: Path) -> None:
    async with run_server(journal=tmp_path) as server:
        await record(server, ended("complete"))
        reading = SessionReading(SESSION, server.services)

        assert await reading.is_allowed(OWNER)
        assert not await reading.is_allowed(replace(OWNER, key_id="sw_b", is_admin=True))
        assert not await SessionReading("0" * 8, server.services).is_allowed(OWNER)


async def test_without_a_journal_nobody_knows_what_is_over(server: RunningServer) -> None:
    assert not await SessionReading(SESSION, server.services).is_allowed(OWNER)
    assert await read_all(server) == [TellingEnded("dropped")]


async def test_where_the_journal_cannot_be_read_it_cannot_be_found_out(tmp_path: Path) -> None:
    async with run_server(journal=tmp_path / "journal") as server:
        (tmp_path / "journal").rename(tmp_path / "elsewhere")
        with pytest.raises(ServerFault):
            await SessionReading(SESSION, server.services).is_allowed(OWNER)
        (tmp_path / "elsewhere").rename(tmp_path / "journal")


async def test_what_one_reader_has_just_found_another_need_not_look_for(tmp_path: Path) -> None:
    async with run_server(journal=tmp_path / "journal") as server:
        await record(server, ended("complete"))
        assert await SessionReading(SESSION, server.services).is_allowed(OWNER)
        (tmp_path / "journal").rename(tmp_path / "elsewhere")
        assert await SessionReading(SESSION, server.services).is_allowed(OWNER)
        (tmp_path / "elsewhere").rename(tmp_path / "journal")


async def test_who_may_come_back_is_waited_for_until_the_window_is_over(tmp_path: Path) -> None:
    async with run_server(journal=tmp_path) as server:
        await record(server, ended("drained", window_ms=1_500))
        async with asyncio.timeout(10):
            events = await read_all(server)

    assert set(events[:-1]) == {None}
    assert events[-1] == TellingEnded("drained")

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scribewire.journal.entries import JournalFault
from scribewire.journal.reader import read_session
from scribewire.journal.store import JournalStore
from scribewire.journal.writer import JournalWriter
from scribewire.server.disk_store import DiskStore
from tests.parts.journaled import allow, final, head, said
from tests.server.test_journal_keeper import HangingWriter

OF = head()


def note_lost(session_id: str) -> None:
    raise AssertionError(session_id)


async def let_go(session_id: str) -> None:
    raise AssertionError(session_id)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[JournalStore]:
    store: JournalStore = DiskStore(JournalWriter(tmp_path, days=30))
    yield store
    store.abandon()


async def test_what_was_written_is_found(store: JournalStore, tmp_path: Path) -> None:
    assert await store.prepare() == []
    store.on_wanted(let_go)
    await store.write(said(OF, 1, 2), note_lost)
    found = await store.take_over(OF.session_id, allow)
    await store.sync()
    assert not await store.has_lost(OF.session_id)
    await store.close()

    assert found is not None
    assert found.finals == (final(1), final(2))
    assert await store.take_over("another", allow) is None
    closed = read_session(tmp_path, OF.session_id)
    assert closed is not None
    assert closed.state == "cut off"  # the session: its process has closed the file


async def test_what_is_older_than_any_window_is_not_found(tmp_path: Path) -> None:
    then = datetime.now(UTC) - timedelta(days=2)
    writer = JournalWriter(tmp_path, days=30, now=then.timestamp)
    writer.write(said(OF, 1))
    writer.close()
    store = DiskStore(JournalWriter(tmp_path, days=30))

    assert await store.take_over(OF.session_id, allow) is None
    store.abandon()


async def test_what_the_disk_does_not_take_is_a_fault(tmp_path: Path) -> None:
    store = DiskStore(JournalWriter(tmp_path / "gone", days=30))
    with pytest.raises(JournalFault, match="gone"):
        await store.write(said(OF, 1), note_lost)
    with pytest.raises(JournalFault, match="gone"):
        await store.prepare()
    store.abandon()


async def test_a_call_that_has_begun_is_finished_and_one_that_has_not_is_never_made(
    tmp_path: Path,
) -> None:
    writer = HangingWriter(tmp_path)
    store = DiskStore(writer)
    begun = asyncio.create_task(store.write(said(OF, 1), note_lost))
    while not store.is_busy:  # noqa: ASYNC110 - nobody is told of it
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(store.write(said(OF, 2), note_lost))
    await asyncio.sleep(0)
    for one in (begun, waiting):
        one.cancel()
    await asyncio.gather(begun, waiting, return_exceptions=True)
    writer.goes_on.set()
    await store.catch_up()
    found = await store.take_over(OF.session_id, allow)
    store.abandon()

    assert found is not None
    assert found.finals == (final(1),)

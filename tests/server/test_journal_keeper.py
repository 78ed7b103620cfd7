from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from scribewire.journal.entries import JournalEntry, JournalFault
from scribewire.journal.mending import find_segments
from scribewire.journal.reader import JournaledSession, read_session
from scribewire.journal.writer import JournalWriter
from scribewire.server.disk_store import DiskStore
from scribewire.server.journal_keeper import (
    MAX_WAITING_ENTRIES,
    JournalKeeper,
    Receipt,
    keep_journal,
)
from scribewire.server.journal_keeper import keeping as running
from scribewire.settings import Settings
from tests.parts.journaled import allow, final, head, position, said

OF = head()


@asynccontextmanager
async def keeping(writer: JournalWriter, **times: float) -> AsyncIterator[JournalKeeper]:
    given = {"positions_every_s": 0.01, "call_patience_s": 5.0, **times}
    async with running(JournalKeeper(DiskStore(writer), **given)) as keeper:
        yield keeper


async def settled(receipt: Receipt | None, woken: asyncio.Event) -> None:
    assert receipt is not None
    async with asyncio.timeout(20):
        while not receipt.is_settled:
            await woken.wait()
            woken.clear()


def is_up(keeper: JournalKeeper) -> bool:
    return keeper.is_up  # asked anew: what it was before says nothing


def numbers(folder: Path) -> list[int]:
    found = read_session(folder, OF.session_id)
    return [] if found is None else [one.number for one in found.finals]


class HangingWriter(JournalWriter):
    """A disk that takes nothing until the test lets it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, days=30)
        self.goes_on = threading.Event()

    def write(self, entries: Sequence[JournalEntry]) -> None:
        self.goes_on.wait()
        super().write(entries)


async def test_a_final_may_be_told_once_it_is_written(tmp_path: Path) -> None:
    woken = asyncio.Event()
    async with keeping(JournalWriter(tmp_path, days=30)) as keeper:
        receipt = keeper.write_soon(said(OF, 1)[0], woken.set)
        assert receipt is not None
        assert not receipt.is_settled
        await settled(receipt, woken)
        assert numbers(tmp_path) == [1]


async def test_what_comes_while_a_batch_is_written_goes_with_the_next(tmp_path: Path) -> None:
    woken, writer = asyncio.Event(), HangingWriter(tmp_path)
    async with keeping(writer) as keeper:
        receipts = []
        for number in (1, 2, 3):
            receipts.append(keeper.write_soon(said(OF, number)[0], woken.set))
            await asyncio.sleep(0)
        assert not any(receipt.is_settled for receipt in receipts if receipt)
        writer.goes_on.set()
        for receipt in receipts:
            await settled(receipt, woken)
        assert numbers(tmp_path) == [1, 2, 3]


async def test_positions_are_asked_for_until_they_are_forgotten(tmp_path: Path) -> None:
    asked = asyncio.Event()
    count = 0

    def write_next(keeper: JournalKeeper) -> None:
        nonlocal count
        count += 1
        asked.set()
        if count < 3:
            keeper.write(JournalEntry(head=OF, position=position(count)))

    async with keeping(JournalWriter(tmp_path, days=30)) as keeper:
        one, other = partial(write_next, keeper), partial(write_next, keeper)
        keeper.follow(one)
        keeper.follow(other)  # of the same session, where another connection has gone on with it
        keeper.forget(other)
        async with asyncio.timeout(20):
            while count < 4:
                await asked.wait()
                asked.clear()
        keeper.forget(one)
    found = read_session(tmp_path, OF.session_id)

    assert found is not None
    assert found.position == position(2)


async def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    async with keeping(JournalWriter(tmp_path, days=30), positions_every_s=60.0) as keeper:
        await asyncio.sleep(0)
        keeper.write(said(OF, 1)[0])
    assert numbers(tmp_path) == [1]


async def test_a_disk_that_hangs_is_not_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    woken, writer = asyncio.Event(), HangingWriter(tmp_path)
    async with keeping(writer, call_patience_s=0.05) as keeper:
        await settled(keeper.write_soon(said(OF, 1)[0], woken.set), woken)
        assert not is_up(keeper)
        assert keeper.write_soon(said(OF, 2)[0], woken.set) is None
        writer.goes_on.set()

    assert "the journal is off, sessions go on without: the disk has not taken" in caplog.text


async def test_a_disk_that_takes_nothing_turns_it_off_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, woken = tmp_path / "journal", asyncio.Event()
    folder.mkdir()
    caplog.set_level(logging.INFO)
    async with keeping(JournalWriter(folder, days=30), retry_every_s=0.05) as keeper:
        folder.rmdir()
        await settled(keeper.write_soon(said(OF, 1)[0], woken.set), woken)
        assert not is_up(keeper)
        assert keeper.write_soon(said(OF, 2)[0], woken.set) is None
        folder.mkdir()
        async with asyncio.timeout(20):
            while not is_up(keeper):  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)
        await settled(keeper.write_soon(said(OF, 3)[0], woken.set), woken)
        assert is_up(keeper)

    assert numbers(folder) == [3]
    assert [one.levelname for one in caplog.records if "is off" in one.message] == ["ERROR"]
    assert "the journal goes on; it has a gap" in caplog.text


async def test_a_fault_of_ours_lets_finals_be_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    woken = asyncio.Event()

    def fail() -> None:
        raise ZeroDivisionError

    async with keeping(JournalWriter(tmp_path, days=30), retry_every_s=0.05) as keeper:
        keeper.follow(fail)
        async with asyncio.timeout(20):
            while is_up(keeper):  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)
        keeper.forget(fail)
        async with asyncio.timeout(20):
            while not is_up(keeper):  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
        await settled(keeper.write_soon(said(OF, 1)[0], woken.set), woken)
    assert numbers(tmp_path) == [1]
    assert "ZeroDivisionError" in caplog.text


async def found_in_time(keeper: JournalKeeper, session_id: str) -> JournaledSession:
    found = None
    while found is None:
        with contextlib.suppress(JournalFault):
            found = await keeper.take_over(session_id, allow)
    return found


async def test_what_is_found_has_what_waited_to_be_written(tmp_path: Path) -> None:
    async with keeping(JournalWriter(tmp_path, days=30), positions_every_s=60.0) as keeper:
        await asyncio.sleep(0)
        keeper.write(said(OF, 1)[0])
        found = await keeper.take_over(OF.session_id, allow)
        assert found is not None
        assert found.finals == (final(1),)


@pytest.mark.slow
async def test_finals_do_not_wait_for_who_reads(tmp_path: Path) -> None:
    earlier = JournalWriter(tmp_path, days=30)
    earlier.write(said(head("earlier"), 1))
    earlier.close()
    woken, other = asyncio.Event(), sqlite3.connect(find_segments(tmp_path)[0])
    async with keeping(JournalWriter(tmp_path, days=30), read_patience_s=0.5) as keeper:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")  # who reads waits for it
        reading = asyncio.create_task(keeper.take_over("earlier", allow))
        await settled(keeper.write_soon(said(OF, 1)[0], woken.set), woken)
        assert not reading.done()
        with pytest.raises(JournalFault, match="has not been read in"):
            await reading
        other.close()
        found = await found_in_time(keeper, "earlier")
        assert found.finals == (final(1),)
        assert is_up(keeper)


async def test_what_waits_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = HangingWriter(tmp_path)
    async with keeping(writer, positions_every_s=60.0) as keeper:
        for _ in range(MAX_WAITING_ENTRIES + 1):
            keeper.write(said(OF, 1)[0])
        assert not is_up(keeper)
        writer.goes_on.set()

    assert "entries wait for the disk" in caplog.text


async def test_what_an_earlier_run_has_left_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed, left = tmp_path / "killed", tmp_path / "left"
    killed.mkdir()
    writer = JournalWriter(killed, days=30)
    writer.write(said(OF, 1))
    shutil.copytree(killed, left)  # as it lies there
    writer.close()
    async with keeping(JournalWriter(left, days=30)):
        pass
    found = read_session(left, OF.session_id)

    assert "its server ended in the midst of it; nothing was torn" in caplog.text
    assert found is not None
    assert (found.finals, found.state) == ((final(1),), "cut off")


async def test_there_is_none_unless_it_was_asked_for(tmp_path: Path) -> None:
    async with keep_journal(Settings()) as none:
        assert none is None
    async with keep_journal(Settings(journal=tmp_path / "made")) as keeper:
        assert keeper is not None
        assert (tmp_path / "made").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(JournalFault, match="--journal"):
        async with keep_journal(Settings(journal=tmp_path / "file")):
            pass


async def test_a_file_of_another_version_is_said_and_another_is_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = JournalWriter(tmp_path, days=30)
    writer.write(said(OF, 1))
    writer.close()
    (newer,) = find_segments(tmp_path)
    database = sqlite3.connect(newer)
    database.execute("PRAGMA user_version = 99")
    database.close()
    woken = asyncio.Event()
    async with keeping(JournalWriter(tmp_path, days=30)) as keeper:
        await settled(keeper.write_soon(said(OF, 2)[0], woken.set), woken)

    assert "it was written by a newer version (schema 99, this one reads 2)" in caplog.text
    assert numbers(tmp_path) == [2]
    assert newer.exists()


async def test_a_batch_is_written_though_its_writer_is_cancelled(tmp_path: Path) -> None:
    writer = HangingWriter(tmp_path)
    keeper = JournalKeeper(DiskStore(writer), call_patience_s=20.0)
    running = asyncio.create_task(keeper.run())
    for number in (1, 2):
        keeper.write_soon(said(OF, number)[0], lambda: None)
        await asyncio.sleep(0.02)  # the first is being written, or is about to be
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    writer.goes_on.set()
    await keeper.aclose()

    assert numbers(tmp_path) == [1, 2]

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from scribewire.journal.entries import JournaledFinal, JournalEntry, JournalFault
from scribewire.journal.mending import find_segments
from scribewire.journal.reader import read_session
from scribewire.journal.writer import JournalWriter, prepare_folder
from tests.parts.journaled import BEGAN_MS, ended, final, head, said

DAY_S = 86_400


class Clock:
    """A time that goes on when the test says so."""

    def __init__(self) -> None:
        self.now = BEGAN_MS / 1000

    def __call__(self) -> float:
        return self.now


def write_a_day(folder: Path, clock: Clock, session_id: str) -> None:
    writer = JournalWriter(folder, days=30, now=clock)
    of = head(session_id)
    writer.write([*said(of, 1), ended(of)])
    writer.close()


def test_a_folder_is_made_that_only_its_owner_may_enter(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "journal"
    prepare_folder(folder)
    prepare_folder(folder)

    assert oct(folder.stat().st_mode & 0o777) == "0o700"


def test_where_no_folder_can_be_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalFault, match=r"--journal .*: File exists"):
        prepare_folder(tmp_path / "file")
    if os.geteuid() != 0:  # root may write anywhere
        tmp_path.chmod(0o500)
        with pytest.raises(JournalFault, match="nothing may be written there"):
            prepare_folder(tmp_path)


def test_nothing_is_made_before_there_is_something_to_write(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, days=30)
    assert writer.mend() == []
    writer.sync()
    writer.close()

    assert list(tmp_path.iterdir()) == []


def test_each_day_has_a_segment_with_the_heads_of_its_sessions(tmp_path: Path) -> None:
    clock, of = Clock(), head()
    writer = JournalWriter(tmp_path, days=30, now=clock)
    writer.write(said(of, 1))
    clock.now += DAY_S
    writer.write(said(of, 2))
    first, second = find_segments(tmp_path)
    first.unlink()  # as its age will
    found = read_session(tmp_path, "5e55")
    writer.close()

    assert second.name.startswith("20251129T")
    assert found is not None
    assert (found.head, found.finals, found.state) == (of, (final(2),), "open")
    assert found.missing_finals == 1


def test_what_is_too_old_is_removed_and_nothing_else(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "20200101-notes.txt").touch()
    write_a_day(tmp_path, clock, "old")
    clock.now += 30 * DAY_S
    write_a_day(tmp_path, clock, "new")  # the old one is 30 days old, and stays
    kept = [read_session(tmp_path, one) is not None for one in ("old", "new")]
    clock.now += DAY_S
    JournalWriter(tmp_path, days=30, now=clock).mend()
    left = [read_session(tmp_path, one) is not None for one in ("old", "new")]

    assert (kept, left) == ([True, True], [False, True])
    assert (tmp_path / "20200101-notes.txt").exists()


def test_what_is_too_old_is_removed_while_it_runs(tmp_path: Path) -> None:
    clock = Clock()
    write_a_day(tmp_path, clock, "old")
    of = head("long")
    writer = JournalWriter(tmp_path, days=1, now=clock)
    for _ in range(3):
        writer.write(said(of, 1))
        clock.now += DAY_S
    writer.close()

    assert read_session(tmp_path, "old") is None
    assert len(find_segments(tmp_path)) == 2


def test_after_a_fault_another_segment_is_begun(tmp_path: Path) -> None:
    of = head()
    writer = JournalWriter(tmp_path, days=30)
    writer.write(said(of, 1))
    with pytest.raises(JournalFault):
        writer.write(said(of, 2, 2))
    writer.write(said(of, 3))
    writer.close()
    found = read_session(tmp_path, "5e55")

    assert len(find_segments(tmp_path)) == 2
    assert found is not None
    assert [one.number for one in found.finals] == [1, 3]
    assert (found.missing_finals, found.state) == (1, "cut off")


@pytest.mark.slow
def test_after_a_day_that_cannot_be_closed_another_segment_is_begun(tmp_path: Path) -> None:
    clock, of = Clock(), head()
    writer = JournalWriter(tmp_path, days=30, now=clock)
    writer.write(said(of, 1))
    clock.now += DAY_S
    with contextlib.closing(sqlite3.connect(find_segments(tmp_path)[0])) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalFault, match="locked"):
            writer.write(said(of, 2))
    writer.write(said(of, 3))
    writer.close()
    found = read_session(tmp_path, "5e55")

    assert found is not None
    assert [one.number for one in found.finals] == [1, 3]


def test_after_a_fault_of_ours_each_final_is_of_its_own_session(tmp_path: Path) -> None:
    writer, of, other = JournalWriter(tmp_path, days=30), head(), head("other")
    writer.write(said(head("first"), 1))
    beyond = JournaledFinal(number=1 << 63, final=final(1).final)  # SQLite has no such number
    with pytest.raises(OverflowError):
        writer.write([JournalEntry(head=of), JournalEntry(head=of, final=beyond)])
    writer.write([*said(other, 1), *said(of, 1)])
    writer.close()
    found = [read_session(tmp_path, one) for one in ("5e55", "other")]

    assert [one and (one.finals, one.problems) for one in found] == [((final(1),), ())] * 2


def test_a_folder_that_has_gone_is_a_fault(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "gone", days=30)
    with pytest.raises(JournalFault, match="No such file"):
        writer.write(said(head(), 1))
    with pytest.raises(JournalFault, match="No such file"):
        writer.mend()

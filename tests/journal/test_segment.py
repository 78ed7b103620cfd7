from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import pytest

from scribewire.journal.entries import JournalFault
from scribewire.journal.reader import read_session
from scribewire.journal.segment import JournalSegment, day_of, name_segment
from tests.parts.full_disk import fill, small_disk
from tests.parts.journaled import ended, final, head, said

NAME = "20251128T000000000000Z-01234567.journal"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


@pytest.mark.parametrize(
    ("name", "day"),
    [
        (NAME, date(2025, 11, 28)),
        (NAME + "-wal", None),
        ("20251328T000000000000Z-01234567.journal", None),
        ("notes.txt", None),
    ],
)
def test_the_day_of_a_segment_is_in_its_name(name: str, day: date | None) -> None:
    assert day_of(name) == day


def test_names_of_one_moment_differ() -> None:
    names = {name_segment(1_764_288_000) for _ in range(20)}

    assert len(names) == 20
    assert {day_of(name) for name in names} == {date(2025, 11, 28)}


def test_only_its_owner_may_read_it(path: Path) -> None:
    segment = JournalSegment(path)
    segment.write(said(head(), 1))
    modes = {one.name: oct(one.stat().st_mode & 0o777) for one in path.parent.iterdir()}
    segment.close()

    assert modes == {NAME: "0o600", NAME + "-wal": "0o600", NAME + "-shm": "0o600"}


def test_what_was_written_is_there_though_it_is_not_closed(path: Path) -> None:
    segment = JournalSegment(path)
    segment.write(said(head(), 1, 2))
    found = read_session(path.parent, "5e55")
    segment.abandon()

    assert found is not None
    assert found.finals == (final(1), final(2))


def test_a_batch_is_there_whole_or_not_at_all(path: Path) -> None:
    segment = JournalSegment(path)
    segment.write(said(head(), 1))
    with pytest.raises(JournalFault, match="UNIQUE"):
        segment.write(said(head(), 2, 3, 3))
    segment.abandon()
    found = read_session(path.parent, "5e55")

    assert found is not None
    assert found.finals == (final(1),)


def test_a_disk_that_is_full_is_a_fault_and_what_came_before_is_there(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        of, segment = head(), JournalSegment(disk / NAME)
        segment.write(said(of, 1))
        filler = fill(disk)
        with pytest.raises(JournalFault, match="full"):
            segment.write(said(of, *range(2, 200)))
        segment.abandon()
        with pytest.raises(JournalFault, match=r"full|No space"):
            JournalSegment(disk / NAME.replace("0", "1"))
        left = sorted(one.name for one in disk.iterdir())
        filler.unlink()
        found = read_session(disk, "5e55")

    assert left[0] == NAME
    assert left[-1] == "filler"
    assert not any(one.endswith(NAME.replace("0", "1")) for one in left)
    assert found is not None
    assert found.finals == (final(1),)


def test_a_place_where_nothing_can_be_is_a_fault(path: Path) -> None:
    with pytest.raises(JournalFault, match="No such file"):
        JournalSegment(path / "beyond")


def test_a_name_that_sqlite_cannot_open_is_a_fault_and_no_file_is_left(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 200) / ("b" * 200) / ("c" * 200)
    deep.mkdir(parents=True)
    with pytest.raises(JournalFault, match="unable to open"):
        JournalSegment(deep / NAME)

    assert list(deep.iterdir()) == []


def test_a_file_that_is_there_is_left_alone(path: Path) -> None:
    path.write_text("of somebody else")
    with pytest.raises(JournalFault, match="exists"):
        JournalSegment(path)

    assert path.read_text() == "of somebody else"


def test_it_is_an_ordinary_database_when_closed(path: Path) -> None:
    segment = JournalSegment(path)
    segment.write([*said(head(), 1), ended(head())])
    segment.sync()
    segment.close()
    database = sqlite3.connect(path)
    counts = [
        database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - these
        for table in ("sessions", "finals", "positions", "ends", "closings")
    ]
    database.close()

    assert [one.name for one in path.parent.iterdir()] == [NAME]
    assert counts == [2, 1, 1, 1, 1]  # two heads: another value is another head

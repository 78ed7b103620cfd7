from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from scribewire.journal.mending import find_segments, mend_segment
from scribewire.journal.reader import read_session
from scribewire.journal.segment import JournalSegment
from tests.parts.journaled import final, head, said

NAME = "20251128T000000000000Z-01234567.journal"
FINALS = 12


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A segment as it lies on the disk when its server is killed: a batch for each final."""
    segment = JournalSegment(tmp_path / NAME)
    of = head()
    for number in range(1, FINALS + 1):
        segment.write(said(of, number))
    folder = tmp_path / "left"
    folder.mkdir()
    for end in ("", "-wal"):
        shutil.copy(tmp_path / (NAME + end), folder)
    segment.close()
    return folder / NAME


def numbers(folder: Path) -> list[int]:
    found = read_session(folder, "5e55")
    return [] if found is None else [one.number for one in found.finals]


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def test_what_was_left_open_is_closed_and_said(left: Path) -> None:
    before = read_session(left.parent, "5e55")
    told = mend_segment(left)
    again = mend_segment(left)
    found = read_session(left.parent, "5e55")

    assert told == f"journal {NAME}: its server ended in the midst of it; nothing was torn"
    assert again is None
    assert before is not None
    assert found is not None
    assert (before.state, found.state) == ("open", "cut off")
    assert found.finals == tuple(final(number) for number in range(1, FINALS + 1))


def test_wherever_the_log_is_torn_what_came_before_is_there(left: Path, tmp_path: Path) -> None:
    whole = log_of(left).read_bytes()
    counts = []
    for size in range(0, len(whole), 1009):
        folder = tmp_path / str(size)
        folder.mkdir()
        torn = Path(shutil.copy(left, folder / NAME))
        log_of(torn).write_bytes(whole[:size])
        told = mend_segment(torn)
        found = numbers(folder)
        counts.append(len(found))
        assert found == list(range(1, len(found) + 1))
        assert size == 0 or told is not None, size
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] >= FINALS - 1


def test_a_torn_tail_is_said(left: Path) -> None:
    with log_of(left).open("r+b") as log:
        log.truncate(log_of(left).stat().st_size - 100)
    told = mend_segment(left)

    assert told is not None
    assert told.endswith("bytes was cut off")
    assert numbers(left.parent) == list(range(1, FINALS))


def test_one_whose_file_was_cut_short_is_said(left: Path) -> None:
    mend_segment(left)  # all of it is in the file now
    whole = left.read_bytes()
    told = []
    for size in range(1, len(whole), 4099):
        left.write_bytes(whole[:size])
        told.append(mend_segment(left))

    assert all(words is None or "it is left as it is" in words for words in told)
    assert told[0] is not None


def test_one_that_was_read_when_it_was_closed_is_nothing_to_be_told(tmp_path: Path) -> None:
    segment = JournalSegment(tmp_path / NAME)
    segment.write(said(head(), 1))
    reading = sqlite3.connect(tmp_path / NAME)
    reading.execute("SELECT count(*) FROM finals").fetchone()
    segment.close()
    left = tmp_path / "left"
    left.mkdir()
    for end in ("", "-wal"):  # as when the reader is killed
        shutil.copy(tmp_path / (NAME + end), left)
    reading.close()
    told = mend_segment(left / NAME)
    found = read_session(left, "5e55")

    assert told is None
    assert found is not None
    assert (found.finals, found.state) == ((final(1),), "cut off")


def test_one_that_a_server_writes_stays_as_it_is(tmp_path: Path) -> None:
    segment = JournalSegment(tmp_path / NAME)
    segment.write(said(head(), 1))
    told = mend_segment(tmp_path / NAME)
    segment.write(said(head(), 2))
    segment.close()

    assert told is None
    assert numbers(tmp_path) == [1, 2]


def test_one_of_another_version_is_said_and_left(left: Path) -> None:
    mend_segment(left)
    for version, age in ((0, "an older"), (3, "a newer")):
        database = sqlite3.connect(left)
        database.execute(f"PRAGMA user_version = {version}")
        database.close()
        before = left.read_bytes()
        told = mend_segment(left)
        found = read_session(left.parent, "5e55")

        assert told == (
            f"journal {NAME}: it was written by {age} version (schema {version}, this one reads "
            "2); it is left as it is"
        )
        assert left.read_bytes() == before
        assert found is None


@pytest.mark.parametrize("content", [b"", b"of somebody else" * 1000])
def test_what_is_no_segment_is_said_and_left(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    told = mend_segment(path)

    assert told is not None
    assert told.endswith("it is left as it is")
    assert path.read_bytes() == content


def test_the_oldest_comes_first(tmp_path: Path) -> None:
    names = [f"2025112{day}T000000000000Z-0000000{day}.journal" for day in (3, 1, 2)]
    for name in (*names, "notes.txt", names[0] + "-wal"):
        (tmp_path / name).touch()

    assert [path.name for path in find_segments(tmp_path)] == sorted(names)

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from scribewire.audio.pcm import PcmFormat
from scribewire.audio.wire import WireLayout
from scribewire.cli.session_reports import table
from scribewire.journal.entries import JournalEntry, JournalFault, SessionPosition
from scribewire.journal.reader import read_session, read_sessions
from scribewire.journal.rows import checksum, position_checksum, write_layout
from scribewire.journal.segment import JournalSegment
from tests.parts.journaled import BEGAN_MS, ended, final, head, position, said

LAYOUT = WireLayout(pcm=PcmFormat(encoding="mulaw", channels=1, rate_hz=8000), header_bytes=58)
FIRST, SECOND = "20251128T000000000000Z-01234567.journal", "20251129T000000000000Z-01234567.journal"


def write(path: Path, *entries: JournalEntry) -> None:
    segment = JournalSegment(path)
    segment.write(entries)
    segment.close()


def test_all_that_was_written_of_a_session_is_read(tmp_path: Path) -> None:
    of = head(epoch="89abcdef")
    write(tmp_path / FIRST, *said(of, 1, 2), *said(head("other"), 1), ended(of))
    found = read_session(tmp_path, "5e55")

    assert found is not None
    assert (found.head, found.began_at_ms, found.state) == (of, BEGAN_MS, "complete")
    assert found.finals == (final(1), final(2))
    assert found.finals_after(1) == (final(2),)
    assert found.position == position(2)
    assert found.written_at_ms == BEGAN_MS + 60_000
    assert (found.missing_finals, found.problems) == (0, ())


def test_a_position_is_read_with_what_is_written_of_it_once(tmp_path: Path) -> None:
    of = head()
    first = replace(position(1), layout=LAYOUT, checkpoint=b"first")
    second = replace(position(2), layout=LAYOUT, checkpoint=b"second")
    still = replace(second, at_ms=second.at_ms + 1000)
    write(tmp_path / FIRST, *(JournalEntry(head=of, position=one) for one in (first, second)))
    write(tmp_path / SECOND, JournalEntry(head=of, position=still))
    found = read_session(tmp_path, "5e55")

    assert found is not None
    assert found.position == still
    database = sqlite3.connect(tmp_path / FIRST)
    kinds = database.execute("SELECT kind, CAST(content AS TEXT) FROM latest").fetchall()
    database.close()
    assert sorted(kinds) == [("checkpoint", "second"), ("layout", write_layout(LAYOUT))]


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("checkpoint", replace(position(1), layout=LAYOUT)),
        ("layout", None),  # nobody knows what its bytes are
    ],
)
def test_what_was_changed_beside_a_position_is_left_out(
    tmp_path: Path, kind: str, left: SessionPosition | None
) -> None:
    at = replace(position(1), layout=LAYOUT, checkpoint=b"sealed")
    write(tmp_path / FIRST, JournalEntry(head=head(), position=at))
    database = sqlite3.connect(tmp_path / FIRST)
    database.execute("UPDATE latest SET content = x'00' WHERE kind = ?", (kind,))
    database.commit()
    database.close()
    found = read_session(tmp_path, "5e55")

    assert found is not None
    assert found.position == left
    assert [f"{kind}s" in one for one in found.problems] == [True]


def test_a_segment_of_the_first_version_is_read(tmp_path: Path) -> None:
    at = replace(position(2), layout=LAYOUT)
    write(
        tmp_path / FIRST, *said(head(), 1), JournalEntry(head=head(), final=final(2), position=at)
    )
    layout = write_layout(LAYOUT)
    database = sqlite3.connect(tmp_path / FIRST)
    database.execute("DROP TABLE latest")
    database.execute("ALTER TABLE positions ADD COLUMN layout TEXT")
    for row, written, crc in (
        (1, None, position_checksum("5e55", position(1))),
        (2, layout, position_checksum("5e55", at, layout)),
    ):
        change = "UPDATE positions SET layout = ?, crc = ? WHERE row = ?"
        database.execute(change, (written, crc, row))
    database.execute("PRAGMA user_version = 1")
    database.commit()
    database.close()
    found = read_session(tmp_path, "5e55")

    assert found is not None
    assert found.problems == ()
    assert (found.position, found.finals) == (at, (final(1), final(2)))


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(JournalFault, match="No such file"):
        read_session(tmp_path / "none", "5e55")
    assert read_session(tmp_path, "5e55") is None
    write(tmp_path / FIRST, *said(head("other"), 1))
    assert read_session(tmp_path, "5e55") is None


def test_a_session_goes_on_in_another_segment(tmp_path: Path) -> None:
    later = head(epoch="00000001", began_at_ms=BEGAN_MS + 5000, finals_before=1)
    write(tmp_path / FIRST, *said(head(epoch="00000000"), 1, 2))
    write(tmp_path / SECOND, *said(later, 2, 3))
    found = read_session(tmp_path, "5e55")

    assert found is not None
    assert (found.head, found.began_at_ms) == (later, BEGAN_MS)
    assert found.finals == (final(1), final(2), final(3))
    assert found.position == position(3)


@pytest.mark.parametrize("names", [(FIRST, SECOND), (SECOND, FIRST)])
def test_of_a_process_that_still_writes_no_more_counts_than_the_next_one_has_found(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    still, later = names  # whatever their clocks have said
    of = head(epoch="00000000")
    goes_on = head(epoch="00000001", began_at_ms=BEGAN_MS + 9000, finals_before=2)
    found_at = replace(position(2), at_ms=BEGAN_MS + 9000)
    third, second = final(3, "As it was told."), said(of, 3)[0]
    write(tmp_path / still, *said(of, 1, 2), second, ended(of, "dropped"))
    write(
        tmp_path / later,
        JournalEntry(head=goes_on, position=found_at),
        JournalEntry(head=goes_on, final=third, position=replace(position(3), audio_ms=5)),
    )
    found = read_session(tmp_path, "5e55")

    assert found is not None
    assert (found.head, found.began_at_ms, found.epochs) == (goes_on, BEGAN_MS, {"00000000": 2})
    assert found.finals == (final(1), final(2), third)
    assert found.position == replace(position(3), audio_ms=5)
    assert found.state == "cut off"


def test_what_has_only_been_gone_on_with_is_where_the_next_process_found_it(
    tmp_path: Path,
) -> None:
    of, goes_on = head(epoch="00000000"), head(epoch="00000001", finals_before=1)
    write(tmp_path / FIRST, *said(of, 1, 2))
    write(tmp_path / SECOND, JournalEntry(head=goes_on, position=position(1)))
    found = read_session(tmp_path, "5e55")

    assert found is not None
    assert (found.finals, found.position) == ((final(1),), position(1))


def test_a_list_of_sessions_holds_no_text(tmp_path: Path) -> None:
    write(tmp_path / FIRST, *said(head(), 1, 2))
    (found,) = read_sessions(tmp_path).sessions

    assert [(one.number, one.final.language) for one in found.finals] == [(1, "en"), (2, "en")]
    assert not any(one.final.text or one.final.words for one in found.finals)


def test_sessions_are_listed_as_they_began(tmp_path: Path) -> None:
    for name, session_id, after_ms in ((FIRST, "b", 50), (SECOND, "a", 0)):
        write(tmp_path / name, *said(head(session_id, began_at_ms=BEGAN_MS + after_ms), 1))
    found = read_sessions(tmp_path)

    assert [one.session_id for one in found.sessions] == ["a", "b"]
    assert found.problems == ()


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    segment, of = JournalSegment(tmp_path / FIRST), head()
    seen = []
    for number in range(1, 6):
        segment.write(said(of, number))
        found = read_session(tmp_path, "5e55")
        assert found is not None
        seen.append((len(found.finals), found.state))
    segment.close()

    assert seen == [(number, "open") for number in range(1, 6)]


def test_nothing_is_left_beside_what_was_read(tmp_path: Path) -> None:
    write(tmp_path / FIRST, *said(head(), 1))
    read_session(tmp_path, "5e55")
    read_sessions(tmp_path)

    assert [one.name for one in tmp_path.iterdir()] == [FIRST]


def test_where_nothing_may_be_written_it_is_read_all_the_same(tmp_path: Path) -> None:
    write(tmp_path / FIRST, *said(head(), 1), ended(head()))
    (tmp_path / FIRST).chmod(0o400)
    tmp_path.chmod(0o500)
    found = read_session(tmp_path, "5e55")
    tmp_path.chmod(0o700)

    assert found is not None
    assert found.finals == (final(1),)


DAMAGES = {
    "finals": ("UPDATE finals SET content = replace(content, 'Number 2', 'Lumber 2')", [1, 3]),
    "of another": ("UPDATE finals SET number = 7 WHERE number = 2", [1, 3]),
    "positions": ("UPDATE positions SET received_bytes = received_bytes + 1", [1, 2, 3]),
    "ends": ("UPDATE ends SET outcome = 'perfect'", [1, 2, 3]),
    "head": ("UPDATE sessions SET content = replace(content, 'v2', 'v9')", [1, 2, 3]),
}


@pytest.mark.parametrize("damaged", DAMAGES)
def test_a_row_that_was_changed_is_said_and_left_out(tmp_path: Path, damaged: str) -> None:
    of = head()
    write(tmp_path / FIRST, *said(of, 1, 2, 3), ended(of))
    change, numbers = DAMAGES[damaged]
    database = sqlite3.connect(tmp_path / FIRST)
    database.execute(change.replace("replace(content", "replace(CAST(content AS TEXT)"))
    database.execute("UPDATE sessions SET content = CAST(content AS BLOB)")
    database.execute("UPDATE finals SET content = CAST(content AS BLOB)")
    database.commit()
    database.close()
    found = read_session(tmp_path, "5e55")

    assert found is not None
    assert [one.number for one in found.finals] == numbers
    assert len(found.problems) == 1
    assert "damaged" in found.problems[0]


OTHER_TYPES = {
    "a final as a text": "UPDATE finals SET content = CAST(content AS TEXT)",
    "a final that is none": "UPDATE finals SET content = x'7b7d', crc = {crc}",
    "a head as a text": "UPDATE sessions SET content = CAST(content AS TEXT)",
    "an id as bytes": "UPDATE sessions SET id = x'ff00'",
    "a layout that is none": "UPDATE latest SET content = x'ff'",
    "a layout of no kind": "UPDATE latest SET kind = x'ff'",
    "a number as a text": "UPDATE finals SET number = 'one'",
    "an end as bytes": "UPDATE ends SET outcome = x'00', at_ms = 'never'",
}


@pytest.mark.parametrize("change", OTHER_TYPES)
def test_what_is_of_another_type_is_said_and_left_out(tmp_path: Path, change: str) -> None:
    at = replace(position(1), layout=LAYOUT)
    write(tmp_path / FIRST, JournalEntry(head=head(), final=final(1), position=at), ended(head()))
    database = sqlite3.connect(tmp_path / FIRST)
    database.execute(OTHER_TYPES[change].format(crc=checksum("5e55", "final 1", b"{}")))
    database.commit()
    database.close()
    found, every = read_session(tmp_path, "5e55"), read_sessions(tmp_path)

    assert found is None or found.problems
    assert [bool(one.problems) for one in every.sessions] == [True]
    assert len(table(every.sessions)) == 2


def test_wherever_a_bit_is_flipped_no_wrong_final_is_read(tmp_path: Path) -> None:
    of = head()
    write(tmp_path / FIRST, *said(of, *range(1, 9)), ended(of))
    whole = (tmp_path / FIRST).read_bytes()
    right = {final(number) for number in range(1, 9)}
    silent = 0
    for at in range(0, len(whole), 509):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        (tmp_path / FIRST).write_bytes(changed)
        found = read_session(tmp_path, "5e55")
        contents = read_sessions(tmp_path)
        assert found is None or set(found.finals) <= right, at
        is_whole = found is not None and set(found.finals) == right
        silent += not is_whole and not contents.problems and not (found and found.problems)
    assert silent == 0


def test_a_file_that_was_cut_short_is_said(tmp_path: Path) -> None:
    write(tmp_path / FIRST, *said(head(), *range(1, 40)))
    write(tmp_path / SECOND, *said(head("other"), 1))
    whole = (tmp_path / FIRST).read_bytes()
    for size in range(0, len(whole), 4099):
        (tmp_path / FIRST).write_bytes(whole[:size])
        found = read_sessions(tmp_path)
        assert found.problems or any(one.problems for one in found.sessions), size
        assert "other" in {one.session_id for one in found.sessions}

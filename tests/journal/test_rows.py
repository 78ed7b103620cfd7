from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.events import Final
from scribewire.journal.entries import JournalFault, SessionEnd
from scribewire.journal.rows import (
    checksum,
    end_checksum,
    position_checksum,
    read_final,
    read_head,
    write_final,
    write_head,
)
from scribewire.wishes import Wishes
from tests.parts.journaled import final, head, position

BARE = Final(utterance=0, text="", start_sample=0, end_sample=1, decided_sample=2)


@pytest.mark.parametrize(
    "told",
    [
        final(3).final,
        BARE,
        replace(BARE, words=()),
        replace(BARE, text="a \ud800 'half' \"letter\"\n\0"),
    ],
)
def test_a_final_is_read_as_it_was_written(told: Final) -> None:
    assert read_final(write_final(told)) == told


@pytest.mark.parametrize(
    "told",
    [
        head(),
        head(epoch="89abcdef", resume_window_ms=30_000, key_id="sw_k3v9q2m7tx"),
        head(
            source_host="radio.example",
            wishes=Wishes(
                mode="quality",
                language="auto",
                languages=("nl", "en"),
                digits=True,
                pace="realtime",
            ),
        ),
    ],
)
def test_a_head_is_read_as_it_was_written(told: object) -> None:
    assert read_head(write_head(told)) == told  # type: ignore[arg-type] # a head


def test_nothing_of_a_url_is_written() -> None:
    told = head(wishes=Wishes(url="https://user:secret@radio.example/private?token=secret"))

    assert b"secret" not in write_head(told)
    assert b"private" not in write_head(told)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"utterance":1}'])
def test_what_is_no_row_is_a_fault(content: bytes) -> None:
    with pytest.raises(JournalFault):
        read_final(content)
    with pytest.raises(JournalFault):
        read_head(content)


def test_a_checksum_is_of_one_row_of_one_session() -> None:
    known = {
        checksum("a", "final 1", b"x"),
        checksum("b", "final 1", b"x"),
        checksum("a", "final 2", b"x"),
        checksum("a", "final 1", b"y"),
        position_checksum("a", position(1)),
        position_checksum("b", position(1)),
        position_checksum("a", position(2)),
        end_checksum("a", SessionEnd(at_ms=1, outcome="dropped")),
        end_checksum("a", SessionEnd(at_ms=1, outcome="failed")),
    }

    assert len(known) == 9

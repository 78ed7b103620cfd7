"""A session as messages: all of it comes back, and what is damaged or foreign is left out."""

from __future__ import annotations

import struct
from dataclasses import replace
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.audio.pcm import WIRE_PCM
from scribewire.audio.wire import WireLayout
from scribewire.cluster.session_messages import (
    VERSION,
    SessionMessage,
    SessionOwner,
    StoredMessage,
    assemble_session,
    read_message,
    read_owner,
    write_message,
    write_owner,
)
from scribewire.journal.entries import JournalFault, SessionEnd
from scribewire.journal.reader import JournaledSession
from tests.parts.journaled import BEGAN_MS, final, head, position

OF = head(epoch="89abcdef", key_id="fingerprint")
AT = replace(position(3), settled_ms=9000, layout=WireLayout(pcm=WIRE_PCM, header_bytes=44))
END = SessionEnd(at_ms=BEGAN_MS + 1, outcome="drained")


@pytest.mark.parametrize(
    "message",
    [
        SessionMessage(run=7, head=OF),
        SessionMessage(run=2**40, final=final(3, "\ud800 «ça»"), position=AT),
        SessionMessage(run=7, position=position(1)),
        SessionMessage(run=7, position=AT, end=END),
        SessionMessage(run=7),
    ],
)
def test_a_message_says_again_what_was_written(message: SessionMessage) -> None:
    assert read_message("5e55", write_message("5e55", message)) == message


@given(where=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_flipped_bit_is_noticed(where: int, bit: int) -> None:
    written = bytearray(write_message("5e55", SessionMessage(run=7, final=final(1), position=AT)))
    written[where % len(written)] ^= 1 << bit
    with pytest.raises(JournalFault):
        read_message("5e55", bytes(written))


@given(content=st.binary(max_size=200))
def test_what_is_no_message_is_said(content: bytes) -> None:
    with pytest.raises(JournalFault):
        read_message("5e55", content)


def test_a_message_of_another_session_is_none() -> None:
    with pytest.raises(JournalFault, match="not as it was written"):
        read_message("other", write_message("5e55", SessionMessage(run=7, head=OF)))


def resigned(written: bytes, *, behind: bytes = b"", version: int = VERSION) -> bytes:
    """Return a message as another version would have written it."""
    body = written[:3] + bytes([version]) + written[4:-4] + behind
    return body + struct.pack("!I", crc32(body, crc32(b"5e55")))


def test_one_of_another_version_is_said() -> None:
    written = write_message("5e55", SessionMessage(run=7, head=OF))
    with pytest.raises(JournalFault, match="an older version \\(0, this one reads 1\\)"):
        read_message("5e55", resigned(written, version=0))
    with pytest.raises(JournalFault, match="a newer version \\(2, this one reads 1\\)"):
        read_message("5e55", resigned(written, version=2))


def test_what_a_later_one_of_this_version_adds_is_passed_over() -> None:
    message = SessionMessage(run=7, position=position(1))
    written = write_message("5e55", message)
    added = struct.pack("!BI", 99, 3) + b"new"
    more = written.replace(b'"finals": 1', b'"moods": 1, "finals": 1')
    grown = len(more) - len(written)
    size = struct.unpack_from("!I", more, 13)[0]
    more = more[:13] + struct.pack("!I", size + grown) + more[17:]

    assert read_message("5e55", resigned(written, behind=added)) == message
    assert read_message("5e55", resigned(more)) == message


def test_what_an_earlier_one_of_this_version_lacks_is_as_if_it_were_not_known() -> None:
    written = write_message("5e55", SessionMessage(run=7, position=replace(AT, settled_ms=None)))

    found = read_message("5e55", written).position
    assert b"settled_ms" not in written
    assert found is not None
    assert found.settled_ms is None


def test_an_owner_says_whose_it_is() -> None:
    owner = SessionOwner(server_id="a", run=5)

    assert read_owner(write_owner(owner)) == owner
    for damaged in (b"", b"{}", b"[1]", b'{"server":"a"}', b"\xff"):
        with pytest.raises(JournalFault, match="no owner"):
            read_owner(damaged)


def assembled(*messages: tuple[str, SessionMessage | bytes]) -> JournaledSession | None:
    stored = [
        StoredMessage(
            sequence=number,
            name=name,
            stored_at=100.0 + number,
            content=one if isinstance(one, bytes) else write_message("5e55", one),
        )
        for number, (name, one) in enumerate(messages)
    ]
    return assemble_session("5e55", stored, stored_now=110.0, now=1000.0)


def test_messages_make_a_session() -> None:
    later = replace(OF, epoch="00000002", finals_before=2, began_at_ms=BEGAN_MS - 60_000)
    found = assembled(
        ("owner", b"whoever"),
        ("head.1", SessionMessage(run=1, head=OF)),
        ("final.1", SessionMessage(run=1, final=final(1), position=position(1))),
        ("end", SessionMessage(run=1, position=position(2), end=END)),
        ("final.2", SessionMessage(run=1, final=final(2), position=position(2))),
        ("head.9", SessionMessage(run=9, head=later)),
        ("final.3", SessionMessage(run=9, final=final(3), position=AT)),
        ("position", SessionMessage(run=9, position=position(2))),
    )

    assert found is not None
    assert found.head == later
    assert found.began_at_ms == BEGAN_MS
    assert found.epochs == {"89abcdef": 2}
    assert found.finals == (final(1), final(2), final(3))
    assert found.position == AT
    assert found.state == "open"
    assert found.written_at_ms == 997_000


def test_no_message_makes_none_and_an_owner_alone_makes_none() -> None:
    assert assembled() is None
    assert assembled(("owner", b"whoever")) is None


def test_what_is_damaged_is_left_out_and_said() -> None:
    found = assembled(("head.1", b"SWs damaged"), ("position", SessionMessage(run=1, position=AT)))

    assert found is not None
    assert found.head is None
    assert found.position == AT
    assert found.problems == ("head.1: no message of a session",)

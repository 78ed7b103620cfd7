from __future__ import annotations

import zlib

import pytest

from scribewire.server.frames import JOINED_BYTES, ClientClose, Frames
from tests.parts.raw_websocket import BINARY, CONTINUATION, PING, PONG, TEXT, close, frame


def compressed(data: bytes) -> bytes:
    """Mark a frame as packed, as only those who have agreed on it may."""
    return bytes([data[0] | 0x40]) + data[1:]


def received(data: bytes, frames: Frames | None = None) -> list[str | bytes]:
    frames = frames or Frames()
    frames.receive_data(data)
    return list(iter(frames.next_message, None))


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (frame(TEXT, b"one") + frame(TEXT, b"two"), ["one", "two"]),
        (frame(BINARY, b"ab") * 3, [b"ababab"]),
        (frame(BINARY, b"ab") + frame(TEXT, b"x") + frame(BINARY, b"cd"), [b"ab", "x", b"cd"]),
        (frame(BINARY), [b""]),
        (frame(TEXT, "é".encode()[:1], is_last=False) + frame(CONTINUATION, b"\xa9"), ["é"]),
        (
            frame(BINARY, b"a", is_last=False) + frame(PING) + frame(CONTINUATION, b"b"),
            [b"ab"],
        ),
        (frame(BINARY, b"a", is_last=False) + frame(CONTINUATION, is_last=False) * 9, []),
    ],
)
def test_messages_come_whole_and_binary_ones_joined(
    data: bytes, messages: list[str | bytes]
) -> None:
    assert received(data) == messages
    frames = Frames()
    assert [m for byte in data for m in received(bytes([byte]), frames)] == (
        messages if b"ababab" not in messages else [b"ab"] * 3
    )


def test_no_more_is_joined_than_the_event_loop_bears() -> None:
    half = frame(BINARY, bytes(JOINED_BYTES // 2))

    assert [len(m) for m in received(half * 3)] == [JOINED_BYTES, JOINED_BYTES // 2]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(3), 1002),
        (frame(CONTINUATION, b"a"), 1002),
        (frame(PING, b"a" * 126), 1002),
        (frame(PING, b"a", is_last=False), 1002),
        (b"\x82\x01a", 1002),  # not masked
        (frame(BINARY, bytes(1024 * 1024 + 1)), 1009),
        (close(1000, b"\xff"), 1007),
        (close(999), 1002),
        (frame(8, b"a"), 1002),
        (close(4000), 4000),
    ],
)
def test_what_ends_the_messages_is_told_with_its_code(data: bytes, code: int) -> None:
    frames = Frames()

    assert received(frame(BINARY, b"before") + data + frame(BINARY, b"after"), frames) == [
        b"before"
    ]
    assert frames.ended is not None
    assert frames.ended.code == code
    assert frames.data_to_send()[2:4] == code.to_bytes(2, "big")
    frames.receive_data(data)  # what follows changes nothing
    assert frames.data_to_send() == b""


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(BINARY, bytes(16)), None),
        (frame(BINARY, bytes(17)), 1009),
        (frame(BINARY, bytes(9), is_last=False) + frame(CONTINUATION, bytes(8)), 1009),
        (frame(BINARY, bytes(17))[:8], 1009),  # it is not waited for
        (compressed(frame(BINARY, zlib.compress(bytes(100_000))[:16])), 1002),
    ],
    ids=["fits", "too large", "in parts", "announced", "a bomb"],
)
def test_a_message_has_a_size_that_is_known_before_it_is_there(
    data: bytes, code: int | None
) -> None:
    frames = Frames(max_message_bytes=16)
    frames.receive_data(data)

    assert (frames.ended and frames.ended.code) == code


def test_text_that_is_not_utf8_while_a_close_is_under_way_is_thrown_away() -> None:
    frames = Frames()
    frames.send_close(1000)
    written = frames.data_to_send()

    assert received(frame(TEXT, b"\xff"), frames) == []
    frames.send_close(1011)  # a second one
    frames.send("late")
    frames.receive_data(close(1000))
    assert frames.ended == ClientClose(1000, "")
    assert written == b"\x88\x02\x03\xe8"
    assert frames.data_to_send() == b""


def test_of_many_pings_only_the_last_is_answered_and_only_when_asked() -> None:
    frames = Frames()
    frames.receive_data(b"".join(frame(PING, b"%d" % number) for number in range(100)))

    assert frames.data_to_send() == b""
    assert frames.idle_frames == 100
    frames.send_pong()
    assert frames.data_to_send() == b"\x8a\x0299"
    frames.send_pong()
    assert frames.data_to_send() == b""


@pytest.mark.parametrize(
    ("data", "idle_frames"),
    [
        (frame(PONG) + frame(PING), 2),
        (frame(BINARY) + frame(TEXT), 2),
        (frame(BINARY, is_last=False) + frame(CONTINUATION, is_last=False) * 3, 4),
        (frame(BINARY, b"ab") + frame(TEXT, b"{}"), 0),
    ],
)
def test_frames_that_bring_nothing_are_counted(data: bytes, idle_frames: int) -> None:
    frames = Frames()
    frames.receive_data(data)

    assert frames.idle_frames == idle_frames


@pytest.mark.parametrize(
    ("received_first", "own"),
    [(close(1001), None), (frame(TEXT, b"\xff"), 1007), (b"", 1000)],
)
def test_a_close_is_our_own_unless_it_answers_theirs(
    received_first: bytes, own: int | None
) -> None:
    frames = Frames()
    frames.receive_data(received_first)
    frames.send_close(1000)
    frames.receive_data(close(1000))

    assert frames.own_close == own

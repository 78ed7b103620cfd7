from __future__ import annotations

from scribewire.client.pushed_format import PushedFormat
from scribewire.client.replay import ReplayBuffer
from tests.parts.wav import wav


def buffer_of(*pieces: bytes, most_bytes: int = 1000) -> ReplayBuffer:
    buffer = ReplayBuffer(most_bytes)
    for piece in pieces:
        buffer.add(piece)
    return buffer


def test_audio_is_taken_once_in_order() -> None:
    buffer = buffer_of(b"abc", b"de")

    assert (buffer.waiting_bytes, buffer.take(), buffer.take()) == (5, b"abcde", b"")
    buffer.add(b"f")
    assert (buffer.take(), buffer.start, buffer.end) == (b"f", 0, 6)


def test_much_is_taken_in_pieces() -> None:
    buffer = buffer_of(bytes(20_000), most_bytes=20_000)

    assert [len(buffer.take()) for _ in range(4)] == [8192, 8192, 3616, 0]


def test_it_is_taken_again_from_where_it_is_needed() -> None:
    buffer = buffer_of(b"abcdef")
    buffer.take()
    buffer.let_go(2)

    assert [buffer.go_back_to(byte) for byte in (1, 7)] == [False, False]
    assert buffer.take() == b""
    assert buffer.go_back_to(2)
    assert (buffer.waiting_bytes, buffer.take()) == (4, b"cdef")
    assert buffer.go_back_to(6)
    assert buffer.take() == b""


def test_what_was_not_taken_is_not_let_go_of() -> None:
    buffer = buffer_of(b"abc")

    buffer.let_go(3)
    assert (buffer.start, buffer.take()) == (0, b"abc")
    buffer.let_go(3)
    buffer.let_go(1)
    assert buffer.start == 3


def test_too_much_is_the_oldest_that_was_taken() -> None:
    buffer = buffer_of(b"abcd", most_bytes=4)
    buffer.take()
    buffer.add(b"ef")

    assert (buffer.start, buffer.end) == (2, 6)
    assert not buffer.go_back_to(1)
    buffer.add(b"ghijkl")
    assert (buffer.start, buffer.take()) == (4, b"efghijkl")


def test_how_it_begins_is_known_however_it_was_cut() -> None:
    buffer = ReplayBuffer()
    for byte in wav(bytes(320)):
        buffer.add(bytes([byte]))

    assert buffer.format == PushedFormat(header_bytes=44)


def test_more_waits_where_somebody_connects_again() -> None:
    buffer = ReplayBuffer()
    crowded = []
    for size in (320_000, 1, 4_680_000):
        buffer.add(bytes(size))
        crowded.append([buffer.is_crowded(is_attended=attended) for attended in (True, False)])

    assert crowded == [[False, False], [False, True], [True, True]]

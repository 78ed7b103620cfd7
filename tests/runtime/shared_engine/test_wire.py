from __future__ import annotations

import socket
import threading

import pytest

from scribewire.runtime.shared_engine.frames import Frame, FrameKind
from scribewire.runtime.shared_engine.wire import Wire


def pair() -> tuple[Wire, Wire]:
    one, other = socket.socketpair(socket.AF_UNIX)
    return Wire(one), Wire(other)


def test_messages_of_several_threads_arrive_whole() -> None:
    one, other = pair()
    bodies = [bytes([number]) * 200_000 for number in range(8)]
    threads = [
        threading.Thread(target=one.send, args=(Frame(FrameKind.ASK, number, body),))
        for number, body in enumerate(bodies)
    ]
    for thread in threads:
        thread.start()

    received = [other.receive() for _ in bodies]

    assert {frame.number: frame.body for frame in received if frame} == dict(enumerate(bodies))
    for thread in threads:
        thread.join()
    one.close()
    assert other.receive() is None
    other.close()


def test_who_waits_only_so_long_gets_nothing_and_may_wait_again() -> None:
    one, other = pair()

    assert other.receive_within(0.01) is None
    one.send(Frame(FrameKind.HELLO, 0, b"late"))

    assert other.receive() == Frame(FrameKind.HELLO, 0, b"late")
    one.close()
    other.close()


def test_one_that_was_shut_is_at_its_end_and_takes_nothing() -> None:
    one, other = pair()

    other.shut()

    assert other.receive() is None
    with pytest.raises(OSError, match="Broken pipe"):
        one.send(Frame(FrameKind.ASK, 1, b""))
    one.close()
    other.close()

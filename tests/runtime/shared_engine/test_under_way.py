from __future__ import annotations

from dataclasses import replace

from scribewire.runtime.shared_engine.frames import FrameKind
from scribewire.runtime.shared_engine.under_way import CallsUnderWay, CallUnderWay, LinkAnswer


def ignore(_answer: LinkAnswer) -> None:
    """Nobody waits for it."""


def call(body: bytes = b"a", *, sent_at: float = 0.0, sendings: int = 1) -> CallUnderWay:
    return CallUnderWay(
        kind=FrameKind.ASK,
        body=body,
        take=ignore,
        patience_s=10.0,
        sent_at=sent_at,
        sendings=sendings,
    )


def test_each_call_is_taken_once_by_its_number() -> None:
    calls = CallsUnderWay()
    first, second = calls.put(call(b"a")), calls.put(call(b"b"))

    assert [one and one.body for one in map(calls.take, (second, first, first, 99))] == [
        b"b",
        b"a",
        None,
        None,
    ]


def test_all_that_is_there_is_sent_to_the_next_process_and_counted() -> None:
    calls = CallsUnderWay()
    number = calls.put(call(sent_at=1.0, sendings=1))
    waits = calls.put(call(sendings=0))

    again = calls.note_sent(7.0)

    assert again == {
        number: call(sent_at=7.0, sendings=2),
        waits: call(sent_at=7.0, sendings=1),
    }
    assert calls.take(number) == call(sent_at=7.0, sendings=2)


def test_what_two_processes_have_had_is_hopeless() -> None:
    calls = CallsUnderWay()
    calls.put(call(b"once", sendings=1))
    calls.put(call(b"twice", sendings=2))

    assert [one.body for one in calls.take_hopeless()] == [b"twice"]
    assert [one.body for one in calls.take_all()] == [b"once"]
    assert calls.take_all() == []


def test_overdue_is_what_was_sent_long_ago_to_a_process_that_says_nothing() -> None:
    calls = CallsUnderWay()
    calls.put(call(b"old", sent_at=1.0))
    calls.put(call(b"new", sent_at=5.0))
    calls.put(replace(call(b"patient", sent_at=1.0), patience_s=100.0))

    assert calls.take_overdue(12.0, heard_at=9.0) == []
    assert [one.body for one in calls.take_overdue(12.0, heard_at=0.0)] == [b"old"]

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from scribewire.runtime.one_thread import OneThread

SOON_S = 10


@pytest.fixture
def thread() -> Iterator[OneThread]:
    one = OneThread("test")
    yield one
    one.call_last(lambda: None)


def test_calls_are_made_in_turn_in_a_thread_of_its_own(thread: OneThread) -> None:
    def tell(number: int) -> tuple[int, str]:
        return number, threading.current_thread().name

    calls = [thread.submit(partial(tell, number)) for number in range(20)]

    assert [call.result(SOON_S) for call in calls] == [(number, "test") for number in range(20)]


def test_what_a_call_raises_is_raised_where_it_is_waited_for(thread: OneThread) -> None:
    with pytest.raises(ZeroDivisionError):
        thread.submit(lambda: 1 / 0).result(SOON_S)

    assert thread.submit(lambda: 1).result(SOON_S) == 1


def test_what_is_cancelled_is_not_made_unless_it_has_begun(thread: OneThread) -> None:
    has_begun, may_go, made = threading.Event(), threading.Event(), list[str]()

    def hang() -> None:
        has_begun.set()
        may_go.wait(SOON_S)
        made.append("begun")

    begun = thread.submit(hang)
    waiting = thread.submit(partial(made.append, "waiting"))
    assert has_begun.wait(SOON_S)

    assert (begun.cancel(), waiting.cancel()) == (False, True)
    assert thread.is_busy
    may_go.set()
    thread.submit(lambda: None).result(SOON_S)
    assert made == ["begun"]


def test_the_thread_ends_after_its_last_call() -> None:
    thread = OneThread("test")
    here = thread.submit(threading.current_thread).result(SOON_S)
    made: list[str] = []

    def fail() -> None:
        made.append("last")
        raise ZeroDivisionError

    thread.call_last(fail)
    here.join(SOON_S)

    assert made == ["last"]
    assert not here.is_alive()
    assert not thread.is_busy

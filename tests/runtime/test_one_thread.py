from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from scribewire.runtime.one_thread import OneThread


async def test_calls_are_made_in_turn_in_a_thread_of_its_own() -> None:
    thread = OneThread("test")

    def tell(number: int) -> tuple[int, str]:
        return number, threading.current_thread().name

    told = await asyncio.gather(*(thread.call(partial(tell, one)) for one in range(20)))

    assert told == [(number, "test") for number in range(20)]
    thread.call_last(lambda: None)


async def test_what_a_call_raises_is_raised_where_it_is_waited_for() -> None:
    thread = OneThread("test")
    with pytest.raises(ZeroDivisionError):
        await thread.call(lambda: 1 / 0)

    assert await thread.call(lambda: 1) == 1
    thread.call_last(lambda: 1 / 0)


async def test_a_call_that_nobody_waits_for_is_made_all_the_same() -> None:
    thread = OneThread("test")
    may_go, has_gone = threading.Event(), threading.Event()

    def hang() -> None:
        may_go.wait(10)
        has_gone.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await thread.call(hang)
    assert thread.unfinished == 1
    may_go.set()
    await thread.call(lambda: None)

    assert has_gone.is_set()
    assert thread.unfinished == 0
    thread.call_last(lambda: None)


async def test_the_thread_ends_after_its_last_call() -> None:
    thread = OneThread("test")
    here = await thread.call(threading.current_thread)
    last = threading.Event()
    thread.call_last(last.set)
    here.join(5)

    assert last.is_set()
    assert not here.is_alive()

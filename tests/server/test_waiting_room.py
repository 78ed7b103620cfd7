from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import count

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.runtime.admission import SessionRefusal
from scribewire.server.waiting_room import WaitingRoom
from scribewire.testing.running import RawClient, run_server

START, STOP = '{"action":"start"}', '{"action":"stop"}'
KEYED = "/v2/realtime?token=key-1"
LONG_S = 60.0
FULL = SessionRefusal(message="full", figures="1 of 1")


def room(*, longest_wait_s: float = LONG_S, most: int = 8) -> WaitingRoom:
    return WaitingRoom(longest_wait_s=longest_wait_s, look_again_s=0.001, most=most)


def found_at(look: int, found: str = "in") -> Callable[[], str | SessionRefusal]:
    """Find something at this look, and no place before."""
    looks = count(1)
    return lambda: found if next(looks) >= look else FULL


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not is_so():  # noqa: ASYNC110 - a count has no Event
            await asyncio.sleep(0)


@pytest.mark.parametrize("look", [1, 2, 9])
async def test_who_finds_no_place_looks_again_until_there_is_one(look: int) -> None:
    assert await room().wait(found_at(look)) == "in"


async def test_who_waits_in_vain_is_told_the_latest_reason() -> None:
    reasons = (SessionRefusal(message="full", figures=str(number)) for number in count())

    found = await room(longest_wait_s=0.02).wait(lambda: next(reasons))

    assert isinstance(found, SessionRefusal)
    assert int(found.figures) >= 1


async def test_without_a_wait_there_is_one_look() -> None:
    assert await room(longest_wait_s=0).wait(found_at(2)) is FULL


async def test_places_are_given_in_the_order_of_arrival() -> None:
    waiting, places, let_in = room(), 0, list[int]()

    async def arrive(number: int) -> None:
        await waiting.wait(lambda: None if len(let_in) < places else FULL)
        let_in.append(number)

    clients = [asyncio.create_task(arrive(number)) for number in range(5)]
    await until(lambda: len(waiting) == len(clients))
    for places in range(1, 6):
        await until(lambda: len(let_in) >= places)  # noqa: B023 - at once
    await asyncio.gather(*clients)

    assert let_in == [0, 1, 2, 3, 4]
    assert len(waiting) == 0


async def test_beyond_so_many_nobody_waits() -> None:
    waiting = room(most=1)
    first = asyncio.create_task(waiting.wait(lambda: FULL))
    await until(lambda: len(waiting) == 1)

    assert await waiting.wait(found_at(2)) is FULL

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert len(waiting) == 0
    assert await waiting.wait(found_at(2)) == "in"


# Through real sockets.


async def refused_with(dialling: AbstractAsyncContextManager[RawClient]) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        async with dialling:
            pass
    response = refused.value.response
    return response.status_code, json.loads(response.body)["error"]


async def talk(dialling: AbstractAsyncContextManager[RawClient]) -> int:
    async with dialling as dialogue:
        await dialogue.send(START, STOP)
        return await dialogue.until_closed()


async def test_a_client_waits_until_another_has_left() -> None:
    async with run_server(max_sessions=1, place_wait_ms=8000) as server:
        async with server.dial(KEYED) as first:
            await first.send(START)
            second = asyncio.create_task(talk(server.dial(KEYED)))
            await until(lambda: len(server.services.waiting_room) == 1)
            await first.send(STOP)
            assert await first.until_closed() == 1000

        assert await second == 1000


async def test_who_waits_is_told_that_the_server_goes_down() -> None:
    async with run_server(max_sessions=1, place_wait_ms=8000) as server, server.dial(KEYED):
        waiting = asyncio.create_task(refused_with(server.dial(KEYED)))
        await until(lambda: len(server.services.waiting_room) == 1)
        server.services.draining.begin()

        assert await waiting == (503, "shutting down")


@pytest.mark.slow
async def test_who_waits_as_long_as_a_start_may_take_is_refused_and_not_cut_off() -> None:
    async with (
        run_server(max_sessions=1, place_wait_ms=8000, start_timeout_ms=300) as server,
        server.dial(KEYED) as first,
    ):
        await first.send(START)
        await first.next()

        assert await refused_with(server.dial(KEYED)) == (503, "too many sessions")

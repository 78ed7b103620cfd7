from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from scribewire.server.draining import Draining
from scribewire.server.ending import ENDING_SIGNALS, ORDERS, EndingOrder, WayDown

STEPS = ("begin", "hurry", "cut off")


class NotedDraining(Draining):
    """A way down that notes which steps it was told to take."""

    def __init__(self) -> None:
        super().__init__(9.0)
        self.steps: list[str] = []

    def begin(self) -> int:
        self.steps.append("begin")
        return super().begin()

    def hurry(self) -> None:
        self.steps.append("hurry")
        super().hurry()

    def cut_off(self) -> None:
        self.steps.append("cut off")
        super().cut_off()

    @property
    def furthest(self) -> str:
        """The most urgent step so far, `` before the first."""
        return max(self.steps, key=STEPS.index, default="")


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    before = {one: signal.getsignal(one) for one in ENDING_SIGNALS}
    yield
    for one, what in before.items():
        signal.signal(one, what)


async def receive(draining: NotedDraining, *signals: signal.Signals) -> None:
    """Have this process get them, one after the other has done something."""
    for number in signals:
        before = len(draining.steps)
        os.kill(os.getpid(), number)
        async with asyncio.timeout(20):
            while len(draining.steps) == before:  # noqa: ASYNC110 - the system tells the loop
                await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("signals", "furthest", "second"),
    [
        ((signal.SIGTERM,), "begin", None),
        ((signal.SIGINT,), "hurry", None),
        ((signal.SIGTERM, signal.SIGINT), "cut off", signal.SIGINT),
        ((signal.SIGINT, signal.SIGTERM), "cut off", signal.SIGTERM),
    ],
)
async def test_a_second_signal_cuts_off(
    signals: tuple[signal.Signals, ...], furthest: str, second: signal.Signals | None
) -> None:
    draining = NotedDraining()
    ending = WayDown(draining)
    ending.obey_signals()

    await receive(draining, *signals)

    assert (draining.furthest, ending.second_signal) == (furthest, second)
    assert ending.was_told
    assert second is None or signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@contextlib.asynccontextmanager
async def ordered(draining: Draining) -> AsyncIterator[tuple[WayDown, io.FileIO]]:
    """Give what takes a server down, and where orders are written."""
    reading, writing = os.pipe()
    ending = WayDown(draining)
    with io.FileIO(writing, "wb") as orders:
        async with ending.obeying_orders(reading):
            yield ending, orders


@pytest.mark.parametrize(("order", "furthest"), list(zip(ORDERS, STEPS, strict=True)))
async def test_each_order_is_a_step(order: EndingOrder, furthest: str) -> None:
    draining = NotedDraining()
    async with ordered(draining) as (ending, orders):
        orders.write(f"{order}\n".encode())
        await draining.has_begun.wait()

        assert draining.furthest == furthest
        assert ending.was_told


async def test_signals_of_one_of_several_never_cut_off() -> None:
    draining = NotedDraining()
    async with ordered(draining) as (ending, _):
        await receive(draining, signal.SIGTERM, signal.SIGTERM, signal.SIGINT)

        assert draining.furthest == "hurry"
        assert ending.second_signal is None
    os.kill(os.getpid(), signal.SIGTERM)  # too late to change anything


async def test_where_nobody_can_give_orders_any_more_it_ends() -> None:
    draining = NotedDraining()
    async with ordered(draining) as (_, orders):
        orders.close()
        await draining.has_begun.wait()

    assert draining.furthest == "hurry"


async def test_who_was_told_nothing_goes_down_for_an_operator() -> None:
    draining = NotedDraining()
    async with ordered(draining) as (ending, _):
        draining.begin()

        assert not ending.was_told

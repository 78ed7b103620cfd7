from __future__ import annotations

import asyncio
import contextlib

from scribewire.cluster.tasks import end_task


async def test_a_task_that_has_lost_its_cancellation_is_told_again() -> None:
    told = 0

    async def go_on() -> None:
        nonlocal told
        while told < 2:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            told += 1

    task = asyncio.create_task(go_on())
    await asyncio.sleep(0)

    await end_task(task)

    assert told == 2


async def test_what_a_task_raised_is_not_raised_again() -> None:
    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)

    await end_task(task)

    assert task.done()

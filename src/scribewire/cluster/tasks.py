"""Ends tasks that call NATS."""

from __future__ import annotations

import asyncio
from typing import Final

AGAIN_S: Final = 0.5
"""How soon a task that goes on is told once more."""


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel a task, and wait until it has ended, whatever it raises.

    It is told again until it has: before Python 3.12 `asyncio.wait_for`, with which the client of
    NATS waits for answers, loses a cancellation that comes at the same moment as the answer.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=AGAIN_S)
    await asyncio.gather(task, return_exceptions=True)

"""Calls that wait for something slow, one after the other, in a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


class OneThread:
    """Runs one call at a time, in the order of their coming.

    Its thread is a daemon: a call that hangs does not keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self.unfinished = 0
        """Calls that were made and have not ended, whether or not somebody waits; for the loop."""
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[[], Result]) -> Result:
        """Return what the function returns, or raise what it raises.

        A call that nobody waits for any more is made all the same.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()

        def tell(outcome: Result | None, mistake: Exception | None) -> None:
            self.unfinished -= 1
            if answer.done():
                return
            if mistake is not None:
                answer.set_exception(mistake)
            else:
                answer.set_result(outcome)  # type: ignore[arg-type] # it is what was returned

        def ask() -> None:
            outcome: Result | None = None
            mistake: Exception | None = None
            try:
                outcome = function()
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                mistake = error
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(tell, outcome, mistake)

        self.unfinished += 1
        self._calls.put(ask)
        return await answer

    def call_last(self, function: Callable[[], object]) -> None:
        """Make one more call once all that came before are finished, then end the thread."""
        self._calls.put(partial(self._try, function))
        self._calls.put(None)

    def _run(self) -> None:
        while (ask := self._calls.get()) is not None:
            ask()

    @staticmethod
    def _try(function: Callable[[], object]) -> None:
        with contextlib.suppress(Exception):  # nobody waits for it
            function()

"""Calls that wait for something slow, one after the other, in a thread of their own."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


class OneThread:
    """Runs one call at a time, in the order of their coming.

    Its thread is a daemon: a call that hangs does not keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self.is_busy = False
        """Whether a call has begun and has not ended, whether or not somebody waits."""
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[[], Result]) -> Future[Result]:
        """Make a call; what it returns or raises is in the future.

        A call that is cancelled before it has begun is never made; one that has begun cannot be
        cancelled, and is finished though nobody waits for it.
        """
        call: Future[Result] = Future()
        self._calls.put(partial(_make, call, function))
        return call

    def call_last(self, function: Callable[[], object]) -> None:
        """Make one more call once all that came before are finished, then end the thread."""
        self.submit(function)
        self._calls.put(None)

    def _run(self) -> None:
        while (make := self._calls.get()) is not None:
            self.is_busy = True
            make()
            self.is_busy = False


def _make(call: Future[Result], function: Callable[[], Result]) -> None:
    if not call.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
        call.set_exception(error)
    else:
        call.set_result(result)

"""One stream: a recognizer, driven with the scheduler's threads from an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from scribewire.errors import ServerFault
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.recognition.events import Event
    from scribewire.recognition.recognizer import Recognizer
    from scribewire.recognition.requests import Request, Result
    from scribewire.runtime.scheduler import Scheduler
    from scribewire.types import Samples

MAX_LAG_SAMPLES = 2 * SAMPLE_RATE  # more than the network's jitter, little enough to forget
MAX_WAITING_EVENTS = 64  # a reader this far behind has stopped reading


class Stream:
    """Feed a recognizer from one task, read its events in another.

    All methods belong to the event loop's thread. Call `abort` when the events are no longer
    wanted; after the last event there is nothing left to do.
    """

    def __init__(self, recognizer: Recognizer, scheduler: Scheduler) -> None:
        self._recognizer = recognizer
        self._scheduler = scheduler
        self._events: deque[Event] = deque()
        self._running: set[asyncio.Future[Result]] = set()
        self._changed = asyncio.Event()  # set whenever something below may be decided anew
        self._may_write = asyncio.Event()
        self._fault: ServerFault | None = None
        self._is_aborted = False

    @property
    def lag_samples(self) -> int:
        """Audio received and not yet judged."""
        return self._recognizer.lag_samples

    async def write(self, samples: Samples) -> None:
        """Add audio, and wait while the stream is too far behind to take more.

        Raises ServerFault once an engine has failed.
        """
        if self._is_live:
            self._recognizer.receive_audio(samples)
            self._pump()
            await self._may_write.wait()
        if self._fault is not None:
            raise self._fault

    def end(self, last: Samples | None = None) -> None:
        """Add the last audio, if any, and say that it is over; the remaining events follow."""
        if last is not None:
            self._recognizer.receive_audio(last)
        self._recognizer.receive_end()
        self._pump()

    async def events(self) -> AsyncIterator[Event]:
        """Yield every event until the last final after `end`, or until `abort`.

        Raises ServerFault once an engine has failed.
        """
        while True:
            while self._events:
                event = self._events.popleft()
                self._pump()
                yield event
            if self._fault is not None:
                raise self._fault
            if self._recognizer.is_finished or self._is_aborted:
                return
            self._changed.clear()
            await self._changed.wait()

    def abort(self) -> None:
        """Drop the stream: nothing that has not begun is decoded for it any more."""
        self._is_aborted = True
        for future in self._running:
            future.cancel()
        self._wake()

    def _pump(self) -> None:
        while self._is_live and (request := self._recognizer.next_request()) is not None:
            self._submit(request)
        while (event := self._recognizer.next_event()) is not None:
            self._events.append(event)
        self._wake()

    @property
    def _is_live(self) -> bool:
        return self._fault is None and not self._is_aborted

    def _wake(self) -> None:
        self._changed.set()
        is_behind = (
            self._recognizer.lag_samples > MAX_LAG_SAMPLES or len(self._events) > MAX_WAITING_EVENTS
        )
        if is_behind and self._is_live:
            self._may_write.clear()
        else:
            self._may_write.set()

    def _submit(self, request: Request) -> None:
        future = self._scheduler.submit(request)
        self._running.add(future)
        future.add_done_callback(lambda done: self._receive(request, done))

    def _receive(self, request: Request, done: asyncio.Future[Result]) -> None:
        self._running.discard(done)
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self._fail(error)
        elif self._is_live:
            try:
                self._recognizer.receive_result(request, done.result())
                self._pump()
            except Exception as mistake:  # noqa: BLE001 - ours: fail the stream, do not stall it
                self._fail(mistake)

    def _fail(self, error: BaseException) -> None:
        if self._fault is None:
            self._fault = ServerFault(f"an engine failed: {type(error).__name__}: {error}")
            self._fault.__cause__ = error
        self.abort()

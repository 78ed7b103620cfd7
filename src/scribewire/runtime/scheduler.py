"""Run engine requests on worker threads, the urgent ones first.

Theory of operation. Engine calls are the only work here that takes long, and they release the
interpreter lock, so a few plain threads fill the machine. Callers live on an event loop: `submit`
puts a job in one queue and gives back a future of that loop. Rank decides who is next, then age:

    0  speech probabilities   a fraction of a millisecond, and everything waits for them
    1  finals and speakers    what was said must arrive
    2  partials               nice to have

A stream has at most one job of each kind here (that is the recognizer's contract), so age within
a rank serves the streams in turn and none can starve another. A job whose future was cancelled
before a worker took it is never run.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scribewire.recognition.requests import (
    DecodeRequest,
    Request,
    Result,
    TurnRequest,
    VadRequest,
)

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine, VadEngine, Voices


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(order=True, slots=True)
class _Job:
    rank: int
    age: int
    request: Request = field(compare=False)
    future: asyncio.Future[Result] = field(compare=False)
    loop: asyncio.AbstractEventLoop = field(compare=False)


class Scheduler:
    """Run requests on the engines, on `workers` threads of its own.

    `submit` must be called on an event loop's thread. Close it before the engines.
    """

    def __init__(
        self,
        vad: VadEngine,
        speech: SpeechEngine,
        *,
        voices: Voices | None = None,
        workers: int | None = None,
    ) -> None:
        self._vad = vad
        self._speech = speech
        self._voices = voices
        self._jobs: list[_Job] = []  # a heap, guarded by `_has_job`
        self._has_job = threading.Condition()
        self._ages = itertools.count()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"engine-{number}", daemon=True)
            for number in range(workers or available_cores())
        ]
        for thread in self._threads:
            thread.start()

    @property
    def can_tell_speakers(self) -> bool:
        """Whether requests for turns and embeddings may be submitted."""
        return self._voices is not None

    @property
    def waiting_jobs(self) -> int:
        """Jobs that no worker has taken yet."""
        with self._has_job:
            return len(self._jobs)

    def submit(self, request: Request) -> asyncio.Future[Result]:
        """Queue a request. The future raises what the engine raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        job = _Job(_rank(request), next(self._ages), request, future, loop)
        with self._has_job:
            assert not self._is_closed, "the scheduler is closed"
            heapq.heappush(self._jobs, job)
            self._has_job.notify()
        return future

    def close(self) -> None:
        """Let the calls that are running end, drop the rest, and end the threads."""
        with self._has_job:
            self._is_closed = True
            self._jobs.clear()
            self._has_job.notify_all()
        for thread in self._threads:
            thread.join()

    async def aclose(self) -> None:
        """As `close`, without holding up the event loop."""
        await asyncio.to_thread(self.close)

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            if job.future.cancelled():
                continue
            try:
                result = self._run(job.request)
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
                _tell(job, None, error)
            else:
                _tell(job, result, None)

    def _next_job(self) -> _Job | None:
        with self._has_job:
            while not self._jobs and not self._is_closed:
                self._has_job.wait()
            return None if self._is_closed else heapq.heappop(self._jobs)

    def _run(self, request: Request) -> Result:
        if isinstance(request, VadRequest):
            return self._vad.measure(request)
        if isinstance(request, DecodeRequest):
            return self._speech.decode(request)
        assert self._voices is not None, "nothing here tells speakers apart"
        if isinstance(request, TurnRequest):
            return self._voices.turns.find_turns(request)
        return self._voices.embedding.embed(request)


def _rank(request: Request) -> int:
    if isinstance(request, VadRequest):
        return 0
    is_optional = isinstance(request, DecodeRequest) and not request.is_required
    return 2 if is_optional else 1


def _tell(job: _Job, result: Result | None, error: Exception | None) -> None:
    def settle() -> None:
        if job.future.cancelled():
            return
        if error is not None:
            job.future.set_exception(error)
        else:
            assert result is not None
            job.future.set_result(result)

    if not job.loop.is_closed():  # a loop that ended has nobody waiting any more
        job.loop.call_soon_threadsafe(settle)

"""Workers that are threads of this process.

Theory of operation. Engine calls are the only work here that takes long, and they release the
interpreter lock, so a few plain threads fill the machine. A thread that is free fetches its next
call itself, without a turn of the event loop between two calls. A call that does not come back is
given up (engine_threads.py): its stream is told, and the scheduler decides which was first.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from scribewire.errors import ServerFault
from scribewire.runtime.batches import Batches
from scribewire.runtime.cores import available_cores
from scribewire.runtime.engine_threads import EngineThreads
from scribewire.runtime.observer import UNOBSERVED, Observer
from scribewire.runtime.scheduler import Scheduler
from scribewire.runtime.workers import Call

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.runtime.workers import CallSource, Outcome, Workers

MAX_FRAMES_S = 5.0  # thousands of times what they take; all streams wait meanwhile
MAX_CALL_S = 30.0  # a hundred times what the longest decode takes on a machine that is not lost
CORES_PER_LISTENER = 16  # one thread measures the speech of about 400 streams
MIN_WAIT_S = 0.001  # of a thread: clocks that disagree by less would make it spin


def schedule_on_threads(
    engines: Engines,
    *,
    workers: int | None = None,
    max_call_s: float = MAX_CALL_S,
    batch_window_s: float | None = None,
    decoders: Workers | None = None,
    observer: Observer = UNOBSERVED,
) -> Scheduler:
    """Return a scheduler whose calls run on threads; close it before the engines.

    `workers` decode side by side, by default as many as there are cores; `max_call_s` is how long
    a call may take. With `batch_window_s`, calls that an engine can run together are, and wait for
    others for so long. `decoders` stand in for these threads. Others measure speech probabilities:
    those take a fraction of a millisecond and everything waits for them, so they never stand behind
    a decode.
    """
    count = count_workers(workers)
    if batch_window_s is not None:
        decoders = decoders or Batches(
            engines, "decoder", count=count, window_s=batch_window_s, max_call_s=max_call_s
        )
    return Scheduler(
        decoders or Threads(engines, "decoder", count=count, max_call_s=max_call_s),
        listeners=Threads(
            engines,
            "listener",
            count=1 + count // CORES_PER_LISTENER,
            max_call_s=min(max_call_s, MAX_FRAMES_S),
        ),
        observer=observer,
    )


def count_workers(wished: int | None) -> int:
    """Return how many calls are decoded side by side, where so many are wished for."""
    return wished or available_cores()


class Threads:
    """`Workers` of one kind, which `name` says. Each thread runs one call after the other."""

    def __init__(self, engines: Engines, name: str, *, count: int, max_call_s: float) -> None:
        self.capacity = count
        self.others_share = 0.0  # they are this process's own
        self._engines = engines
        self._threads = EngineThreads[Call](name, max_call_s=max_call_s)

    def start(self, source: CallSource) -> None:
        """Start the threads."""
        fault = ServerFault(f"an engine did not answer within {self._threads.max_call_s:g} s")
        run = partial(self._work, source)
        for _ in range(self.capacity):
            self._threads.begin(run)
        self._threads.watch(run, lambda call: source.give_up(call, fault))

    def wake(self) -> None:
        """Let one of the threads that wait look again."""
        with self._threads.news:
            self._threads.news.notify()

    def stop(self) -> None:
        """Let each thread end after its call."""
        self._threads.stop()

    def join(self, patience_s: float) -> None:
        """Wait for the threads to end."""
        self._threads.join(patience_s)

    def _work(self, source: CallSource) -> None:
        while (call := self._next_call(source)) is not None:
            outcome = self._run(call)
            self._threads.leave(call)
            if not source.receive_outcome(call, outcome):
                return  # it was given up, and another thread is in this one's place

    def _next_call(self, source: CallSource) -> Call | None:
        with self._threads.news:
            while not self._threads.are_stopped:
                for call in source.next_calls():
                    self._threads.enter(call)
                    return call
                wait_s = source.wait_s()
                self._threads.news.wait(None if wait_s is None else max(wait_s, MIN_WAIT_S))
            return None

    def _run(self, call: Call) -> Outcome:
        try:
            return self._engines.answer(call.request, call.speech)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the stream
            return error

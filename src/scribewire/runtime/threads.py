"""Workers that are threads of this process.

Theory of operation. Engine calls are the only work here that takes long, and they release the
interpreter lock, so a few plain threads fill the machine. A thread that is free fetches its next
call itself, without a turn of the event loop between two calls. A call that does not come back is
given up: its stream is told, and another thread takes the place of the one that hangs, which ends
when it comes back after all. The scheduler decides which of the two was first.

Locks: a pool's own is taken before the scheduler's, never after it. A thread looks for a call and
begins to wait in one breath, so that no `wake` falls between the two.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from scribewire.errors import ServerFault
from scribewire.log_line import LogLine
from scribewire.runtime.batches import Batches
from scribewire.runtime.cores import available_cores
from scribewire.runtime.observer import UNOBSERVED, Observer
from scribewire.runtime.scheduler import Scheduler

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.runtime.workers import Call, CallSource, Outcome, Workers

MAX_FRAMES_S = 5.0  # thousands of times what they take; all streams wait meanwhile
MAX_CALL_S = 30.0  # a hundred times what the longest decode takes on a machine that is not lost
CORES_PER_LISTENER = 16  # one thread measures the speech of about 400 streams
MIN_WAIT_S = 0.001  # of a thread: clocks that disagree by less would make it spin

_log = logging.getLogger("scribewire.threads")


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
        self._name = name
        self._max_call_s = max_call_s
        self._lock = threading.Lock()  # guards everything below
        self._news = threading.Condition(self._lock)
        self._running: dict[Call, float] = {}  # when each began
        self._threads: list[threading.Thread] = []
        self._is_stopped = threading.Event()

    def start(self, source: CallSource) -> None:
        """Start the threads."""
        for _ in range(self.capacity):
            self._add_thread(source)
        self._begin_thread(threading.Thread(target=self._watch, args=(source,)))

    def wake(self) -> None:
        """Let one of the threads that wait look again."""
        with self._news:
            self._news.notify()

    def stop(self) -> None:
        """Let each thread end after its call."""
        with self._news:
            self._is_stopped.set()
            self._news.notify_all()

    def join(self, patience_s: float) -> None:
        """Wait for the threads to end."""
        with self._lock:
            threads = list(self._threads)  # no other is started from now on
        give_up_at = time.monotonic() + patience_s
        for thread in threads:
            thread.join(max(give_up_at - time.monotonic(), 0.0))
        if any(thread.is_alive() for thread in threads):
            words = "! an engine call did not end: its thread is left behind"
            _log.warning(LogLine("thread_left", words))

    def _add_thread(self, source: CallSource) -> None:
        self._begin_thread(threading.Thread(target=self._work, args=(source,)))

    def _begin_thread(self, thread: threading.Thread) -> None:
        with self._lock:
            if self._is_stopped.is_set():
                return
            thread.name = f"engine-{self._name}-{len(self._threads)}"
            thread.daemon = True
            thread.start()
            self._threads.append(thread)

    def _work(self, source: CallSource) -> None:
        while (call := self._next_call(source)) is not None:
            outcome = self._run(call)
            with self._lock:
                self._running.pop(call, None)
            if not source.receive_outcome(call, outcome):
                return  # it was given up, and another thread is in this one's place

    def _next_call(self, source: CallSource) -> Call | None:
        with self._news:
            while not self._is_stopped.is_set():
                for call in source.next_calls():
                    self._running[call] = time.monotonic()
                    return call
                wait_s = source.wait_s()
                self._news.wait(None if wait_s is None else max(wait_s, MIN_WAIT_S))
            return None

    def _run(self, call: Call) -> Outcome:
        try:
            return self._engines.answer(call.request, call.speech)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the stream
            return error

    def _watch(self, source: CallSource) -> None:
        """Give up calls that take too long, and replace their threads."""
        while not self._is_stopped.wait(min(1.0, self._max_call_s / 4)):
            for call in self._take_overdue():
                fault = ServerFault(f"an engine did not answer within {self._max_call_s:g} s")
                if source.give_up(call, fault):
                    words, max_s = (
                        "! an engine call did not come back within {max_s:g} s",
                        self._max_call_s,
                    )
                    _log.error(LogLine("call_stuck", words, max_s=max_s))
                    self._add_thread(source)

    def _take_overdue(self) -> list[Call]:
        with self._lock:
            latest = time.monotonic() - self._max_call_s
            overdue = [call for call, began_at in self._running.items() if began_at < latest]
            for call in overdue:
                del self._running[call]
            return overdue

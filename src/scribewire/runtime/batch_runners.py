"""Threads that take batches of calls from a pool, and run each as one call of its engine.

Theory of operation. As the threads of threads.py do, each takes its next batch itself, one that
hangs is given up and its thread replaced, and who comes back after that finds that nobody waits.
What is raised by a batch is the fault of one of its calls: they are run once more, one by one, so
that the others have their answers.

Locks: the one here is taken before a scheduler's, never after it.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol

from scribewire.errors import ServerFault
from scribewire.log_line import LogLine
from scribewire.runtime.batch_pool import BatchPool, Item, Waiting

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from scribewire.engines.engines import Engines
    from scribewire.runtime.workers import Outcome

MIN_WAIT_S = 0.000_2  # of a thread: clocks that disagree by less would make it spin

_log = logging.getLogger("scribewire.threads")


class BatchOwner(Protocol[Item]):
    """Where a pool's calls come from, and who is told what became of them."""

    def refill(self, pool: BatchPool[Item]) -> float | None:
        """Put into the pool what may run. Return in how long there may be more; None: not known.

        Called before each look into the pool, with the lock of the runners held.
        """

    def receive(self, item: Item, outcome: Outcome, busy_s: float) -> None:
        """Take what became of a call, and its part of the time that its batch took."""

    def give_up(self, item: Item, fault: ServerFault) -> None:
        """Wait no longer for a call."""


@dataclass(slots=True, eq=False)
class _Running(Generic[Item]):
    batch: Sequence[Waiting[Item]]
    since: float


class BatchRunners(Generic[Item]):
    """`count` threads over one pool."""

    def __init__(
        self,
        engines: Engines,
        pool: BatchPool[Item],
        owner: BatchOwner[Item],
        *,
        name: str,
        count: int,
        max_call_s: float,
    ) -> None:
        self._engines = engines
        self._pool = pool
        self._owner = owner
        self._name = name
        self._count = count
        self._max_call_s = max_call_s
        self._news = threading.Condition()  # guards everything below, and the pool
        self._running: set[_Running[Item]] = set()
        self._threads: list[threading.Thread] = []
        self._is_stopped = threading.Event()

    @property
    def waiting(self) -> int:
        """How many calls have not begun."""
        with self._news:
            return len(self._pool)

    def start(self) -> None:
        """Start the threads."""
        for _ in range(self._count):
            self._begin_thread(threading.Thread(target=self._work))
        self._begin_thread(threading.Thread(target=self._watch))

    def put(self, waiting: Waiting[Item]) -> None:
        """Add a call to the pool."""
        with self._news:
            self._pool.put(waiting)
            self._news.notify()

    def drop(self, owner: Hashable) -> None:
        """Forget the calls of an owner that have not begun."""
        with self._news:
            self._pool.drop(owner)

    def wake(self) -> None:
        """Let one of the threads that wait look again."""
        with self._news:
            self._news.notify()

    def stop(self) -> None:
        """Let each thread end after its batch."""
        with self._news:
            self._is_stopped.set()
            self._pool.clear()
            self._news.notify_all()

    def join(self, patience_s: float) -> None:
        """Wait for the threads to end; one that hangs is left behind."""
        with self._news:
            threads = list(self._threads)  # no other is started from now on
        give_up_at = time.monotonic() + patience_s
        for thread in threads:
            thread.join(max(give_up_at - time.monotonic(), 0.0))
        if any(thread.is_alive() for thread in threads):
            words = "! an engine call did not end: its thread is left behind"
            _log.warning(LogLine("thread_left", words))

    def _begin_thread(self, thread: threading.Thread) -> None:
        with self._news:
            if self._is_stopped.is_set():
                return
            thread.name = f"engine-{self._name}-{len(self._threads)}"
            thread.daemon = True
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while (running := self._next()) is not None:
            began_at = time.monotonic()
            outcomes = self._run(running.batch)
            busy_s = (time.monotonic() - began_at) / len(running.batch)
            with self._news:
                if running not in self._running:
                    return  # it was given up, and another thread is in this one's place
                self._running.discard(running)
            for one, outcome in zip(running.batch, outcomes, strict=True):
                self._owner.receive(one.item, outcome, busy_s)

    def _next(self) -> _Running[Item] | None:
        with self._news:
            while not self._is_stopped.is_set():
                refill_s = self._owner.refill(self._pool)
                now = time.monotonic()
                if batch := self._pool.take(now):
                    running = _Running(batch, now)
                    self._running.add(running)
                    return running
                next_at = self._pool.next_at()
                waits_s = [refill_s, None if next_at is None else next_at - now]
                known_s = [wait_s for wait_s in waits_s if wait_s is not None]
                self._news.wait(max(min(known_s), MIN_WAIT_S) if known_s else None)
            return None

    def _run(self, batch: Sequence[Waiting[Item]]) -> Sequence[Outcome]:
        requests, speech = [one.request for one in batch], batch[0].speech
        try:
            return self._engines.answer_batch(requests, speech)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to a stream
            if len(batch) == 1:
                return [error]
        return [outcome for one in batch for outcome in self._run([one])]

    def _watch(self) -> None:
        """Give up batches that take too long, and replace their threads."""
        while not self._is_stopped.wait(min(1.0, self._max_call_s / 4)):
            for running in self._take_overdue():
                words = "! an engine call did not come back within {max_s:g} s"
                _log.error(LogLine("call_stuck", words, max_s=self._max_call_s))
                fault = ServerFault(f"an engine did not answer within {self._max_call_s:g} s")
                self._begin_thread(threading.Thread(target=self._work))
                for one in running.batch:
                    self._owner.give_up(one.item, fault)

    def _take_overdue(self) -> list[_Running[Item]]:
        with self._news:
            latest = time.monotonic() - self._max_call_s
            overdue = [running for running in self._running if running.since < latest]
            self._running.difference_update(overdue)
            return overdue

"""Threads that take batches of calls from a pool, and run each as one call of its engine.

Theory of operation. Each thread (engine_threads.py) takes its next batch itself. What is raised by
a batch is the fault of one of its calls: they are run once more, one by one, so that the others
have their answers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol

from scribewire.errors import ServerFault
from scribewire.runtime.batch_pool import BatchPool, Item, Waiting
from scribewire.runtime.engine_threads import EngineThreads

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from scribewire.engines.engines import Engines
    from scribewire.runtime.workers import Outcome

MIN_WAIT_S = 0.000_2  # of a thread: clocks that disagree by less would make it spin


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
        self._pool = pool  # guarded by the threads' `news`
        self._owner = owner
        self._count = count
        self._threads = EngineThreads[_Running[Item]](name, max_call_s=max_call_s)

    @property
    def waiting(self) -> int:
        """How many calls have not begun."""
        with self._threads.news:
            return len(self._pool)

    def start(self) -> None:
        """Start the threads."""
        for _ in range(self._count):
            self._threads.begin(self._work)
        self._threads.watch(self._work, self._give_up)

    def put(self, waiting: Waiting[Item]) -> None:
        """Add a call to the pool."""
        with self._threads.news:
            self._pool.put(waiting)
            self._threads.news.notify()

    def drop(self, owner: Hashable) -> None:
        """Forget the calls of an owner that have not begun."""
        with self._threads.news:
            self._pool.drop(owner)

    def wake(self) -> None:
        """Let one of the threads that wait look again."""
        with self._threads.news:
            self._threads.news.notify()

    def stop(self) -> None:
        """Let each thread end after its batch."""
        self._threads.stop()
        with self._threads.news:
            self._pool.clear()

    def join(self, patience_s: float) -> None:
        """Wait for the threads to end; one that hangs is left behind."""
        self._threads.join(patience_s)

    def _work(self) -> None:
        while (running := self._next()) is not None:
            began_at = time.monotonic()
            outcomes = self._run(running.batch)
            busy_s = (time.monotonic() - began_at) / len(running.batch)
            if not self._threads.leave(running):
                return  # it was given up, and another thread is in this one's place
            for one, outcome in zip(running.batch, outcomes, strict=True):
                self._owner.receive(one.item, outcome, busy_s)

    def _next(self) -> _Running[Item] | None:
        with self._threads.news:
            while not self._threads.are_stopped:
                refill_s = self._owner.refill(self._pool)
                now = time.monotonic()
                if batch := self._pool.take(now):
                    running = _Running(batch)
                    self._threads.enter(running)
                    return running
                next_at = self._pool.next_at()
                waits_s = [refill_s, None if next_at is None else next_at - now]
                known_s = [wait_s for wait_s in waits_s if wait_s is not None]
                self._threads.news.wait(max(min(known_s), MIN_WAIT_S) if known_s else None)
            return None

    def _run(self, batch: Sequence[Waiting[Item]]) -> Sequence[Outcome]:
        requests, speech = [one.request for one in batch], batch[0].speech
        try:
            return self._engines.answer_batch(requests, speech)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to a stream
            if len(batch) == 1:
                return [error]
        return [outcome for one in batch for outcome in self._run([one])]

    def _give_up(self, running: _Running[Item]) -> bool:
        fault = ServerFault(f"an engine did not answer within {self._threads.max_call_s:g} s")
        for one in running.batch:
            self._owner.give_up(one.item, fault)
        return True


@dataclass(frozen=True, slots=True, eq=False)
class _Running(Generic[Item]):
    batch: Sequence[Waiting[Item]]

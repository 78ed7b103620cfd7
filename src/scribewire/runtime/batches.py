"""Workers that run calls of one kind together, for a device that takes them so: a GPU.

Theory of operation. Threads take batches from a pool (batch_runners.py, batch_pool.py), which is
filled from the scheduler when one of them is free, so that what is fetched too early is at most a
batch. Engines say which of their calls may be one (`BatchingEngine`); all others run alone, as on
the threads of threads.py.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scribewire.runtime.batch_pool import BatchPool, Waiting
from scribewire.runtime.batch_runners import BatchRunners
from scribewire.runtime.workers import Call

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.errors import ServerFault
    from scribewire.runtime.workers import CallSource, Outcome

MAX_BATCH = 16  # the first of a batch waits for all of it


class Batches:
    """`Workers` that run `count` batches at a time. A call waits `window_s` for company."""

    def __init__(
        self,
        engines: Engines,
        name: str,
        *,
        count: int,
        window_s: float,
        max_call_s: float,
        most: int = MAX_BATCH,
    ) -> None:
        self.capacity = count
        self.others_share = 0.0  # they are this process's own
        self._engines = engines
        self._runners = BatchRunners[Call](
            engines,
            BatchPool[Call](window_s=window_s, most=most),
            self,
            name=name,
            count=count,
            max_call_s=max_call_s,
        )

    def start(self, source: CallSource) -> None:
        """Start the threads."""
        self._source = source
        self._runners.start()

    def wake(self) -> None:
        """Let one of the threads that wait look again."""
        self._runners.wake()

    def stop(self) -> None:
        """Let each thread end after its batch."""
        self._runners.stop()

    def join(self, patience_s: float) -> None:
        """Wait for the threads to end."""
        self._runners.join(patience_s)

    def refill(self, pool: BatchPool[Call]) -> float | None:
        """Fetch one call, and while it may have company as many more as a batch may hold.

        One that runs alone is the last: what is less urgent would come too early.
        """
        while len(pool) < pool.most and (not len(pool) or pool.is_gathering):
            fetched = [self._wait(call) for call in self._source.next_calls()]
            for one in fetched:
                pool.put(one)
            if not fetched or fetched[-1].key is None:
                break
        return self._source.wait_s()

    def receive(self, item: Call, outcome: Outcome, busy_s: float) -> None:
        """Bring an outcome to the scheduler."""
        self._source.receive_outcome(item, outcome, busy_s=busy_s)

    def give_up(self, item: Call, fault: ServerFault) -> None:
        """Tell the scheduler that a call hangs."""
        self._source.give_up(item, fault)

    def _wait(self, call: Call) -> Waiting[Call]:
        return Waiting(
            item=call,
            owner=None,
            request=call.request,
            speech=call.speech,
            is_ahead=call.is_ahead,
            key=self._engines.batch_key(call.request, call.speech),
            since=time.monotonic(),
        )

"""Workers that are an engine process's: calls go there as many as it takes, outcomes come back."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from scribewire.engines.served import name_of
from scribewire.errors import ServerFault

if TYPE_CHECKING:
    from scribewire.runtime.shared_engine.link import EngineLink
    from scribewire.runtime.shared_engine.under_way import LinkAnswer
    from scribewire.runtime.workers import Call, CallSource


class SharedWorkers:
    """`Workers` over a link. One thread fetches calls and sends them; the link brings outcomes."""

    def __init__(self, link: EngineLink) -> None:
        self.capacity = link.offer.capacity
        self._link = link
        self._news = threading.Condition()  # guards everything below
        self._out = 0  # calls that are there
        self._is_stopped = False
        self._thread: threading.Thread | None = None

    @property
    def others_share(self) -> float:
        """Which part of their time other servers take; all of it while the process is away."""
        return self._link.others_share

    def start(self, source: CallSource) -> None:
        """Fetch calls from now on."""
        self._thread = threading.Thread(
            target=self._feed, args=(source,), name="engine-feeder", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """Look at the source again."""
        with self._news:
            self._news.notify_all()

    def stop(self) -> None:
        """Fetch no more."""
        with self._news:
            self._is_stopped = True
            self._news.notify_all()

    def join(self, patience_s: float) -> None:
        """Wait for the calls that are there."""
        give_up_at = time.monotonic() + patience_s
        with self._news:
            self._news.wait_for(lambda: not self._out, patience_s)
        if self._thread is not None:
            self._thread.join(max(give_up_at - time.monotonic(), 0.0))

    def _feed(self, source: CallSource) -> None:
        while (calls := self._next_calls(source)) is not None:
            for call in calls:
                self._send(source, call)

    def _next_calls(self, source: CallSource) -> list[Call] | None:
        with self._news:
            while not self._is_stopped:
                free = self._link.offer.credit - self._out
                calls = list(source.next_calls(free)) if free > 0 else []
                if calls:
                    self._out += len(calls)
                    return calls
                self._news.wait(source.wait_s() if free > 0 else None)
            return None

    def _send(self, source: CallSource, call: Call) -> None:
        def take(answer: LinkAnswer) -> None:
            with self._news:
                self._out -= 1
                self._news.notify_all()
            outcome = answer.outcome
            assert outcome is not None, "a call is answered by a result"
            if answer.is_given_up and isinstance(outcome, ServerFault):
                source.give_up(call, outcome)
            else:
                source.receive_outcome(call, outcome, busy_s=answer.busy_s)

        self._link.submit(name_of(call.speech), call.request, take, is_ahead=call.is_ahead)

"""Threads that run engine calls: begun, watched, replaced where one hangs, and ended together.

Theory of operation. Each thread takes its next work itself, and notes what it is in (`enter`) and
that it is out of it (`leave`). What takes too long is given up by a thread that watches: its owner
is told, another thread takes the place of the one that hangs, and that one ends when it comes back
after all, because it is not in anything any more.

Locks: `news` is taken before a scheduler's lock, never after it. Who looks for work and begins to
wait does so under `news`, in one breath, so that no notification falls between the two.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable

Work = TypeVar("Work")
"""What one thread is in at a time: hashable by what it is, not by what it holds."""

_log = logging.getLogger("scribewire.threads")


class EngineThreads(Generic[Work]):
    """The threads of one pool, called `engine-NAME-0` and so on."""

    def __init__(self, name: str, *, max_call_s: float) -> None:
        self.news = threading.Condition()
        """Guards what is here, and whatever its owner looks at while it waits."""
        self.max_call_s = max_call_s
        """Longer than this nothing may take."""
        self._name = name
        self._running: dict[Work, float] = {}  # when each began
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()

    @property
    def are_stopped(self) -> bool:
        """Whether no more work is to begin."""
        return self._stopped.is_set()

    def begin(self, run: Callable[[], None]) -> None:
        """Have one more thread, unless they are stopped."""
        with self.news:
            if self._stopped.is_set():
                return
            name = f"engine-{self._name}-{len(self._threads)}"
            thread = threading.Thread(target=run, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def watch(self, run: Callable[[], None], give_up: Callable[[Work], bool]) -> None:
        """Give up what takes too long, from a thread of its own; each time another one will `run`.

        `give_up` returns whether it was in time: else its outcome has come meanwhile.
        """
        self.begin(lambda: self._watch(run, give_up))

    def enter(self, work: Work) -> None:
        """Note that something begins. With `news` held."""
        self._running[work] = time.monotonic()

    def leave(self, work: Work) -> bool:
        """Note that it is over; False: it was given up, and another thread is in one's place."""
        with self.news:
            return self._running.pop(work, None) is not None

    def stop(self) -> None:
        """Let each thread end after what it is in."""
        with self.news:
            self._stopped.set()
            self.news.notify_all()

    def join(self, patience_s: float) -> None:
        """Wait for the threads to end, after `stop`; one that hangs is left behind."""
        with self.news:
            threads = list(self._threads)  # no other is started from now on
        give_up_at = time.monotonic() + patience_s
        for thread in threads:
            thread.join(max(give_up_at - time.monotonic(), 0.0))
        if any(thread.is_alive() for thread in threads):
            words = "! an engine call did not end: its thread is left behind"
            _log.warning(LogLine("thread_left", words))

    def _watch(self, run: Callable[[], None], give_up: Callable[[Work], bool]) -> None:
        while not self._stopped.wait(min(1.0, self.max_call_s / 4)):
            for work in self._take_overdue():
                if give_up(work):
                    words = "! an engine call did not come back within {max_s:g} s"
                    _log.error(LogLine("call_stuck", words, max_s=self.max_call_s))
                    self.begin(run)

    def _take_overdue(self) -> list[Work]:
        with self.news:
            latest = time.monotonic() - self.max_call_s
            overdue = [work for work, began_at in self._running.items() if began_at < latest]
            for work in overdue:
                del self._running[work]
            return overdue

"""Which job is next: decisions only, without threads or clocks.

Theory of operation. Every job has the time at which its audio is due: when it is played to one
who listens as it is spoken. Jobs are taken in this order:

    1  required jobs of live streams       the earliest due first
    2  partials of live streams            the stream that has waited longest first
    3  required jobs of streams ahead      the earliest due first: files, in what is left over
    4  partials of streams ahead

A stream is ahead while its audio is due later than in `AHEAD_S`, so a file that has waited until
its audio is due counts as live: it never falls behind its own speed. Ahead too is one that is set
aside, whose client was lost and may come back: nobody waits for its text meanwhile.

A stream has one partial waiting at most: a newer one takes its place, and its turn. A stream's
partials keep the interval that the load allows; while an utterance shows nothing yet, its partials
wait for no interval.

Requests for speech probabilities have a queue of their own: everything waits for them.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.recognition.requests import DecodeRequest, StreamRequest, is_for_partial
from scribewire.runtime.stream_clock import AHEAD_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scribewire.recognition.requests import Request

SPEAKING_S = 1.5  # after its last request for a partial, a stream still counts as speaking


@dataclass(slots=True, eq=False)
class Lane:
    """What the queue remembers of one stream."""

    partial_at: float = float("-inf")
    """When its latest partial was taken."""
    is_aside: bool = False
    """Whether nobody is there to wait for it."""


@dataclass(slots=True, eq=False)
class Job:
    """One request of one stream."""

    lane: Lane
    request: Request
    due_at: float
    """When its audio is played to one who listens as it is spoken."""
    asked_at: float
    """When it was put; of a partial that took the place of another, when that one was."""

    @property
    def is_partial(self) -> bool:
        """Whether it may be dropped."""
        return is_for_partial(self.request)

    def is_ahead(self, now: float) -> bool:
        """Whether it may wait for those who speak."""
        return self.lane.is_aside or self.due_at > now + AHEAD_S

    def ready_at(self, partial_interval_s: float) -> float:
        """Return from when it may run, a partial."""
        if isinstance(self.request, DecodeRequest | StreamRequest) and self.request.is_awaited:
            return self.asked_at - partial_interval_s
        return self.lane.partial_at + partial_interval_s


class JobQueue:
    """The jobs that no worker has taken yet. Not safe for threads by itself.

    `partial_interval_s` tells, for so many speaking streams at a time, how far apart the partials
    of each should be.
    """

    def __init__(self, partial_interval_s: Callable[[int, float], float]) -> None:
        self._partial_interval_s = partial_interval_s
        self._required: list[Job] = []
        self._partials: dict[Lane, Job] = {}
        self._spoken: dict[Lane, float] = {}  # when each live stream last asked; oldest first

    def __len__(self) -> int:
        return len(self._required) + len(self._partials)

    def put(self, job: Job) -> Job | None:
        """Add a job, and return the partial that is not wanted any more, if any.

        That is an older one of the same stream, or one of an utterance whose final is now asked
        for.
        """
        if not job.is_partial:
            self._required.append(job)
            return self._partials.pop(job.lane, None) if _is_final(job) else None
        if not job.is_ahead(job.asked_at):
            self._spoken.pop(job.lane, None)
            self._spoken[job.lane] = job.asked_at
        replaced = self._partials.get(job.lane)
        self._partials[job.lane] = job
        if replaced is not None:
            job.asked_at = replaced.asked_at
        return replaced

    def drop(self, lane: Lane) -> None:
        """Forget all jobs of a stream."""
        self._required = [job for job in self._required if job.lane is not lane]
        self._partials.pop(lane, None)
        self._spoken.pop(lane, None)

    def clear(self) -> None:
        """Forget all jobs."""
        self._required.clear()
        self._partials.clear()

    def speaking(self, now: float) -> int:
        """Return how many live streams have asked for a partial lately."""
        for lane, asked_at in list(self._spoken.items()):
            if asked_at > now - SPEAKING_S:
                break
            del self._spoken[lane]
        return len(self._spoken)

    def take(self, now: float) -> Job | None:
        """Remove and return the job that is next; None while none may run."""
        required = min(
            self._required, key=lambda job: (job.is_ahead(now), job.due_at), default=None
        )
        if required is None or required.is_ahead(now):
            interval_s = self._interval_s(now)
            ready = [job for job in self._partials.values() if job.ready_at(interval_s) <= now]
            live = _first_ready((job for job in ready if not job.is_ahead(now)), interval_s)
            partial = live or (None if required else _first_ready(ready, interval_s))
            if partial is not None:
                self._begin_partial(partial, now)
                return partial
        if required is not None:
            self._required.remove(required)
        return required

    def next_at(self, now: float) -> float | None:
        """Return when `take` may give a job that it does not give now; None: when one is put."""
        interval_s = self._interval_s(now)
        return min((job.ready_at(interval_s) for job in self._partials.values()), default=None)

    def _interval_s(self, now: float) -> float:
        return self._partial_interval_s(self.speaking(now), now)

    def _begin_partial(self, job: Job, now: float) -> None:
        del self._partials[job.lane]
        job.lane.partial_at = now


class FrameQueue:
    """The requests for speech probabilities that nobody has taken yet: the earliest due first.

    Used like a `JobQueue`. Not safe for threads by itself.
    """

    def __init__(self) -> None:
        self._jobs: list[tuple[float, int, Job]] = []  # a heap: due when, put as which
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, job: Job) -> Job | None:
        """Add a job, and return None: no other becomes unwanted."""
        heapq.heappush(self._jobs, (job.due_at, next(self._numbers), job))
        return None

    def drop(self, lane: Lane) -> None:
        """Forget all jobs of a stream."""
        self._jobs = [entry for entry in self._jobs if entry[2].lane is not lane]
        heapq.heapify(self._jobs)

    def clear(self) -> None:
        """Forget all jobs."""
        self._jobs.clear()

    def take(self, _now: float) -> Job | None:
        """Remove and return the job that is next; None while there is none."""
        return heapq.heappop(self._jobs)[2] if self._jobs else None

    def next_at(self, _now: float) -> float | None:
        """Return None: `take` gives nothing more before something is put."""
        return None


def _is_final(job: Job) -> bool:
    return isinstance(job.request, DecodeRequest) and job.request.is_required


def _first_ready(jobs: Iterable[Job], partial_interval_s: float) -> Job | None:
    return min(jobs, key=lambda job: job.ready_at(partial_interval_s), default=None)

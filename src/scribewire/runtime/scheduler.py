"""Decide which engine call is next, and bring its outcome to the stream that asked for it.

Theory of operation. Streams live on an event loop. Each opens a lane, submits to it, and is called
back on its loop with the answer or with what the engine raised. Once a lane is closed, none of its
jobs begins. Workers fetch calls and bring outcomes, from threads of their own (workers.py): some
measure speech probabilities, live streams before files, because everything waits for them; the
others do the rest, earliest due first, finals before partials, by the rules of job_queue.py. How
often partials run follows from what the workers have left, which load.py measures. Nothing here can
change a final: the recognizers ask for the same whatever the order of the answers.

One lock guards all of it, and neither engines nor workers nor streams are called under it. A call
is answered once: by its outcome or by the fault of who gave it up, whichever comes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    VadRequest,
    VadResult,
    drop,
)
from scribewire.runtime.job_queue import FrameQueue, Job, JobQueue, Lane
from scribewire.runtime.load import Judged, Load, LoadMeter, Loads
from scribewire.runtime.observer import UNOBSERVED, CallNote, Observer, kind_of
from scribewire.runtime.workers import Call
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.errors import ServerFault
    from scribewire.recognition.requests import Request
    from scribewire.runtime.stream_costs import StreamCost
    from scribewire.runtime.workers import Outcome, Workers

SPOKEN_FROM = 0.5  # probability; what is counted is minutes, so the bound matters little
CLOSE_PATIENCE_S = 5.0  # for calls under way when the server stops


@dataclass(slots=True, eq=False, kw_only=True)
class StreamLane(Lane):
    """Where one stream submits its requests and gets the answers."""

    call_soon: Callable[[Callable[[Request, Outcome], None], Request, Outcome], object]
    """Has the stream's loop call something, from any thread."""
    receive: Callable[[Request, Outcome], None]
    """Called on that loop, never after the lane was closed."""
    speech: SpeechEngine
    """What turns its speech into text."""
    cost: StreamCost
    """What it needs of the workers."""
    is_closed: bool = False

    def answer(self, request: Request, outcome: Outcome) -> None:
        """Hand over what became of a request, from any thread."""
        with contextlib.suppress(RuntimeError):  # a loop that ended has nobody waiting any more
            self.call_soon(self._receive, request, outcome)

    def _receive(self, request: Request, outcome: Outcome) -> None:
        if not self.is_closed:
            self.receive(request, outcome)


class Scheduler:
    """Run the requests of all streams on workers.

    Lanes belong to an event loop's thread. `listeners` measure speech probabilities, `workers` do
    the rest; both are started here and stopped by `close`. Times are seconds of `clock`, which is
    that of the event loops. The observer is told of each call, with no lock held.
    """

    def __init__(
        self,
        workers: Workers,
        *,
        listeners: Workers,
        clock: Callable[[], float] = time.monotonic,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.capacity = workers.capacity
        self._clock = clock
        self._lock = threading.Lock()  # guards the meter and both desks
        self._meter = LoadMeter(workers.capacity, others_share=lambda: workers.others_share)
        self._is_closed = False
        jobs, frames = JobQueue(self._meter.partial_interval_s), FrameQueue()

        def open_desk(queue: JobQueue | FrameQueue, workers: Workers) -> _Desk:
            return _Desk(
                queue, workers, meter=self._meter, lock=self._lock, clock=clock, observer=observer
            )

        self._jobs, self._frames = open_desk(jobs, workers), open_desk(frames, listeners)
        self._desks = (self._jobs, self._frames)
        for desk in self._desks:
            desk.workers.start(desk)

    @property
    def waiting_jobs(self) -> int:
        """Jobs that no worker has fetched yet."""
        with self._lock:
            return sum(len(desk.queue) for desk in self._desks)

    @property
    def stuck_calls(self) -> int:
        """Engine calls that were given up because they did not come back in time."""
        with self._lock:
            return sum(desk.given_up for desk in self._desks)

    def load(self) -> Load:
        """Return what the workers were busy with lately."""
        with self._lock:
            return self._meter.at(self._clock())

    def loads(self) -> Loads:
        """Return the same, and what the streams of each speech engine need."""
        with self._lock:
            return self._meter.loads_at(self._clock())

    def open_lane(
        self,
        receive: Callable[[Request, Outcome], None],
        *,
        speech: SpeechEngine,
        call_soon: Callable[..., object] | None = None,
    ) -> StreamLane:
        """Return a new stream's lane.

        `receive` is called by what `call_soon` is given, as by `call_soon_threadsafe` of the
        running event loop, which stands for it where there is none.
        """
        call_soon = call_soon or asyncio.get_running_loop().call_soon_threadsafe
        with self._lock:
            cost = self._meter.open_stream(self._clock(), speech=speech)
        return StreamLane(call_soon=call_soon, receive=receive, speech=speech, cost=cost)

    def submit(self, lane: StreamLane, request: Request, *, due_at: float) -> None:
        """Queue a request whose audio is due at `due_at`.

        A partial that is not wanted any more is answered with nothing: when the stream submits a
        newer one, or asks for a final of the same utterance.
        """
        assert not lane.is_closed, "a closed lane takes no requests"
        desk = self._frames if isinstance(request, VadRequest) else self._jobs
        with self._lock:
            assert not self._is_closed, "the scheduler is closed"
            unwanted = desk.queue.put(Job(lane, request, due_at, asked_at=self._clock()))
        desk.workers.wake()
        if unwanted is not None:
            lane.answer(unwanted.request, drop(unwanted.request))

    def close_lane(self, lane: StreamLane) -> None:
        """Drop what has not begun; the lane receives no more answers. Again does nothing."""
        lane.is_closed = True
        with self._lock:
            self._meter.close_stream(lane.cost, speech=lane.speech)
            for desk in self._desks:
                desk.queue.drop(lane)

    def set_aside(self, lane: StreamLane) -> None:
        """Count it no more among the open streams, and let it wait for them, until `take_up`."""
        with self._lock:
            lane.is_aside = True
            self._meter.close_stream(lane.cost, speech=lane.speech)

    def take_up(self, lane: StreamLane) -> None:
        """Count it again, unless it is closed."""
        with self._lock:
            lane.is_aside = False
            if not lane.is_closed:
                self._meter.count_stream(lane.cost, speech=lane.speech)

    def note_final(self, latency_s: float) -> None:
        """Note how long after the end of its silence the final of a live stream came."""
        with self._lock:
            self._meter.note_final(latency_s, self._clock())

    def close(self) -> None:
        """Let the calls that are running end, drop the rest, and stop the workers."""
        with self._lock:
            self._is_closed = True
            for desk in self._desks:
                desk.queue.clear()
        for desk in self._desks:
            desk.workers.stop()
        give_up_at = time.monotonic() + CLOSE_PATIENCE_S
        for desk in self._desks:
            desk.workers.join(max(give_up_at - time.monotonic(), 0.0))

    async def aclose(self) -> None:
        """As `close`, without holding up the event loop."""
        await asyncio.to_thread(self.close)


@dataclass(frozen=True, slots=True)
class _Begun:
    job: Job
    lane: StreamLane
    at: float

    @property
    def is_ahead(self) -> bool:
        return self.job.is_ahead(self.at)


class _Desk:
    """A `CallSource`: one queue, and the calls that its workers have fetched from it."""

    def __init__(
        self,
        queue: JobQueue | FrameQueue,
        workers: Workers,
        *,
        meter: LoadMeter,
        lock: threading.Lock,
        clock: Callable[[], float],
        observer: Observer,
    ) -> None:
        self.queue = queue
        self.workers = workers
        self.given_up = 0
        self._begun: dict[Call, _Begun] = {}
        self._meter = meter
        self._lock = lock
        self._clock = clock
        self._observer = observer

    def next_calls(self, at_most: int = 1) -> list[Call]:
        calls: list[Call] = []
        with self._lock:
            now = self._clock()
            while len(calls) < at_most and (job := self.queue.take(now)) is not None:
                assert isinstance(job.lane, StreamLane)
                begun = _Begun(job, job.lane, now)
                call = Call(job.request, job.lane.speech, is_ahead=begun.is_ahead)
                self._begun[call] = begun
                calls.append(call)
        return calls

    def wait_s(self) -> float | None:
        with self._lock:
            now = self._clock()
            next_at = self.queue.next_at(now)
            return None if next_at is None else max(next_at - now, 0.0)

    def receive_outcome(self, call: Call, outcome: Outcome, *, busy_s: float | None = None) -> bool:
        with self._lock:
            begun, now = self._begun.pop(call, None), self._clock()
            if begun is None:
                return False
            took_s = now - begun.at if busy_s is None else busy_s
            try:
                _note_call(self._meter, begun, outcome, now, busy_s=took_s)
            finally:  # whatever is wrong with the figures, the stream does not wait for ever
                begun.lane.answer(call.request, outcome)
        self._observer.note_call(_describe(begun, outcome, now, busy_s=took_s))
        return True

    def give_up(self, call: Call, fault: ServerFault) -> bool:
        with self._lock:
            begun = self._begun.pop(call, None)
            if begun is None:
                return False
            self.given_up += 1
        begun.lane.answer(call.request, fault)
        return True


def _note_call(
    meter: LoadMeter, begun: _Begun, outcome: Outcome, now: float, *, busy_s: float
) -> None:
    job, lane, is_ahead = begun.job, begun.lane, begun.is_ahead
    if is_ahead:
        meter.note_ahead(busy_s, now)
    elif job.is_partial:
        meter.note_partial(busy_s, now)
    else:
        meter.note_required(busy_s, now)
    if isinstance(job.request, VadRequest):
        meter.note_judged(lane.cost, _judged(job.request, outcome, is_ahead=is_ahead), now)
    elif not job.is_partial:
        meter.note_stream_work(lane.cost, busy_s, now, speech=lane.speech, is_ahead=is_ahead)
        if isinstance(job.request, DecodeRequest):
            meter.note_final_call(lane.cost, busy_s, speech=lane.speech, is_ahead=is_ahead)


def _describe(begun: _Begun, outcome: Outcome, now: float, *, busy_s: float) -> CallNote:
    return CallNote(
        kind=kind_of(begun.job.request),
        speech=begun.lane.speech,
        waited_s=max(now - begun.job.asked_at - busy_s, 0.0),
        busy_s=busy_s,
        is_ahead=begun.is_ahead,
        has_failed=isinstance(outcome, Exception),
    )


def _judged(request: VadRequest, outcome: Outcome, *, is_ahead: bool) -> Judged:
    probabilities = outcome.probabilities if isinstance(outcome, VadResult) else ()
    spoken = sum(probability >= SPOKEN_FROM for probability in probabilities)
    return Judged(
        seconds=len(request.frames) / SAMPLE_RATE,
        spoken_s=spoken * FRAME_SAMPLES / SAMPLE_RATE,
        is_ahead=is_ahead,
    )

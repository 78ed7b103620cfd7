"""Run engine requests on worker threads, the urgent ones first.

Theory of operation. Engine calls are the only work here that takes long, and they release the
interpreter lock, so a few plain threads fill the machine: one for each core decodes, and one more
measures speech probabilities, live streams before files. Those take a fraction of a millisecond
and everything waits for them, so they never stand behind a decode. All other jobs wait in one
queue, earliest due first, finals before partials; its rules are in job_queue.py. How often partials
run follows from what the workers have left, which load.py measures. Nothing here can change a
final: the recognizers ask for the same whatever the order of the answers.

Streams live on an event loop. Each opens a lane, submits to it, and is called back on its loop
with the answer or with what the engine raised. Once a lane is closed, none of its jobs begins.

An engine call that does not come back is given up after `max_call_s`, one for speech probabilities
after `MAX_FRAMES_S`: its stream is told, and another thread takes the place of the one that hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from scribewire.engines.engines import Engines
from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    Request,
    Result,
    VadRequest,
)
from scribewire.runtime.cores import available_cores
from scribewire.runtime.job_queue import Job, JobQueue, Lane
from scribewire.runtime.load import Load, LoadMeter
from scribewire.runtime.pace import AHEAD_S
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine, VadEngine, Voices

MAX_FRAMES_S = 5.0  # thousands of times what they take; all streams wait meanwhile
MAX_CALL_S = 30.0  # a hundred times what the longest decode takes on a machine that is not lost
CLOSE_PATIENCE_S = 5.0  # for calls under way when the server stops
CORES_PER_LISTENER = 16  # one thread measures the speech of about 400 streams

Answer: TypeAlias = Result | Exception
"""What an engine answered, or what it raised."""

_log = logging.getLogger("scribewire.scheduler")


@dataclass(slots=True, eq=False, kw_only=True)
class StreamLane(Lane):
    """Where one stream submits its requests and gets the answers."""

    loop: asyncio.AbstractEventLoop
    receive: Callable[[Request, Answer], None]
    """Called on `loop`, never after the lane was closed."""
    is_closed: bool = False

    def answer(self, request: Request, answer: Answer) -> None:
        """Hand over an answer, from any thread."""
        with contextlib.suppress(RuntimeError):  # a loop that ended has nobody waiting any more
            self.loop.call_soon_threadsafe(self._receive, request, answer)

    def _receive(self, request: Request, answer: Answer) -> None:
        if not self.is_closed:
            self.receive(request, answer)


@dataclass(slots=True, eq=False)
class _Frames:
    """A request for speech probabilities; the one that is due first is the smallest."""

    lane: StreamLane
    request: VadRequest
    due_at: float

    def __lt__(self, other: _Frames) -> bool:
        return self.due_at < other.due_at


@dataclass(slots=True, eq=False)
class _Call:
    """An engine call under way."""

    lane: StreamLane
    job: Job | _Frames
    began_at: float
    work: Callable[[], None]
    """What its thread runs, and so must the one that takes its place."""


class Scheduler:
    """Run requests on the engines, on threads of its own.

    Lanes belong to an event loop's thread. Close it before the engines. `workers` decode side by
    side, by default as many as there are cores; `max_call_s` is how long a call may take.
    """

    def __init__(
        self,
        vad: VadEngine,
        speech: SpeechEngine,
        *,
        voices: Voices | None = None,
        workers: int | None = None,
        max_call_s: float = MAX_CALL_S,
    ) -> None:
        self._engines = Engines(vad, (speech,), voices)
        self._speech = speech
        self._max_call_s = max_call_s
        self.workers = workers or available_cores()
        self._lock = threading.Lock()  # guards everything below
        self._has_job = threading.Condition(self._lock)
        self._has_frames = threading.Condition(self._lock)
        self._jobs = JobQueue()
        self._frames: list[_Frames] = []  # a heap
        self._meter = LoadMeter(self.workers)
        self._calls: dict[int, _Call] = {}  # by thread
        self._threads: list[threading.Thread] = []
        self._stuck_calls = 0
        self._is_closed = threading.Event()
        for _ in range(1 + self.workers // CORES_PER_LISTENER):
            self._start(self._listen)
        for _ in range(self.workers):
            self._start(self._decode)
        self._start(self._watch)

    @property
    def can_tell_speakers(self) -> bool:
        """Whether requests for turns and embeddings may be submitted."""
        return self._engines.voices is not None

    @property
    def waiting_jobs(self) -> int:
        """Jobs that no worker has taken yet."""
        with self._lock:
            return len(self._jobs) + len(self._frames)

    @property
    def stuck_calls(self) -> int:
        """Engine calls that were given up because they did not come back in time."""
        with self._lock:
            return self._stuck_calls

    def load(self) -> Load:
        """Return what the workers were busy with lately."""
        with self._lock:
            return self._meter.at(time.monotonic())

    def open_lane(self, receive: Callable[[Request, Answer], None]) -> StreamLane:
        """Return a new stream's lane; `receive` is called on the running event loop."""
        return StreamLane(loop=asyncio.get_running_loop(), receive=receive)

    def submit(self, lane: StreamLane, request: Request, *, due_at: float) -> None:
        """Queue a request whose audio is due at `due_at`, on the clock of the event loop.

        A partial that is not wanted any more is answered with nothing: when the stream submits a
        newer one, or asks for a final of the same utterance.
        """
        assert not lane.is_closed, "a closed lane takes no requests"
        with self._lock:
            assert not self._is_closed.is_set(), "the scheduler is closed"
            if isinstance(request, VadRequest):
                heapq.heappush(self._frames, _Frames(lane, request, due_at))
                self._has_frames.notify()
                return
            unwanted = self._jobs.put(Job(lane, request, due_at, asked_at=time.monotonic()))
            self._has_job.notify()
        if unwanted is not None:
            lane.answer(unwanted.request, DecodeResult(None))

    def close_lane(self, lane: StreamLane) -> None:
        """Drop what has not begun; the lane receives no more answers. Again does nothing."""
        lane.is_closed = True
        with self._lock:
            self._jobs.drop(lane)
            self._frames = [frames for frames in self._frames if frames.lane is not lane]
            heapq.heapify(self._frames)

    def note_final(self, latency_s: float) -> None:
        """Note how long after the end of its silence the final of a live stream came."""
        with self._lock:
            self._meter.note_final(latency_s, time.monotonic())

    def close(self) -> None:
        """Let the calls that are running end, drop the rest, and end the threads."""
        with self._lock:
            self._is_closed.set()
            self._jobs.clear()
            self._frames.clear()
            self._has_job.notify_all()
            self._has_frames.notify_all()
            threads = list(self._threads)  # no other is started from now on
        give_up_at = time.monotonic() + CLOSE_PATIENCE_S
        for thread in threads:
            thread.join(max(give_up_at - time.monotonic(), 0.0))
        if any(thread.is_alive() for thread in threads):
            _log.warning("! an engine call did not end: its thread is left behind")

    async def aclose(self) -> None:
        """As `close`, without holding up the event loop."""
        await asyncio.to_thread(self.close)

    # Threads.

    def _start(self, work: Callable[[], None]) -> None:
        with self._lock:
            if self._is_closed.is_set():
                return
            name = f"engine-{len(self._threads)}"
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _decode(self) -> None:
        while (job := self._next_job()) is not None:
            assert isinstance(job.lane, StreamLane)
            if not self._run(_Call(job.lane, job, time.monotonic(), self._decode)):
                return

    def _listen(self) -> None:
        while (frames := self._next_frames()) is not None:
            if not self._run(_Call(frames.lane, frames, time.monotonic(), self._listen)):
                return

    def _next_job(self) -> Job | None:
        with self._lock:
            while not self._is_closed.is_set():
                now = time.monotonic()
                interval_s = self._meter.partial_interval_s(self._jobs.speaking(now), now)
                job = self._jobs.take(now, partial_interval_s=interval_s)
                if job is not None:
                    return job
                next_at = self._jobs.next_at(partial_interval_s=interval_s)
                self._has_job.wait(None if next_at is None else max(next_at - now, 0.001))
            return None

    def _next_frames(self) -> _Frames | None:
        with self._lock:
            while not self._frames and not self._is_closed.is_set():
                self._has_frames.wait()
            return None if self._is_closed.is_set() else heapq.heappop(self._frames)

    def _run(self, call: _Call) -> bool:
        """Run a call and answer it; return False if it was given up in the meantime."""
        me = threading.get_ident()
        with self._lock:
            self._calls[me] = call
        try:
            answer: Answer = self._engines.answer(call.job.request, self._speech)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
            answer = error
        with self._lock:
            if self._calls.pop(me, None) is not call:
                return False
            self._note(call, time.monotonic())
        call.lane.answer(call.job.request, answer)
        return True

    def _note(self, call: _Call, now: float) -> None:
        busy_s = now - call.began_at
        is_ahead = call.job.due_at > call.began_at + AHEAD_S
        if is_ahead:
            self._meter.note_ahead(busy_s, now)
        elif isinstance(call.job, Job) and call.job.is_partial:
            self._meter.note_partial(busy_s, now)
        else:
            self._meter.note_required(busy_s, now)
            if isinstance(call.job.request, DecodeRequest):
                self._meter.note_final_call(busy_s)
            if isinstance(call.job, _Frames):
                self._meter.note_heard(len(call.job.request.frames) / SAMPLE_RATE, now)

    def _watch(self) -> None:
        """Give up calls that take too long, and replace their threads."""
        while not self._is_closed.wait(min(1.0, self._max_call_s / 4)):
            with self._lock:
                now = time.monotonic()
                stuck = [
                    (me, call)
                    for me, call in self._calls.items()
                    if now - call.began_at > self._limit_s(call)
                ]
                for me, _ in stuck:
                    del self._calls[me]
                self._stuck_calls += len(stuck)
            for _, call in stuck:
                limit_s = self._limit_s(call)
                _log.error("! an engine call did not come back within %g s", limit_s)
                fault = ServerFault(f"an engine did not answer within {limit_s:g} s")
                call.lane.answer(call.job.request, fault)
                self._start(call.work)

    def _limit_s(self, call: _Call) -> float:
        is_frames = isinstance(call.job, _Frames)
        return min(self._max_call_s, MAX_FRAMES_S) if is_frames else self._max_call_s

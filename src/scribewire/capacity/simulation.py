"""A server's scheduler with streams and workers on a clock of its own: minutes in a moment.

The scheduler, its queue, its load figures and admission are the real ones. Simulated are the
engines, which take the time that a `Machine` needs and answer nothing, and the streams: people who
speak without a break, which is the most that a stream can cost, and files, which take what is left.
Nothing here depends on the machine that it runs on.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Request,
    Result,
    VadRequest,
    VadResult,
)
from scribewire.runtime.scheduler import Scheduler
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.runtime.workers import Call, CallSource, Outcome

VAD_EVERY_S = 8 * FRAME_SAMPLES / SAMPLE_RATE
PARTIAL_EVERY_S = 0.5
EMBEDDED_AFTER_S = 1.2
DECODED_AFTER_S = 0.4  # of silence: the final's audio is complete
ENDPOINT_S = 0.5  # of silence: the final is due

_UTTERANCE_S = (1.5, 4.0, 12.0)  # shortest, mean, longest
_PAUSE_S = (0.6, 1.4)
_SPREAD = 0.35  # of the time that a call takes, about its mean: words come more or less densely
_SILENT = np.zeros(1, np.float32)
_FRAMES = np.zeros(8 * FRAME_SAMPLES, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What calls take, in seconds of one worker."""

    workers: int
    final_s: float
    """Decoding the final of a typical utterance, of 4 s."""
    partial_s: float
    """Decoding a typical partial."""
    embedding_s: float
    """Measuring whose voice an utterance is."""
    vad_s: float
    """Measuring the speech of one second."""

    def slower(self, times: float) -> Machine:
        """Return one that takes so many times as long for everything."""
        return replace(
            self,
            final_s=self.final_s * times,
            partial_s=self.partial_s * times,
            embedding_s=self.embedding_s * times,
            vad_s=self.vad_s * times,
        )


class SimulatedClock:
    """What happens when, without waiting for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Do this at `when`, or at once if that has passed."""
        heapq.heappush(self._planned, (max(when, self.now), next(self._numbers), act))

    def run_until(self, end: float) -> None:
        """Let everything happen that happens before `end`."""
        while self._planned and self._planned[0][0] < end:
            self.now, _, act = heapq.heappop(self._planned)
            act()
        self.now = end


class _Workers:
    """Take as long for each call as `seconds` says."""

    def __init__(self, clock: SimulatedClock, capacity: int, seconds: dict[Request, float]) -> None:
        self.capacity = capacity
        self.others_share = 0.0
        self.busy_s = 0.0
        self._clock = clock
        self._seconds = seconds
        self._free = capacity
        self._source: CallSource | None = None
        self._looks_at = float("inf")

    def start(self, source: CallSource) -> None:
        self._source = source

    def wake(self) -> None:
        source = self._source
        assert source is not None
        while self._free and (calls := source.next_calls()):
            for call in calls:
                self._begin(call)
        wait_s = source.wait_s() if self._free else None
        if wait_s is not None and not self._clock.now < self._looks_at <= self._clock.now + wait_s:
            self._looks_at = self._clock.now + max(wait_s, 0.001)
            self._clock.at(self._looks_at, self.wake)

    def stop(self) -> None:
        self._free = 0

    def join(self, patience_s: float) -> None:
        pass

    def _begin(self, call: Call) -> None:
        self._free -= 1
        seconds = self._seconds.pop(call.request)
        self.busy_s += seconds
        self._clock.at(self._clock.now + seconds, lambda: self._end(call))

    def _end(self, call: Call) -> None:
        assert self._source is not None
        self._free += 1
        self._source.receive_outcome(call, _answer(call.request))
        self.wake()


def _answer(request: Request) -> Result:
    if isinstance(request, VadRequest):
        return VadResult((0.99 if request.state == b"speech" else 0.01,) * 8, None)
    if isinstance(request, EmbeddingRequest):
        return EmbeddingResult(_SILENT)
    return DecodeResult(None)


class Simulation:
    """A scheduler and its workers on a clock."""

    def __init__(self, machine: Machine, *, seed: int = 0) -> None:
        self.clock = SimulatedClock()
        self.machine = machine
        self.random = Random(seed)  # noqa: S311 - draws lots, guards nothing
        self.seconds: dict[Request, float] = {}
        self.workers = _Workers(self.clock, machine.workers, self.seconds)
        self.scheduler = Scheduler(
            self.workers,
            listeners=_Workers(self.clock, 1, self.seconds),
            clock=lambda: self.clock.now,
        )
        self.final_latencies: list[tuple[float, float]] = []
        """When each final of a live stream came, and how late."""
        self.partial_gaps: list[tuple[float, float]] = []
        """When speaking time without a new partial ended, and how long it was."""

    def speak(self, speech: SpeechEngine) -> None:
        """Let one more begin to speak now."""
        _SpeakingStream(self, speech)

    def push_file(self, speech: SpeechEngine) -> None:
        """Let one more file begin now."""
        _FileStream(self, speech)

    def p95_s(self, *, since_s: float) -> float:
        """Return the 95th percentile of the latencies of all finals since then; 0 without any."""
        late = sorted(latency for at, latency in self.final_latencies if at >= since_s)
        return late[math.ceil(0.95 * len(late)) - 1] if late else 0.0

    def partial_interval_s(self, *, since_s: float) -> float:
        """Return the gap in which the middle moment of all speaking time since then lies; or 0."""
        gaps = sorted(gap for at, gap in self.partial_gaps if at >= since_s)
        passed, half = 0.0, sum(gaps) / 2
        for gap in gaps:
            passed += gap
            if passed >= half:
                return gap
        return 0.0


class _Stream:
    def __init__(self, simulation: Simulation, speech: SpeechEngine) -> None:
        self._simulation = simulation
        self._clock = simulation.clock
        self._random = simulation.random
        self._lane = simulation.scheduler.open_lane(
            self._receive, speech=speech, call_soon=self._call_soon
        )
        self._waiting: dict[Request, Callable[[bool], None]] = {}

    def _call_soon(self, act: Callable[..., None], *about: object) -> None:
        """Not at once: the scheduler holds its lock."""
        self._clock.at(self._clock.now, lambda: act(*about))

    def _ask(
        self,
        request: Request,
        seconds: float,
        due_at: float,
        then: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """`then` is told whether it was run; else it was dropped."""
        spread = self._random.lognormvariate(-_SPREAD * _SPREAD / 2, _SPREAD)
        self._simulation.seconds[request] = seconds * spread
        self._waiting[request] = then
        self._simulation.scheduler.submit(self._lane, request, due_at=due_at)

    def _receive(self, request: Request, _outcome: Outcome) -> None:
        was_dropped = self._simulation.seconds.pop(request, None) is not None
        self._waiting.pop(request)(not was_dropped)


class _SpeakingStream(_Stream):
    """Somebody who speaks without a break: utterance after utterance."""

    def __init__(self, simulation: Simulation, speech: SpeechEngine) -> None:
        super().__init__(simulation, speech)
        self._utterance = 0
        self._is_speaking = False
        self._shown_at = 0.0  # when the last partial came, or speech began
        self._clock.at(self._clock.now + self._random.uniform(0, 1), self._begin)
        self._hear()

    def _hear(self) -> None:
        state = b"speech" if self._is_speaking else None
        machine = self._simulation.machine
        self._ask(VadRequest(_FRAMES, state), machine.vad_s * VAD_EVERY_S, self._clock.now)
        self._clock.at(self._clock.now + VAD_EVERY_S, self._hear)

    def _begin(self) -> None:
        shortest, mean, longest = _UTTERANCE_S
        length_s = min(shortest + self._random.expovariate(1 / (mean - shortest)), longest)
        begun_at, end_at = self._clock.now, self._clock.now + length_s
        self._utterance += 1
        self._is_speaking = True
        self._shown_at = begun_at
        self._clock.at(begun_at + PARTIAL_EVERY_S, lambda: self._ask_partial(end_at, is_first=True))
        if length_s > EMBEDDED_AFTER_S:
            self._clock.at(begun_at + EMBEDDED_AFTER_S, self._embed)
        self._clock.at(end_at, self._fall_silent)
        self._clock.at(end_at + DECODED_AFTER_S, lambda: self._finish(end_at, length_s))
        self._clock.at(end_at + self._random.uniform(*_PAUSE_S), self._begin)

    def _fall_silent(self) -> None:
        self._show()
        self._is_speaking = False

    def _show(self, was_run: bool = True) -> None:  # noqa: FBT002 - what `_ask` calls
        if was_run and self._is_speaking:
            now = self._clock.now
            self._simulation.partial_gaps.append((now, now - self._shown_at))
            self._shown_at = now

    def _embed(self) -> None:
        request = EmbeddingRequest(utterance=self._utterance, samples=_SILENT)
        self._ask(request, self._simulation.machine.embedding_s, self._clock.now)

    def _ask_partial(self, end_at: float, *, is_first: bool) -> None:
        now = self._clock.now
        request = self._decode(is_required=False, is_awaited=is_first)
        self._ask(request, self._simulation.machine.partial_s, now, self._show)
        if now + PARTIAL_EVERY_S < end_at:
            self._clock.at(now + PARTIAL_EVERY_S, lambda: self._ask_partial(end_at, is_first=False))

    def _finish(self, end_at: float, length_s: float) -> None:
        seconds = self._simulation.machine.final_s * (0.4 + 0.6 * length_s / _UTTERANCE_S[1])
        due_at = end_at + ENDPOINT_S

        def note(_was_run: bool) -> None:
            late_s = max(self._clock.now - due_at, 0.0)
            self._simulation.final_latencies.append((self._clock.now, late_s))
            self._simulation.scheduler.note_final(late_s)

        self._ask(self._decode(is_required=True), seconds, self._clock.now, note)

    def _decode(self, *, is_required: bool, is_awaited: bool = False) -> DecodeRequest:
        end = int(self._clock.now * SAMPLE_RATE)
        return DecodeRequest(
            utterance=self._utterance,
            samples=_SILENT,
            end_sample=end,
            is_required=is_required,
            is_awaited=is_awaited,
        )


class _FileStream(_Stream):
    """A file that is pushed as fast as it is taken, utterance after utterance."""

    def __init__(self, simulation: Simulation, speech: SpeechEngine) -> None:
        super().__init__(simulation, speech)
        self._position_s = 30.0
        self._go_on()

    def _go_on(self) -> None:
        machine = self._simulation.machine
        length_s = _UTTERANCE_S[1] + 1.0
        self._position_s += length_s
        frames = np.zeros(int(length_s * SAMPLE_RATE) // FRAME_SAMPLES * FRAME_SAMPLES, np.float32)
        request = DecodeRequest(utterance=0, samples=_SILENT, end_sample=0, is_required=True)
        due_at = self._clock.now + 30.0
        self._ask(VadRequest(frames, b"speech"), machine.vad_s * length_s, due_at)
        self._ask(request, machine.final_s, due_at, lambda _: self._go_on())

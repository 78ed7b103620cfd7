from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import SpeechEngine, VadEngine, Voices
from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
    Request,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.runtime.scheduler import Scheduler
from scribewire.runtime.threads import MAX_CALL_S, schedule_on_threads
from scribewire.runtime.workers import Outcome
from scribewire.testing.faulty import FailingEngine, StuckEngine
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, ScriptedVoices, draw_speech

SILENCE = np.zeros(FRAME_SAMPLES, np.float32)
AN_HOUR = 3600.0


def decode_request(
    utterance: int, *, picture: str = "abc", is_required: bool = True
) -> DecodeRequest:
    samples = draw_speech(picture)
    return DecodeRequest(
        utterance=utterance, samples=samples, end_sample=len(samples), is_required=is_required
    )


def schedule(
    engine: SpeechEngine,
    vad: VadEngine | None = None,
    *,
    voices: Voices | None = None,
    workers: int = 1,
    max_call_s: float = MAX_CALL_S,
) -> Scheduler:
    engines = Engines(vad or ScriptedVad(), (engine,), voices)
    return schedule_on_threads(engines, workers=workers, max_call_s=max_call_s)


class Asker:
    """One stream's lane, and what it was answered."""

    def __init__(self, scheduler: Scheduler, speech: SpeechEngine) -> None:
        self._scheduler = scheduler
        self._lane = scheduler.open_lane(self._receive, speech=speech)
        self._asked: dict[int, asyncio.Future[Outcome]] = {}

    def ask(self, request: Request, *, in_s: float = 0.0) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._asked[id(request)] = future
        self._scheduler.submit(self._lane, request, due_at=time.monotonic() + in_s)
        return future

    def close(self) -> None:
        self._scheduler.close_lane(self._lane)

    def _receive(self, request: Request, outcome: Outcome) -> None:
        self._asked.pop(id(request)).set_result(outcome)


@pytest.fixture
def gated() -> Iterator[tuple[StuckEngine, Scheduler]]:
    engine = StuckEngine()
    scheduler = schedule(engine)
    yield engine, scheduler
    engine.release.set()
    scheduler.close()


async def hold(engine: StuckEngine, scheduler: Scheduler) -> asyncio.Future[Outcome]:
    """Occupy the only worker with utterance 0 of a stream of its own."""
    first = Asker(scheduler, engine).ask(decode_request(0))
    await asyncio.to_thread(engine.has_begun.wait)
    return first


async def test_a_request_is_run_on_its_engine_and_answered() -> None:
    engine = ScriptedEngine()
    scheduler = schedule(engine, workers=2)
    asker = Asker(scheduler, engine)

    decoded, measured = await asyncio.gather(
        asker.ask(decode_request(0)), asker.ask(VadRequest(SILENCE, None))
    )

    scheduler.close()
    assert isinstance(decoded, DecodeResult)
    assert isinstance(decoded.hypothesis, Hypothesis)
    assert decoded.hypothesis.text == "abc"
    assert measured == VadResult((0.1,), (1).to_bytes(8, "little"))


async def test_questions_about_speakers_go_to_their_engines() -> None:
    voices = ScriptedVoices()
    engine = ScriptedEngine()
    scheduler = schedule(engine, voices=Voices(voices, voices))
    samples = draw_speech("abc")
    asker = Asker(scheduler, engine)

    embedding, turns = await asyncio.gather(
        asker.ask(EmbeddingRequest(utterance=0, samples=samples)),
        asker.ask(TurnRequest(utterance=0, samples=samples)),
    )

    scheduler.close()
    assert isinstance(embedding, EmbeddingResult)
    assert isinstance(turns, TurnResult)


async def test_finals_run_before_partials_and_files_after_both(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = await hold(engine, scheduler)
    waiting = [
        Asker(scheduler, engine).ask(decode_request(1), in_s=AN_HOUR),
        Asker(scheduler, engine).ask(decode_request(2, is_required=False)),
        Asker(scheduler, engine).ask(decode_request(3), in_s=0.5),
        Asker(scheduler, engine).ask(decode_request(4), in_s=0.1),
    ]

    engine.release.set()
    await asyncio.gather(first, *waiting)

    assert [r.utterance for r in engine.requests] == [0, 4, 3, 2, 1]


async def test_speech_is_measured_while_every_worker_decodes(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = await hold(engine, scheduler)

    answer = await Asker(scheduler, engine).ask(VadRequest(SILENCE, None))

    assert isinstance(answer, VadResult)
    assert not first.done()


async def test_speech_of_a_live_stream_is_measured_before_that_of_files() -> None:
    vad, engine = GatedVad(), ScriptedEngine()
    scheduler = schedule(engine, vad)
    first = Asker(scheduler, engine).ask(VadRequest(draw_speech("a"), None))
    await asyncio.to_thread(vad.has_begun.wait)
    waiting = [
        Asker(scheduler, engine).ask(VadRequest(draw_speech("b" * count), None), in_s=in_s)
        for count, in_s in ((2, AN_HOUR), (3, 2 * AN_HOUR), (4, 0.0))
    ]

    vad.release.set()
    await asyncio.gather(first, *waiting)

    scheduler.close()
    assert vad.measured == [1, 4, 2, 3]


async def test_a_newer_partial_takes_the_place_of_one_that_waits(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = await hold(engine, scheduler)
    asker = Asker(scheduler, engine)
    older = asker.ask(decode_request(7, picture="a", is_required=False))
    newer = asker.ask(decode_request(7, picture="ab", is_required=False))

    assert await older == DecodeResult(None)
    engine.release.set()
    await first
    answer = await newer

    assert isinstance(answer, DecodeResult)
    assert answer.hypothesis is not None
    assert answer.hypothesis.text == "ab"
    assert [r.utterance for r in engine.requests] == [0, 7]


async def test_nothing_begins_for_a_lane_that_was_closed(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = await hold(engine, scheduler)
    gone = Asker(scheduler, engine)
    dropped = [gone.ask(decode_request(1)), gone.ask(decode_request(2, is_required=False))]
    last = Asker(scheduler, engine).ask(decode_request(3))
    gone.close()

    engine.release.set()
    await asyncio.gather(first, last)

    assert [r.utterance for r in engine.requests] == [0, 3]
    assert not any(future.done() for future in dropped)


async def test_a_closed_lane_is_told_nothing_of_the_call_that_was_under_way(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    gone = Asker(scheduler, engine)
    under_way = gone.ask(decode_request(0))
    await asyncio.to_thread(engine.has_begun.wait)

    gone.close()
    engine.release.set()
    await Asker(scheduler, engine).ask(decode_request(1))

    assert not under_way.done()


async def test_an_engine_that_raises_fails_its_request_and_no_other() -> None:
    engine = FailingEngine()
    scheduler = schedule(engine)
    asker = Asker(scheduler, engine)

    failed = await asker.ask(decode_request(0, picture="x"))
    decoded = await asker.ask(decode_request(1))

    scheduler.close()
    assert isinstance(failed, ValueError)
    assert isinstance(decoded, DecodeResult)


@pytest.mark.slow
async def test_a_call_that_hangs_is_given_up_and_its_thread_replaced() -> None:
    engine = StuckEngine()
    scheduler = schedule(engine, max_call_s=1.0)

    fault = await Asker(scheduler, engine).ask(decode_request(0))
    engine.release.set()
    answer = await Asker(scheduler, engine).ask(decode_request(1))

    await scheduler.aclose()
    assert isinstance(fault, ServerFault)
    assert "did not answer within 1 s" in str(fault)
    assert isinstance(answer, DecodeResult)
    assert scheduler.stuck_calls == 1


async def test_what_calls_took_is_told_apart() -> None:
    engine = ScriptedEngine()
    scheduler = schedule(engine)
    asker = Asker(scheduler, engine)

    await asker.ask(decode_request(0))
    finals = scheduler.load()
    await asker.ask(decode_request(1, is_required=False))
    partials = scheduler.load()
    await asker.ask(decode_request(2), in_s=AN_HOUR)
    files = scheduler.load()

    scheduler.close()
    assert finals.required_share > 0
    assert finals.partial_share == 0
    assert partials.partial_share > 0
    assert partials.ahead_share == 0
    assert files.ahead_share > 0


async def test_closing_drops_what_has_not_begun_and_ends_the_threads(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = await hold(engine, scheduler)
    never = Asker(scheduler, engine).ask(decode_request(1))
    assert scheduler.waiting_jobs == 1

    closing = asyncio.create_task(scheduler.aclose())
    while scheduler.waiting_jobs:  # noqa: ASYNC110 - a thread of its own, without an event
        await asyncio.sleep(0)
    engine.release.set()
    await asyncio.gather(closing, first)

    assert not never.done()
    assert [r.utterance for r in engine.requests] == [0]
    assert not [t for t in threading.enumerate() if t.name.startswith("engine-")]


async def test_decodes_run_side_by_side_on_their_threads() -> None:
    together = threading.Barrier(2, timeout=10)
    engine = MeetingEngine(together)
    scheduler = schedule(engine, workers=2)

    await asyncio.gather(
        Asker(scheduler, engine).ask(decode_request(0)),
        Asker(scheduler, engine).ask(decode_request(1)),
    )

    scheduler.close()
    assert not together.broken


async def test_every_request_is_answered_once_while_other_lanes_come_and_go() -> None:
    engine = ScriptedEngine()
    scheduler = schedule(engine, workers=4)
    asked: list[asyncio.Future[Outcome]] = []
    for number in range(200):
        staying, leaving = Asker(scheduler, engine), Asker(scheduler, engine)
        for asker in (leaving, staying):
            asked_now = [
                asker.ask(VadRequest(SILENCE, None)),
                asker.ask(decode_request(number)),
                asker.ask(decode_request(number + 1, is_required=False)),
            ]
        asked += asked_now
        leaving.close()
        if number % 10 == 0:
            await asyncio.sleep(0)

    outcomes = await asyncio.gather(*asked)  # a second answer would find no request in `_asked`

    await scheduler.aclose()
    assert all(isinstance(outcome, VadResult | DecodeResult) for outcome in outcomes)
    assert scheduler.waiting_jobs == 0


class GatedVad(ScriptedVad):
    """Measures nothing until it is released; notes how many frames each request has."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun, self.release = threading.Event(), threading.Event()
        self.measured: list[int] = []

    def measure(self, request: VadRequest) -> VadResult:
        self.has_begun.set()
        assert self.release.wait(10)
        self.measured.append(len(request.frames) // FRAME_SAMPLES)
        return super().measure(request)


class MeetingEngine(ScriptedEngine):
    """Each decode waits until as many run as the barrier asks for."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__()
        self._barrier = barrier

    def decode(self, request: DecodeRequest) -> DecodeResult:
        self._barrier.wait()
        return super().decode(request)

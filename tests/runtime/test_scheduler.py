from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from scribewire.engines.protocols import Voices
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
from scribewire.runtime.scheduler import Answer, Scheduler
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


class Asker:
    """One stream's lane, and what it was answered."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._lane = scheduler.open_lane(self._receive)
        self._asked: dict[int, asyncio.Future[Answer]] = {}

    def ask(self, request: Request, *, in_s: float = 0.0) -> asyncio.Future[Answer]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[id(request)] = future
        self._scheduler.submit(self._lane, request, due_at=time.monotonic() + in_s)
        return future

    def close(self) -> None:
        self._scheduler.close_lane(self._lane)

    def _receive(self, request: Request, answer: Answer) -> None:
        self._asked.pop(id(request)).set_result(answer)


@pytest.fixture
def gated() -> Iterator[tuple[StuckEngine, Scheduler]]:
    engine = StuckEngine()
    scheduler = Scheduler(ScriptedVad(), engine, workers=1)
    yield engine, scheduler
    engine.release.set()
    scheduler.close()


async def hold(engine: StuckEngine, scheduler: Scheduler) -> asyncio.Future[Answer]:
    """Occupy the only worker with utterance 0 of a stream of its own."""
    first = Asker(scheduler).ask(decode_request(0))
    await asyncio.to_thread(engine.has_begun.wait)
    return first


async def test_a_request_is_run_on_its_engine_and_answered() -> None:
    scheduler = Scheduler(ScriptedVad(), ScriptedEngine(), workers=2)
    asker = Asker(scheduler)

    decoded, measured = await asyncio.gather(
        asker.ask(decode_request(0)), asker.ask(VadRequest(SILENCE, None))
    )

    scheduler.close()
    assert isinstance(decoded, DecodeResult)
    assert isinstance(decoded.hypothesis, Hypothesis)
    assert decoded.hypothesis.text == "abc"
    assert measured == VadResult((0.1,), 1)


async def test_questions_about_speakers_go_to_their_engines() -> None:
    voices = ScriptedVoices()
    scheduler = Scheduler(ScriptedVad(), ScriptedEngine(), voices=Voices(voices, voices), workers=1)
    samples = draw_speech("abc")
    asker = Asker(scheduler)

    embedding, turns = await asyncio.gather(
        asker.ask(EmbeddingRequest(utterance=0, samples=samples)),
        asker.ask(TurnRequest(utterance=0, samples=samples)),
    )

    scheduler.close()
    assert scheduler.can_tell_speakers
    assert isinstance(embedding, EmbeddingResult)
    assert isinstance(turns, TurnResult)


async def test_finals_run_before_partials_and_files_after_both(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = await hold(engine, scheduler)
    waiting = [
        Asker(scheduler).ask(decode_request(1), in_s=AN_HOUR),
        Asker(scheduler).ask(decode_request(2, is_required=False)),
        Asker(scheduler).ask(decode_request(3), in_s=0.5),
        Asker(scheduler).ask(decode_request(4), in_s=0.1),
    ]

    engine.release.set()
    await asyncio.gather(first, *waiting)

    assert [r.utterance for r in engine.requests] == [0, 4, 3, 2, 1]


async def test_speech_is_measured_while_every_worker_decodes(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = await hold(engine, scheduler)

    answer = await Asker(scheduler).ask(VadRequest(SILENCE, None))

    assert isinstance(answer, VadResult)
    assert not first.done()


async def test_speech_of_a_live_stream_is_measured_before_that_of_files() -> None:
    vad = GatedVad()
    scheduler = Scheduler(vad, ScriptedEngine(), workers=1)
    first = Asker(scheduler).ask(VadRequest(draw_speech("a"), None))
    await asyncio.to_thread(vad.has_begun.wait)
    waiting = [
        Asker(scheduler).ask(VadRequest(draw_speech("b" * count), None), in_s=in_s)
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
    asker = Asker(scheduler)
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
    gone = Asker(scheduler)
    dropped = [gone.ask(decode_request(1)), gone.ask(decode_request(2, is_required=False))]
    last = Asker(scheduler).ask(decode_request(3))
    gone.close()

    engine.release.set()
    await asyncio.gather(first, last)

    assert [r.utterance for r in engine.requests] == [0, 3]
    assert not any(future.done() for future in dropped)


async def test_a_closed_lane_is_told_nothing_of_the_call_that_was_under_way(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    gone = Asker(scheduler)
    under_way = gone.ask(decode_request(0))
    await asyncio.to_thread(engine.has_begun.wait)

    gone.close()
    engine.release.set()
    await Asker(scheduler).ask(decode_request(1))

    assert not under_way.done()


async def test_an_engine_that_raises_fails_its_request_and_no_other() -> None:
    scheduler = Scheduler(ScriptedVad(), FailingEngine(), workers=1)
    asker = Asker(scheduler)

    failed = await asker.ask(decode_request(0, picture="x"))
    decoded = await asker.ask(decode_request(1))

    scheduler.close()
    assert isinstance(failed, ValueError)
    assert isinstance(decoded, DecodeResult)


@pytest.mark.slow
async def test_a_call_that_hangs_is_given_up_and_its_thread_replaced() -> None:
    engine = StuckEngine()
    scheduler = Scheduler(ScriptedVad(), engine, workers=1, max_call_s=1.0)

    fault = await Asker(scheduler).ask(decode_request(0))
    engine.release.set()
    answer = await Asker(scheduler).ask(decode_request(1))

    await scheduler.aclose()
    assert isinstance(fault, ServerFault)
    assert "did not answer within 1 s" in str(fault)
    assert isinstance(answer, DecodeResult)
    assert scheduler.stuck_calls == 1


async def test_what_calls_took_is_told_apart() -> None:
    scheduler = Scheduler(ScriptedVad(), ScriptedEngine(), workers=1)
    asker = Asker(scheduler)

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
    never = Asker(scheduler).ask(decode_request(1))
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
    scheduler = Scheduler(ScriptedVad(), MeetingEngine(together), workers=2)

    await asyncio.gather(
        Asker(scheduler).ask(decode_request(0)), Asker(scheduler).ask(decode_request(1))
    )

    scheduler.close()
    assert not together.broken


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

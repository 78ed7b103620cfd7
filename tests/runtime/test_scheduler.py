from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from scribewire.engines.protocols import Voices
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.runtime.scheduler import Scheduler, available_cores
from scribewire.testing.faulty import FailingEngine, StuckEngine
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, ScriptedVoices, draw_speech

SILENCE = np.zeros(FRAME_SAMPLES, np.float32)


def decode_request(
    utterance: int, *, picture: str = "abc", is_required: bool = True
) -> DecodeRequest:
    samples = draw_speech(picture)
    return DecodeRequest(
        utterance=utterance, samples=samples, end_sample=len(samples), is_required=is_required
    )


@pytest.fixture
def gated() -> Iterator[tuple[StuckEngine, Scheduler]]:
    engine = StuckEngine()
    scheduler = Scheduler(ScriptedVad(), engine, workers=1)
    yield engine, scheduler
    engine.release.set()
    scheduler.close()


async def test_a_request_is_run_on_its_engine_and_answered() -> None:
    scheduler = Scheduler(ScriptedVad(), ScriptedEngine(), workers=2)

    answers = await asyncio.gather(
        scheduler.submit(decode_request(0)), scheduler.submit(VadRequest(SILENCE, None))
    )

    scheduler.close()
    assert isinstance(answers[0], DecodeResult)
    assert isinstance(answers[0].hypothesis, Hypothesis)
    assert answers[0].hypothesis.text == "abc"
    assert answers[1] == VadResult((0.1,), 1)


async def test_questions_about_speakers_go_to_their_engines() -> None:
    voices = ScriptedVoices()
    scheduler = Scheduler(ScriptedVad(), ScriptedEngine(), voices=Voices(voices, voices), workers=1)
    samples = draw_speech("abc")

    embedding, turns = await asyncio.gather(
        scheduler.submit(EmbeddingRequest(utterance=0, samples=samples)),
        scheduler.submit(TurnRequest(utterance=0, samples=samples)),
    )

    scheduler.close()
    assert scheduler.can_tell_speakers
    assert isinstance(embedding, EmbeddingResult)
    assert isinstance(turns, TurnResult)


async def test_urgent_requests_overtake_and_equals_keep_their_turn(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = scheduler.submit(decode_request(0))
    await asyncio.to_thread(engine.has_begun.wait)
    waiting = [
        scheduler.submit(decode_request(1, is_required=False)),
        scheduler.submit(decode_request(2)),
        scheduler.submit(decode_request(3, is_required=False)),
        scheduler.submit(decode_request(4)),
    ]

    engine.release.set()
    await asyncio.gather(first, *waiting)

    assert [r.utterance for r in engine.requests] == [0, 2, 4, 1, 3]


async def test_a_cancelled_request_that_has_not_begun_is_never_run(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = scheduler.submit(decode_request(0))
    await asyncio.to_thread(engine.has_begun.wait)
    dropped, last = scheduler.submit(decode_request(1)), scheduler.submit(decode_request(2))
    dropped.cancel()

    engine.release.set()
    await asyncio.gather(first, last)

    assert [r.utterance for r in engine.requests] == [0, 2]


async def test_an_engine_that_raises_fails_its_request_and_no_other() -> None:
    scheduler = Scheduler(ScriptedVad(), FailingEngine(), workers=1)

    with pytest.raises(ValueError, match="secret internals"):
        await scheduler.submit(decode_request(0, picture="x"))
    answer = await scheduler.submit(VadRequest(SILENCE, None))

    scheduler.close()
    assert isinstance(answer, VadResult)


async def test_closing_drops_what_has_not_begun_and_ends_the_threads(
    gated: tuple[StuckEngine, Scheduler],
) -> None:
    engine, scheduler = gated
    first = scheduler.submit(decode_request(0))
    await asyncio.to_thread(engine.has_begun.wait)
    never = scheduler.submit(decode_request(1))
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

    await asyncio.gather(scheduler.submit(decode_request(0)), scheduler.submit(decode_request(1)))

    scheduler.close()
    assert not together.broken


class MeetingEngine(ScriptedEngine):
    """Each decode waits until as many run as the barrier asks for."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__()
        self._barrier = barrier

    def decode(self, request: DecodeRequest) -> DecodeResult:
        self._barrier.wait()
        return super().decode(request)


def test_there_is_at_least_one_core() -> None:
    assert available_cores() >= 1

from __future__ import annotations

import asyncio
import time

from scribewire.engines.engines import Engines
from scribewire.recognition.requests import DecodeRequest
from scribewire.runtime.batches import MAX_BATCH
from scribewire.runtime.observer import UNOBSERVED
from scribewire.runtime.scheduler import Scheduler
from scribewire.runtime.workers import Outcome
from scribewire.server.scheduling import make_scheduler
from scribewire.settings import Settings
from scribewire.testing.batching import BatchedEngine
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, draw_speech

SAMPLES = draw_speech("abc")


async def decode_all(engine: ScriptedEngine, settings: Settings) -> None:
    scheduler = make_scheduler(settings, Engines(ScriptedVad(), (engine,)), UNOBSERVED)
    answers = [ask(scheduler, engine, number) for number in range(MAX_BATCH)]
    await asyncio.gather(*answers)
    await scheduler.aclose()


def ask(scheduler: Scheduler, engine: ScriptedEngine, number: int) -> asyncio.Future[Outcome]:
    answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    lane = scheduler.open_lane(lambda _request, outcome: answer.set_result(outcome), speech=engine)
    request = DecodeRequest(
        utterance=number, samples=SAMPLES, end_sample=SAMPLES.size, is_required=True
    )
    scheduler.submit(lane, request, due_at=time.monotonic())
    return answer


async def test_an_engine_that_takes_batches_has_them_within_the_window() -> None:
    engine = BatchedEngine()

    await decode_all(engine, Settings(batch_window_ms=1_000, workers=1))

    assert engine.batches == [list(range(MAX_BATCH))]


async def test_others_have_threads() -> None:
    engine = ScriptedEngine()

    await decode_all(engine, Settings(batch_window_ms=1_000, workers=2))

    assert {request.utterance for request in engine.requests} == set(range(MAX_BATCH))

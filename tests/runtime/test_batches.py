from __future__ import annotations

import asyncio
import threading
import time

import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import SpeechEngine, Voices
from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Request,
    VadRequest,
    VadResult,
)
from scribewire.runtime.scheduler import Scheduler
from scribewire.runtime.threads import schedule_on_threads
from scribewire.runtime.workers import Outcome
from scribewire.testing.batching import BatchedEngine
from scribewire.testing.faulty import StuckEngine
from scribewire.testing.scripted import ScriptedVad, ScriptedVoices, draw_speech

NOBODY_WAITS_S = 0.0
LONG_S = 60.0  # no test waits for as long
AN_HOUR = 3600.0


class Device:
    """Holds the first batch until it is let go."""

    def __init__(self) -> None:
        self.has_begun, self.release = threading.Event(), threading.Event()

    def __call__(self, _count: int) -> None:
        self.has_begun.set()
        assert self.release.wait(10)


def final(utterance: int, picture: str = "abc", *, is_required: bool = True) -> DecodeRequest:
    samples = draw_speech(picture)
    return DecodeRequest(
        utterance=utterance, samples=samples, end_sample=samples.size, is_required=is_required
    )


def partial(utterance: int, picture: str = "abc") -> DecodeRequest:
    return final(utterance, picture, is_required=False)


def schedule(
    engine: SpeechEngine, *, window_s: float = NOBODY_WAITS_S, max_call_s: float = 30.0
) -> Scheduler:
    voices = ScriptedVoices()
    engines = Engines(ScriptedVad(), (engine,), Voices(voices, voices))
    return schedule_on_threads(engines, workers=1, batch_window_s=window_s, max_call_s=max_call_s)


class Asker:
    """Streams of one scheduler: each request has one of its own."""

    def __init__(self, scheduler: Scheduler, engine: SpeechEngine) -> None:
        self._scheduler = scheduler
        self._engine = engine

    def ask(self, request: Request, *, ahead_s: float = 0.0) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        lane = self._scheduler.open_lane(
            lambda _request, outcome: future.set_result(outcome), speech=self._engine
        )
        self._scheduler.submit(lane, request, due_at=time.monotonic() + ahead_s)
        return future


async def text_of(outcome: asyncio.Future[Outcome]) -> str:
    result = await outcome
    assert isinstance(result, DecodeResult)
    assert result.hypothesis is not None
    return result.hypothesis.text


async def hold(device: Device, asker: Asker) -> asyncio.Future[Outcome]:
    first = asker.ask(final(0))
    await asyncio.to_thread(device.has_begun.wait)
    return first


async def test_what_waits_while_the_device_is_busy_is_one_batch_finals_first() -> None:
    device = Device()
    engine = BatchedEngine(device)
    scheduler = schedule(engine)
    asker = Asker(scheduler, engine)
    first = await hold(device, asker)

    partials = [asker.ask(partial(number)) for number in (1, 2)]
    finals = [asker.ask(final(number, picture)) for number, picture in ((3, "abc"), (4, "def"))]
    device.release.set()
    texts = [await text_of(one) for one in (first, *finals, *partials)]

    await scheduler.aclose()
    assert texts == ["abc", "abc", "def", "abc", "abc"]
    assert engine.batches == [[0], [3, 4], [1, 2]]


async def test_files_wait_for_all_that_is_live() -> None:
    device = Device()
    engine = BatchedEngine(device)
    scheduler = schedule(engine)
    asker = Asker(scheduler, engine)
    first = await hold(device, asker)

    files = [asker.ask(final(number), ahead_s=AN_HOUR) for number in (1, 2)]
    live = [asker.ask(partial(3)), asker.ask(final(4))]
    device.release.set()
    texts = [await text_of(one) for one in (first, *files, *live)]

    await scheduler.aclose()
    assert texts == ["abc"] * 5
    assert engine.batches == [[0], [4], [3], [1, 2]]


async def test_calls_of_other_shapes_and_kinds_run_alone() -> None:
    device = Device()
    engine = BatchedEngine(device)
    scheduler = schedule(engine)
    asker = Asker(scheduler, engine)
    first = await hold(device, asker)

    others = [asker.ask(final(1, "abcd")), asker.ask(final(2)), asker.ask(final(3, "efgh"))]
    voice = asker.ask(EmbeddingRequest(utterance=0, samples=draw_speech("abc")))
    device.release.set()
    await asyncio.gather(first, *others)

    assert isinstance(await voice, EmbeddingResult)
    assert isinstance(await asker.ask(VadRequest(draw_speech("a"), None)), VadResult)
    await scheduler.aclose()
    assert engine.batches == [[0], [1, 3], [2]]


async def test_a_call_waits_for_company_and_a_full_batch_does_not() -> None:
    engine = BatchedEngine()
    scheduler = schedule(engine, window_s=LONG_S)
    asker = Asker(scheduler, engine)

    outcomes = [asker.ask(final(number)) for number in range(16)]
    await asyncio.gather(*outcomes)

    await scheduler.aclose()
    assert engine.batches == [list(range(16))]


async def test_one_that_raises_takes_no_other_with_it() -> None:
    def raise_for_several(count: int) -> None:
        if count > 1:
            raise ValueError("secret internals")

    device = Device()

    def take(count: int) -> None:
        (device if len(engine.batches) == 1 else raise_for_several)(count)

    engine = BatchedEngine(take)
    scheduler = schedule(engine)
    asker = Asker(scheduler, engine)
    first = await hold(device, asker)

    both = [asker.ask(final(1)), asker.ask(final(2, "xyz"))]
    device.release.set()
    texts = [await text_of(one) for one in (first, *both)]

    await scheduler.aclose()
    assert texts == ["abc", "abc", "xyz"]
    assert engine.batches == [[0], [1, 2], [1], [2]]


@pytest.mark.slow
async def test_a_batch_that_hangs_is_given_up_and_its_thread_replaced() -> None:
    engine = StuckEngine()
    scheduler = schedule(engine, max_call_s=1.0)
    asker = Asker(scheduler, engine)

    fault = await asker.ask(final(0))
    engine.release.set()

    assert isinstance(fault, ServerFault)
    assert "did not answer within 1 s" in str(fault)
    assert await text_of(asker.ask(final(1))) == "abc"
    assert scheduler.stuck_calls == 1
    await scheduler.aclose()
    assert not [t for t in threading.enumerate() if t.name.startswith("engine-")]


async def test_each_of_a_batch_has_its_part_of_the_time() -> None:
    engine = BatchedEngine(lambda _count: time.sleep(0.02))  # what a device takes, however many
    scheduler = schedule(engine, window_s=LONG_S)
    asker = Asker(scheduler, engine)

    await asyncio.gather(*(asker.ask(final(number)) for number in range(16)))

    final_call_s = scheduler.load().final_call_s
    await scheduler.aclose()
    assert final_call_s is not None
    assert 0.001 < final_call_s < 0.02

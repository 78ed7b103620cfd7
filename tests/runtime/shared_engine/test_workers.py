from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scribewire.errors import ServerFault
from scribewire.recognition.requests import DecodeRequest, DecodeResult, VadRequest, VadResult
from scribewire.runtime.scheduler import Scheduler
from scribewire.runtime.shared_engine.link import EngineLink
from scribewire.runtime.shared_engine.workers import SharedWorkers
from scribewire.runtime.threads import schedule_on_threads
from scribewire.testing.batching import BatchedEngine
from scribewire.testing.scripted import ScriptedEngine, draw_speech
from tests.parts.engine_hosts import ask, linked, run_host, scripted, socket_path, wait_for


@pytest.fixture
def path() -> Iterator[Path]:
    with socket_path() as path:
        yield path


def decode(utterance: int, picture: str = "abc", *, is_required: bool = True) -> DecodeRequest:
    samples = draw_speech(picture)
    return DecodeRequest(
        utterance=utterance, samples=samples, end_sample=samples.size, is_required=is_required
    )


def schedule(engine: ScriptedEngine, link: EngineLink) -> Scheduler:
    return schedule_on_threads(scripted(engine), workers=1, decoders=SharedWorkers(link))


async def test_calls_go_there_and_speech_is_found_here(path: Path) -> None:
    engine, here = ScriptedEngine(), ScriptedEngine()
    with run_host(engine, path), linked(engine, path) as link:
        scheduler = schedule(here, link)

        decoded = [ask(scheduler, here, decode(number)) for number in range(50)]
        measured = await ask(scheduler, here, VadRequest(draw_speech("a"), None))
        outcomes = await asyncio.gather(*decoded)

        await scheduler.aclose()
    assert all(isinstance(outcome, DecodeResult) for outcome in outcomes)
    assert isinstance(measured, VadResult)
    assert len(engine.requests) == 50
    assert here.requests == []
    load = scheduler.load()
    assert 0 < load.required_share < 1


async def test_no_more_calls_are_there_than_it_takes_and_finals_go_first(path: Path) -> None:
    has_begun, release = threading.Event(), threading.Event()

    def take(_count: int) -> None:
        has_begun.set()
        assert release.wait(20)

    engine = BatchedEngine(take)
    with run_host(engine, path) as host, linked(engine, path) as link:
        scheduler = schedule(engine, link)
        first = ask(scheduler, engine, decode(0))
        await asyncio.to_thread(has_begun.wait, 20)
        partials = [ask(scheduler, engine, decode(n, is_required=False)) for n in range(1, 4)]
        await asyncio.to_thread(wait_for, lambda: host.waiting_calls == 3)
        finals = [ask(scheduler, engine, decode(n)) for n in range(10, 40)]
        await asyncio.to_thread(wait_for, lambda: host.waiting_calls == 16)
        assert scheduler.waiting_jobs == 30 + 4 - 17

        release.set()
        await asyncio.gather(first, *partials, *finals)
        await scheduler.aclose()
    order = [utterance for batch in engine.batches for utterance in batch]
    assert host.offer.credit == 17
    assert order[0] == 0
    assert order[1:14] == list(range(10, 23))  # those that were there when it was free again
    assert sorted(order) == [0, 1, 2, 3, *range(10, 40)]


async def test_two_servers_have_as_much_of_it_each(path: Path) -> None:
    has_begun, release = threading.Event(), threading.Event()

    def take(_count: int) -> None:
        has_begun.set()
        assert release.wait(20)

    engine = BatchedEngine(take)
    with (
        run_host(engine, path) as host,
        linked(engine, path) as link,
        linked(engine, path) as other,
    ):
        one, two = schedule(engine, link), schedule(engine, other)
        first = ask(one, engine, decode(0))
        await asyncio.to_thread(has_begun.wait, 20)
        greedy = [ask(one, engine, decode(n)) for n in range(1, 60)]
        await asyncio.to_thread(wait_for, lambda: host.waiting_calls == 16)
        modest = [ask(two, engine, decode(n)) for n in range(100, 104)]
        await asyncio.to_thread(wait_for, lambda: host.waiting_calls == 20)

        release.set()
        await asyncio.gather(first, *greedy, *modest)
        await one.aclose()
        await two.aclose()
    assert engine.batches[1][:8] == [100, 1, 101, 2, 102, 3, 103, 4]


async def test_when_the_process_goes_streams_are_told_and_later_ones_answered_again(
    path: Path,
) -> None:
    engine = ScriptedEngine()
    with run_host(engine, path) as host, linked(engine, path, return_patience_s=0.0) as link:
        scheduler = schedule(engine, link)
        assert isinstance(await ask(scheduler, engine, decode(0)), DecodeResult)
        host.close()
        await asyncio.to_thread(wait_for, lambda: link.why_down is not None)

        failed = await ask(scheduler, engine, decode(1))
        away = scheduler.loads().others_share
        with run_host(ScriptedEngine(), path):
            await asyncio.to_thread(wait_for, lambda: link.why_down is None)
            answered = await ask(scheduler, engine, decode(2))
            await scheduler.aclose()

    assert isinstance(failed, ServerFault)
    assert "has gone; calls wait 0 s for it" in str(failed)
    assert away == 1.0
    assert isinstance(answered, DecodeResult)


@pytest.mark.slow
async def test_a_call_that_is_not_answered_is_given_up(path: Path) -> None:
    release = threading.Event()
    engine = BatchedEngine(lambda _count: release.wait(20))
    with run_host(engine, path), linked(engine, path, patience_s=0.4) as link:
        scheduler = schedule(engine, link)

        fault = await ask(scheduler, engine, decode(0))

        release.set()
        await scheduler.aclose()
    assert isinstance(fault, ServerFault)
    assert "the engine process did not answer within 0.4 s" in str(fault)
    assert scheduler.stuck_calls == 1

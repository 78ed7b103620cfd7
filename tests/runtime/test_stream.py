from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from scribewire.engines.engines import Engines
from scribewire.errors import ModelFault, ServerFault
from scribewire.events import Final, SpeechStarted, TranscriptEvent
from scribewire.recognition.intake import IDLE_HOP_FRAMES
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.runtime.load import MIN_LATENCIES
from scribewire.runtime.scheduler import Scheduler
from scribewire.runtime.stream import MAX_LAG_SAMPLES, Stream
from scribewire.runtime.threads import schedule_on_threads
from scribewire.testing.faulty import FailingEngine, StuckEngine
from scribewire.testing.observing import RememberingObserver
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    draw_speech,
    results_of,
    scripted_rules,
)
from scribewire.types import SAMPLE_RATE

UTTERANCE = "." * 10 + "hello" * 3 + "." * 20


@pytest.fixture
def engine() -> Iterator[StuckEngine]:
    engine = StuckEngine()
    yield engine
    engine.release.set()


def make_stream(engine: ScriptedEngine) -> tuple[Stream, Scheduler]:
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (engine,)), workers=2)
    return Stream(Recognizer(scripted_rules()), scheduler, engine), scheduler


async def collect(stream: Stream) -> list[TranscriptEvent]:
    return [event async for event in stream.events()]


async def test_what_is_written_comes_out_as_finals() -> None:
    stream, scheduler = make_stream(ScriptedEngine())
    for _ in range(3):
        await stream.write(draw_speech(UTTERANCE))
    stream.end(draw_speech("last"))

    events = await collect(stream)

    scheduler.close()
    finals = [event.text for event in events if isinstance(event, Final)]
    assert finals == ["hellohellohello"] * 3 + ["last"]


async def test_how_far_it_has_come_is_told() -> None:
    stream, scheduler = make_stream(ScriptedEngine())
    speech = draw_speech(UTTERANCE)
    await stream.write(speech)
    received = stream.received_samples
    stream.end(speech)
    was_complete = stream.is_complete

    await collect(stream)

    scheduler.close()
    assert (received, stream.received_samples) == (len(speech), 2 * len(speech))
    assert (was_complete, stream.is_complete, stream.has_failed) == (False, True, False)


async def test_trimming_it_changes_no_final() -> None:
    stream, scheduler = make_stream(ScriptedEngine())
    await stream.write(draw_speech("." * 10 + "hel"))
    stream.trim()
    await stream.write(draw_speech("lo" + "." * 20))
    stream.end()

    events = await collect(stream)

    scheduler.close()
    assert [event.text for event in events if isinstance(event, Final)] == ["hello"]


async def test_audio_that_broke_off_gets_its_final_while_nothing_comes() -> None:
    stream, scheduler = make_stream(ScriptedEngine())
    events = stream.events()
    await stream.write(draw_speech("." * 10 + "hello" * 3))
    stream.end_utterance()

    found = [event async for event in _until_final(events)]

    assert isinstance(found[-1], Final)
    assert found[-1].text == "hello" * 3
    stream.abort()
    scheduler.close()


async def _until_final(events: AsyncIterator[TranscriptEvent]) -> AsyncIterator[TranscriptEvent]:
    async for event in events:
        yield event
        if isinstance(event, Final):
            return


async def test_audio_is_settled_as_far_as_its_finals_have_been_taken() -> None:
    engine, recognizer = ScriptedEngine(), Recognizer(scripted_rules())
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (engine,)), workers=2)
    stream = Stream(recognizer, scheduler, engine)
    await stream.write(draw_speech(UTTERANCE * 2))
    assert stream.settled_samples == 0
    stream.end()
    while not recognizer.is_finished:
        stream.has_news.clear()
        await stream.has_news.wait()

    assert stream.settled_samples == 0
    settled, finals = list[int](), list[Final]()
    while (event := stream.next_event()) is not None:
        if isinstance(event, Final):
            finals.append(event)
            settled.append(stream.settled_samples)
        elif not finals:
            assert stream.settled_samples == 0
    scheduler.close()

    assert len(finals) == 2
    assert finals[0].end_sample <= settled[0] <= finals[1].start_sample
    assert finals[1].end_sample <= settled[1] <= len(draw_speech(UTTERANCE * 2))


async def test_a_checkpoint_holds_for_the_finals_that_were_not_taken() -> None:
    engine, recognizer = ScriptedEngine(), Recognizer(scripted_rules())
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (engine,)), workers=2)
    stream = Stream(recognizer, scheduler, engine)
    samples = draw_speech(UTTERANCE * 3)
    await stream.write(samples)
    async with asyncio.timeout(10):
        while recognizer.lag_samples >= IDLE_HOP_FRAMES * FRAME_SAMPLES:  # noqa: ASYNC110 - no news
            await asyncio.sleep(0)

    assert stream.checkpoint() is None
    events = list[TranscriptEvent]()
    while stream.checkpoint() is None:
        event = stream.next_event()
        assert event is not None
        events.append(event)
    checkpoint = stream.checkpoint()
    assert checkpoint is not None
    assert stream.needed_from == checkpoint.begin
    assert stream.taken_finals == sum(isinstance(one, Final) for one in events) > 0
    other = Stream(Recognizer(scripted_rules(), checkpoint), scheduler, engine)
    assert other.received_samples == checkpoint.begin
    await other.write(samples[checkpoint.begin :])
    other.end()
    stream.end()
    rest = [one async for one in other.events() if isinstance(one, Final)]

    assert rest == [one async for one in stream.events() if isinstance(one, Final)]
    assert other.received_samples == len(samples)
    scheduler.close()


async def test_an_empty_stream_has_no_events() -> None:
    stream, scheduler = make_stream(ScriptedEngine())
    stream.end()

    assert await collect(stream) == []

    scheduler.close()


async def test_a_writer_waits_while_the_stream_is_behind(engine: StuckEngine) -> None:
    stream, scheduler = make_stream(engine)
    reading = asyncio.create_task(collect(stream))

    async def write_all() -> None:
        for _ in range(40):
            await stream.write(draw_speech(UTTERANCE))
        stream.end()

    writing = asyncio.create_task(write_all())
    await asyncio.to_thread(engine.has_begun.wait)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(writing), 0.05)
    lag_samples = stream.lag_samples
    engine.release.set()
    await writing

    assert MAX_LAG_SAMPLES < lag_samples < 2 * MAX_LAG_SAMPLES
    assert len([e for e in await reading if isinstance(e, Final)]) == 40
    scheduler.close()


async def test_an_engine_that_fails_ends_the_stream_for_writer_and_reader() -> None:
    stream, scheduler = make_stream(FailingEngine())
    await stream.write(draw_speech(UTTERANCE + "xxxx" + "." * 20))

    with pytest.raises(ServerFault, match="ValueError: secret internals"):
        await collect(stream)

    with pytest.raises(ServerFault):
        await stream.write(draw_speech("more"))
    assert (stream.has_failed, stream.is_complete) == (True, False)
    scheduler.close()


async def test_a_stream_whose_audio_cannot_be_brought_ends_for_who_waits_for_events() -> None:
    stream, scheduler = make_stream(ScriptedEngine())
    reading = asyncio.create_task(collect(stream))
    await asyncio.sleep(0)

    stream.fail(OSError("no more processes"))

    with pytest.raises(ServerFault, match="OSError: no more processes"):
        await reading
    scheduler.close()


async def test_aborting_ends_the_events_and_starts_no_more_decodes(engine: StuckEngine) -> None:
    stream, scheduler = make_stream(engine)
    await stream.write(draw_speech(UTTERANCE * 2))
    reading = asyncio.create_task(collect(stream))
    await asyncio.to_thread(engine.has_begun.wait)

    stream.abort()
    events = await reading
    engine.release.set()
    await asyncio.to_thread(scheduler.close)

    assert results_of(events) == []
    assert len(engine.requests) == 1


async def test_two_streams_at_once_hear_what_each_hears_alone() -> None:
    engine = ScriptedEngine()
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (engine,)), workers=2)
    streams = [Stream(Recognizer(scripted_rules()), scheduler, engine) for _ in range(2)]
    pictures = ["." * 5 + "abcdef" + "." * 30 + "x" * 9, "." * 9 + "ghijkl" * 3 + "." * 30]
    for at in range(0, 50, 5):
        for stream, picture in zip(streams, pictures, strict=True):
            await stream.write(draw_speech(picture[at : at + 5]))
    for stream in streams:
        stream.end()

    heard = [[e.text for e in await collect(s) if isinstance(e, Final)] for s in streams]

    scheduler.close()
    assert heard == [["abcdef", "x" * 9], ["ghijkl" * 3]]


async def test_finals_wait_for_an_engine_that_is_being_loaded_and_speech_is_looked_for() -> None:
    engine, vad = ScriptedEngine(), ScriptedVad()
    scheduler = schedule_on_threads(Engines(vad, (engine,)), workers=2)
    loading: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stream = Stream(Recognizer(scripted_rules()), scheduler, engine, loading=loading)
    await stream.write(draw_speech(UTTERANCE))
    stream.end()
    while not isinstance(event := stream.next_event(), SpeechStarted):
        assert event is None
        stream.has_news.clear()
        await stream.has_news.wait()
    assert (engine.requests, stream.has_ended) == ([], False)

    loading.set_result(None)

    events = await collect(stream)
    scheduler.close()
    assert [event.text for event in events if isinstance(event, Final)] == ["hellohellohello"]


@pytest.mark.parametrize("is_loaded_first", [True, False])
async def test_a_wait_for_a_model_is_not_taken_for_finals_that_come_late(
    *, is_loaded_first: bool
) -> None:
    engine = ScriptedEngine()
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (engine,)), workers=2)
    loading: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    streams = [
        Stream(Recognizer(scripted_rules()), scheduler, engine, loading=loading)
        for _ in range(MIN_LATENCIES)
    ]
    if is_loaded_first:
        loading.set_result(None)
        await asyncio.sleep(0)  # they are told
    for stream in streams:
        await stream.write(draw_speech(UTTERANCE))
        stream.end()
    if not is_loaded_first:
        loading.set_result(None)

    for stream in streams:
        await collect(stream)

    latency_s = scheduler.load().final_latency_s
    scheduler.close()
    assert (latency_s is not None) is is_loaded_first


@pytest.mark.parametrize("is_at_rest", [False, True])
async def test_a_final_that_comes_while_nobody_waits_is_not_timed(is_at_rest: bool) -> None:
    engine, observer = ScriptedEngine(), RememberingObserver()
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (engine,)), workers=2)
    stream = Stream(Recognizer(scripted_rules()), scheduler, engine, observer=observer)
    with stream.at_rest() if is_at_rest else contextlib.nullcontext():
        await stream.write(draw_speech(UTTERANCE))
        stream.end()
        await collect(stream)

    scheduler.close()
    assert [one is None for one in observer.latencies] == [is_at_rest]


async def test_a_stream_whose_engine_is_not_to_be_had_fails_with_the_models_fault() -> None:
    engine = ScriptedEngine()
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (engine,)), workers=2)
    loading: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stream = Stream(Recognizer(scripted_rules()), scheduler, engine, loading=loading)
    writing = asyncio.create_task(stream.write(draw_speech(UTTERANCE * 10)))
    await asyncio.sleep(0)

    loading.set_exception(ModelFault("model file letters.bin: no such file"))

    with pytest.raises(ModelFault, match="no such file"):
        await writing
    with pytest.raises(ModelFault, match="no such file"):
        await collect(stream)  # speech that was found comes before
    scheduler.close()
    assert engine.requests == []


@pytest.mark.parametrize("fault", [None, ModelFault("no such file")])
async def test_an_engine_that_comes_too_late_is_asked_nothing(fault: ModelFault | None) -> None:
    engine = ScriptedEngine()
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (engine,)), workers=2)
    loading: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stream = Stream(Recognizer(scripted_rules()), scheduler, engine, loading=loading)
    await stream.write(draw_speech(UTTERANCE))

    stream.abort()
    loading.set_result(None) if fault is None else loading.set_exception(fault)

    await asyncio.sleep(0)
    scheduler.close()
    assert (engine.requests, stream.has_ended) == ([], True)


async def test_the_observer_is_told_of_audio_partials_and_finals() -> None:
    engine, observer = ScriptedEngine(), RememberingObserver()
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (engine,)), workers=2)
    stream = Stream(Recognizer(scripted_rules()), scheduler, engine, observer=observer)
    audio = draw_speech(UTTERANCE)
    await stream.write(audio)
    stream.end()

    results = results_of(await collect(stream))

    scheduler.close()
    finals = [one for one in results if isinstance(one, Final)]
    assert observer.audio_s == len(audio) / SAMPLE_RATE
    assert (len(observer.latencies), len(observer.lags)) == (
        len(finals),
        len(results) - len(finals),
    )
    assert all(one is None or 0 <= one < 60 for one in [*observer.latencies, *observer.lags])

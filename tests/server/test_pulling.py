from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

from scribewire.audio.container import AudioInfo
from scribewire.engines.engines import Engines
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.runtime.stream import Stream
from scribewire.runtime.threads import schedule_on_threads
from scribewire.server.pulling import pace_events, write_silence
from scribewire.sources.events import SourceAudio, SourceEvent, SourceOpened
from scribewire.sources.pacing import LIVE_AHEAD_S, LIVE_SPEED
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, draw_speech, scripted_rules
from scribewire.types import Pace

INFO = AudioInfo(container="wav", codec="pcm_s16le", rate_hz=16_000, channels=1, duration_ms=None)
PIECE = SourceAudio(bytes(640))  # 20 ms


async def events_of(*, is_live: bool) -> AsyncIterator[SourceEvent]:
    yield SourceOpened(INFO, is_live)
    for _ in range(4):
        yield PIECE


async def play(pace: Pace, *, is_live: bool) -> tuple[list[SourceEvent], float]:
    clock = asyncio.get_running_loop().time
    began_at = clock()
    played = [event async for event in pace_events(events_of(is_live=is_live), pace)]
    return played, clock() - began_at


async def test_events_pass_unchanged_at_either_pace() -> None:
    paces: tuple[Pace, ...] = ("fast", "realtime")
    for pace, is_live in itertools.product(paces, (True, False)):
        played, _ = await play(pace, is_live=is_live)
        assert played == [SourceOpened(INFO, is_live), *[PIECE] * 4]


async def test_a_finite_source_in_real_time_is_held_back() -> None:
    _, took_s = await play("realtime", is_live=False)

    assert took_s >= 0.059  # the last of four pieces begins after the third has been played


async def test_a_live_source_is_held_where_others_have_the_machine_too() -> None:
    long = SourceAudio(bytes(round(32_000 * LIVE_AHEAD_S)))
    late = SourceAudio(bytes(3200))  # 0.1 s, which is held for a quarter of it

    async def flood() -> AsyncIterator[SourceEvent]:
        yield SourceOpened(INFO, is_live=True)
        for piece in (long, late, late):
            yield piece

    clock = asyncio.get_running_loop().time
    took: list[float] = []
    for holds_live in (False, True):
        began_at = clock()
        assert len([e async for e in pace_events(flood(), "fast", holds_live=holds_live)]) == 4
        took.append(clock() - began_at)

    assert took[1] - took[0] >= 0.1 / LIVE_SPEED - 0.01


async def test_silence_is_counted_in_the_stream() -> None:
    speech = ScriptedEngine()
    scheduler = schedule_on_threads(Engines(ScriptedVad(), (speech,)), workers=1)
    stream = Stream(Recognizer(scripted_rules()), scheduler, speech)
    await stream.write(draw_speech("hello" * 3))

    await write_silence(stream.write, 2.5)
    stream.end(draw_speech("world" * 3))

    finals = [event for event in [e async for e in stream.events()] if isinstance(event, Final)]
    await scheduler.aclose()
    assert [final.text for final in finals] == ["hello" * 3, "world" * 3]
    assert finals[1].end_sample == 15 * 512 * 2 + 40_000

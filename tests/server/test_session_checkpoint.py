from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import Voices
from scribewire.errors import ServerFault
from scribewire.recognition.checkpoint import BEGINNING, begin_anew
from scribewire.recognition.intake import IDLE_HOP_FRAMES
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.runtime.stream import Stream
from scribewire.runtime.threads import schedule_on_threads
from scribewire.server.session_checkpoint import (
    MOST_AGAIN_SAMPLES,
    SealedCheckpoint,
    SessionCheckpoints,
    name_recognizer,
    open_sealed,
    seal,
)
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    draw_speech,
    scripted_rules,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MADE_BY = bytes(range(16))
RULES = scripted_rules()
ENGINE = ScriptedEngine()
ENGINES = Engines(ScriptedVad(), (ENGINE,), Voices(ScriptedVoices(), ScriptedVoices()))


class AnotherEngine(ScriptedEngine):
    """Another model."""


def test_a_checkpoint_is_read_as_it_was_sealed() -> None:
    checkpoint = begin_anew(512, utterances=1, speakers=2)

    assert open_sealed(seal(checkpoint, MADE_BY)) == SealedCheckpoint(MADE_BY, checkpoint)


@pytest.mark.parametrize("content", [b"", MADE_BY, MADE_BY + b"?", seal(BEGINNING, MADE_BY)[:-1]])
def test_what_is_none_is_a_fault(content: bytes) -> None:
    with pytest.raises(ServerFault, match="no checkpoint"):
        open_sealed(content)


def test_a_recognizer_has_the_name_of_those_that_say_the_same() -> None:
    on_another_device = replace(RULES, traits=replace(SCRIPTED_TRAITS, device="cuda"))
    same = [scripted_rules(), scripted_rules(partials=False), on_another_device]
    others = [
        scripted_rules(mode="quality"),
        scripted_rules(max_utterance_ms=5000),
        scripted_rules(speakers=True),
        replace(RULES, languages=("en", "nl")),
        replace(RULES, calibration=replace(RULES.calibration, pad_before_samples=1)),
    ]
    name = name_recognizer(RULES, ENGINE, ENGINES)

    assert {name_recognizer(one, ENGINE, ENGINES) for one in same} == {name}
    assert len({name, *(name_recognizer(one, ENGINE, ENGINES) for one in others)}) == 6
    assert name_recognizer(RULES, AnotherEngine(), ENGINES) != name


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    scheduler = schedule_on_threads(ENGINES, workers=2)
    yield Stream(Recognizer(RULES), scheduler, ENGINE)
    scheduler.close()


async def hear(stream: Stream, picture: str) -> None:
    """Have it hear what is drawn, and judge nearly all of it."""
    await stream.write(draw_speech(picture))
    async with asyncio.timeout(10):
        while stream.lag_samples >= IDLE_HOP_FRAMES * FRAME_SAMPLES:  # noqa: ASYNC110 - no news
            await asyncio.sleep(0)


async def test_a_new_one_is_taken_behind_each_final(stream: Stream) -> None:
    checkpoints = SessionCheckpoints(stream, MADE_BY)
    first = checkpoints.latest()
    assert first is not None
    assert first.begin == 0
    await hear(stream, "hello" * 3 + "." * 40)
    assert checkpoints.latest() is first
    while not stream.taken_finals:
        await stream.has_news.wait()
        stream.has_news.clear()
        stream.next_event()
    second = checkpoints.latest()

    assert second is not None
    assert second is not first
    assert checkpoints.latest() is second
    assert open_sealed(second.content).made_by == MADE_BY
    assert open_sealed(second.content).checkpoint.begin == second.begin


async def test_while_nobody_speaks_one_is_taken_now_and_then(stream: Stream) -> None:
    checkpoints = SessionCheckpoints(stream, MADE_BY)
    begins = list[int]()
    for _ in range(100):
        await hear(stream, "." * 10)
        latest = checkpoints.latest()
        assert latest is not None
        begins += [latest.begin] if latest.begin not in begins else []

    assert all(after - one >= MOST_AGAIN_SAMPLES for one, after in pairwise(begins))
    assert stream.needed_from - begins[-1] < MOST_AGAIN_SAMPLES
    assert len(begins) > 4

from __future__ import annotations

import asyncio

import pytest

from scribewire.recognition.requests import DecodeRequest
from scribewire.testing.faulty import FailingEngine, StuckEngine
from scribewire.testing.scripted import draw_speech


def request(picture: str) -> DecodeRequest:
    samples = draw_speech(picture)
    return DecodeRequest(utterance=0, samples=samples, end_sample=len(samples), is_required=True)


async def test_a_stuck_engine_decodes_once_it_is_released() -> None:
    engine = StuckEngine()
    decoding = asyncio.create_task(asyncio.to_thread(engine.decode, request("abc")))
    await asyncio.to_thread(engine.has_begun.wait)
    assert not decoding.done()

    engine.release.set()

    hypothesis = (await decoding).hypothesis
    assert hypothesis is not None
    assert hypothesis.text == "abc"


def test_a_failing_engine_raises_at_an_x_only() -> None:
    engine = FailingEngine()
    engine.decode(request("abc"))

    with pytest.raises(ValueError, match="secret internals"):
        engine.decode(request("abxc"))

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from scribewire.cli.audio_sources import open_file, pace_realtime
from scribewire.errors import ClientFault
from tests.parts.wav import wav


async def test_a_file_becomes_pcm_of_the_wire(tmp_path: Path) -> None:
    pcm = np.arange(-8000, 8000, dtype="<i2").tobytes()
    (tmp_path / "a.wav").write_bytes(wav(pcm))

    source = open_file(tmp_path / "a.wav")

    chunks = [chunk async for chunk in source.chunks if isinstance(chunk, bytes)]
    assert source.duration_ms == 1000
    assert {len(chunk) for chunk in chunks} == {6400}
    assert b"".join(chunks) == pcm


def test_a_file_without_audio_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("so it is")

    with pytest.raises(ClientFault, match="not an audio file"):
        open_file(tmp_path / "a.txt")


async def test_a_chunk_comes_when_a_microphone_would_have_heard_all_of_it() -> None:
    clock = FakeClock()

    paced = pace_realtime(clock.chunks(3200, 3200, 6400), now=clock.now, sleep=clock.sleep)

    assert [(len(pcm), round(clock.now(), 3)) async for pcm in paced] == [
        (3200, 10.1),
        (3200, 10.2),
        (6400, 10.4),
    ]


async def test_time_spent_elsewhere_is_not_waited_for_again() -> None:
    clock = FakeClock()
    arrivals = []

    async for _ in pace_realtime(clock.chunks(3200, 3200), now=clock.now, sleep=clock.sleep):
        await clock.sleep(0.5)
        arrivals.append(round(clock.now(), 3))

    assert arrivals == [10.6, 11.1]


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self._now = 10.0

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._now += seconds

    async def chunks(self, *sizes: int) -> AsyncIterator[bytes]:
        for size in sizes:
            yield bytes(size)

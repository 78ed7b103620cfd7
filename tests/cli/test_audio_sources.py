from __future__ import annotations

from collections.abc import AsyncIterator

from scribewire.cli.audio_sources import SourceNote, pace_realtime


async def test_a_chunk_comes_when_a_microphone_would_have_heard_all_of_it() -> None:
    clock = FakeClock()

    paced = pace_realtime(clock.chunks(3200, 3200, 6400), now=clock.now, sleep=clock.sleep)

    assert [(size_of(chunk), round(clock.now(), 3)) async for chunk in paced] == [
        (3200, 10.1),
        (3200, 10.2),
        (6400, 10.4),
    ]


async def test_what_is_told_between_is_not_waited_for() -> None:
    clock = FakeClock()
    note = SourceNote("soon")

    async def told() -> AsyncIterator[bytes | SourceNote]:
        yield note

    assert [chunk async for chunk in pace_realtime(told(), now=clock.now, sleep=clock.sleep)] == [
        note
    ]
    assert clock.now() == 10.0


def size_of(chunk: bytes | SourceNote) -> int:
    return len(chunk) if isinstance(chunk, bytes) else 0


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

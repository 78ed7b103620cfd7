from __future__ import annotations

import pytest

from scribewire.sources.http.effort import BURST_S, SHARE, Effort


class Time:
    """A clock that stands still but for what is slept."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.rests: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now_s += seconds


async def test_what_is_little_only_leaves_others_their_turns() -> None:
    time = Time()
    effort = Effort(clock=time, sleep=time.sleep)
    for _ in range(1000):
        await effort.spend(BURST_S / 2)
        time.now_s += BURST_S / 2 / SHARE
    assert time.rests == [0.0] * 1000


async def test_what_is_too_much_rests() -> None:
    time = Time()
    effort = Effort(clock=time, sleep=time.sleep)
    for _ in range(1000):
        await effort.spend(BURST_S / 4)
    worked_s = 1000 * BURST_S / 4
    assert time.rests[:4] == [0.0] * 4
    assert worked_s / (worked_s + sum(time.rests)) == pytest.approx(SHARE, rel=0.1)


async def test_rest_cannot_be_saved_up() -> None:
    time = Time()
    effort = Effort(clock=time, sleep=time.sleep)
    time.now_s += 3600
    await effort.spend(2 * BURST_S)
    assert time.rests == [pytest.approx(BURST_S / SHARE)]

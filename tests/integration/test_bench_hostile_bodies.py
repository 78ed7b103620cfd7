"""The arithmetic of the bench of hostile bodies, and that its bodies do what they are for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import pytest

from bench.hostile_bodies import Report, Used, format_report, judge
from bench.hostile_pulls import AT_ONCE, Pulls, hostile_bodies
from scribewire.capacity.latency import Window
from scribewire.capacity.load import Arrival, StreamRecord
from scribewire.client import FinalResult
from scribewire.testing.running import run_server
from scribewire.testing.scripted import draw_pcm
from scribewire.types import Word
from tests.parts.raw_origin import run_raw_origin

WINDOW = Window(2.0, 10.0)
USED = Used(cpu_s=1.25, engine_cpu_s=1.0)
PULLED_S = 1.0


def final(text: str, *, ends_ms: int, comes_s: float) -> Arrival:
    words = (Word(text=text, start_ms=ends_ms - 500, end_ms=ends_ms, confidence=1.0),)
    return Arrival(comes_s, FinalResult(text=text, offset_ms=ends_ms + 500, words=words))


def record(*arrivals: Arrival) -> StreamRecord:
    return StreamRecord(began_s=1.0, arrivals=arrivals, ended_s=12.0)


CALM = record(
    final("early", ends_ms=500, comes_s=9.0),  # outside the window, however late
    final("one", ends_ms=1_000, comes_s=2.6),
    Arrival(4.0, FinalResult(text="", offset_ms=2_800)),  # takes a partial back
    final("two", ends_ms=4_000, comes_s=5.7),
)
LATE = record(
    final("one", ends_ms=1_000, comes_s=2.69),
    final("two", ends_ms=4_000, comes_s=5.75),
)
OTHER = record(final("one", ends_ms=1_000, comes_s=2.6), final("too", ends_ms=4_000, comes_s=5.7))


def test_each_final_is_compared_with_itself() -> None:
    first = judge("calm", [CALM], [CALM], WINDOW, used=USED)
    late = judge("late", [LATE], [CALM], WINDOW, used=USED)

    assert (first.finals, late.finals) == (2, 2)
    assert first.delay_ms is not None
    assert (first.delay_ms.median, first.delay_ms.max) == pytest.approx((650, 700))
    assert first.later_ms is not None
    assert first.later_ms.max == 0
    assert late.later_ms is not None
    assert (late.later_ms.median, late.later_ms.max) == pytest.approx((70, 90))


@pytest.mark.parametrize(
    ("disturbed", "is_good"),
    [
        (LATE, True),
        (record(final("one", ends_ms=1_000, comes_s=2.8), *LATE.arrivals[1:]), False),
        (OTHER, False),
        (record(LATE.arrivals[0]), False),
        (StreamRecord(began_s=1.0, arrivals=LATE.arrivals), False),  # not to the end
    ],
)
def test_one_that_is_late_or_other_or_missing_is_not_as_wanted(
    disturbed: StreamRecord, is_good: bool
) -> None:
    without_early = record(*CALM.arrivals[1:])
    phases = tuple(
        judge(name, [one], [without_early], WINDOW, used=USED)
        for name, one in (("calm", without_early), ("disturbed", disturbed))
    )
    report = Report(sessions=1, seconds=8, phases=phases, hostile={"bomb.wav: sessions": 4})

    assert report.is_good is is_good
    assert format_report(report).splitlines()[-1] == "bomb.wav: sessions: 4"
    assert json.loads(json.dumps(asdict(report)))["phases"][1]["name"] == "disturbed"


@pytest.mark.slow
async def test_who_speaks_is_heard_beside_them_and_each_of_them_is_pulled() -> None:
    async with (
        run_server(allow_source=("127.0.0.1",)) as server,
        run_raw_origin() as origin,
        server.dial() as dialogue,
    ):
        pulls = Pulls(server.address.url, "key-1")
        pulling = [asyncio.create_task(pull) for pull in pulls.all_of(origin, hostile_bodies())]
        await dialogue.send('{"action":"start"}', draw_pcm("..hello"))
        await asyncio.sleep(PULLED_S)
        await dialogue.send(draw_pcm("...."), '{"action":"stop"}')

        assert await dialogue.until_closed() == 1000
        assert dialogue.finals == ["hello"]
        for task in pulling:
            task.cancel()
        await asyncio.gather(*pulling, return_exceptions=True)

    for path in hostile_bodies():
        assert pulls.counts[f"{path.strip('/')}: sessions"] >= AT_ONCE, pulls.counts
        assert any(f"GET {path}?".encode() in request for request in origin.requests)
    assert pulls.counts["radio.wav: invalid stream: no audio was found there"] >= AT_ONCE

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bench.soak_rudeness import RudeClient
from bench.soak_verdicts import (
    BUSY,
    CUT_OFF,
    EXPECTED,
    RUDE,
    STOPPED,
    Lateness,
    Outcome,
    Report,
    Rude,
    Sample,
    count_ways,
    find_log_errors,
    is_expected,
    judge_levels,
    lanes_of,
    lateness_of,
    settling_of,
    told_of,
    unexpected_of,
)
from scribewire.testing.running import RunningServer, run_server

HOUR_S = 3600.0
LINE = '{"event":"opened","level":"info","text":"= open /v2/realtime"}'
ERROR = '{"event":"failed","level":"error","text":"no"}'
RAISED = '{"event":"asyncio","level":"warning","exception":"Traceback (most recent call last) ..."}'


def an_hour(
    *, leak: float = 0.0, rss_leak_mb: float = 0.0, busy_until_s: float = 0.0
) -> list[Sample]:
    """Samples of a server that keeps so many descriptors, and so many MB, each minute."""
    return [
        Sample(
            at_s=5.0 * number,
            rss_mb=500 + rss_leak_mb * number / 12 + (100 if 5 * number < busy_until_s else 0),
            threads=10 + number % 3,
            processes=3 + number % 2,
            descriptors=30 + number % 7 + int(leak * number / 12),
        )
        for number in range(721)
    ]


PASSED = Report(
    minutes=60.0,
    sessions=6,
    settling_minutes=10.0,
    counts={"short": {STOPPED: 99, BUSY: 1}, "drop": {"left in the middle": 5}},
    finals=200,
    differing=(),
    unexpected_count=0,
    unexpected=(),
    levels=tuple(judge_levels(an_hour(), HOUR_S)),
    lateness=(),
    warnings={},
    booked_sessions=104,
    booked_minutes=20.0,
    samples=(),
)


def test_each_kind_has_a_lane() -> None:
    assert {*lanes_of(6)} == {"short", "long", "stream", "rude"}
    assert lanes_of(8)[:6] == lanes_of(6)


def test_levels_that_go_up_and_down_are_flat() -> None:
    assert all(level.is_flat for level in judge_levels(an_hour(), HOUR_S))


def test_a_descriptor_kept_every_five_minutes_is_seen() -> None:
    levels = judge_levels(an_hour(leak=0.2), HOUR_S)

    assert [level.field for level in levels if not level.is_flat] == ["descriptors"]


def test_a_megabyte_each_minute_is_seen() -> None:
    levels = judge_levels(an_hour(rss_leak_mb=1.0), HOUR_S)

    assert [level.field for level in levels if not level.is_flat] == ["rss_mb"]


def test_what_was_held_while_all_settled_is_not_judged() -> None:
    early = judge_levels(an_hour(busy_until_s=590), HOUR_S)[0].early

    assert (settling_of(HOUR_S), early) == (600.0, 500.0)


def test_more_streams_at_the_end_are_no_leak() -> None:
    late = [
        replace(one, processes=4, rss_mb=one.rss_mb + 30, descriptors=one.descriptors + 9)
        if one.processes == 3 and one.at_s > 3000 and number % 8
        else one
        for number, one in enumerate(decoding_hour())
    ]

    assert all(level.is_flat for level in judge_levels(late, HOUR_S))


def test_a_process_that_stays_is_seen() -> None:
    samples = [replace(one, processes=one.processes + int(one.at_s / 1800)) for one in an_hour()]

    levels = judge_levels(samples, HOUR_S)

    assert [level.field for level in levels if not level.is_flat] == ["processes"]


def decoding_hour() -> list[Sample]:
    """Samples of a server with a decoder every other moment, which takes what a process does."""
    return [
        replace(one, rss_mb=500 + 30 * one.processes, descriptors=9 * one.processes)
        for one in an_hour()
    ]


def test_too_few_samples_are_no_level() -> None:
    assert judge_levels(an_hour()[:100], HOUR_S) == []


@pytest.mark.parametrize("act", EXPECTED)
def test_each_kind_may_end_as_it_is_to_and_not_otherwise(act: str) -> None:
    def ended(told: str) -> bool:
        return is_expected(Outcome(act=act, told=told, at_s=1.0))

    assert all(map(ended, (*EXPECTED[act], CUT_OFF, BUSY)))
    assert not ended("closed with 1011")


def test_a_refusal_for_want_of_room_is_no_error() -> None:
    assert told_of("") == STOPPED
    assert told_of("refused with HTTP 503: this server is busy; try again in 5 s") == BUSY
    assert told_of("refused with HTTP 500: no") == "refused with HTTP 500: no"


def test_what_was_unexpected_is_told_and_counted() -> None:
    outcomes = [
        Outcome(act="long", told="connection closed (1011)", at_s=61.2),
        Outcome(act="long", told=STOPPED, at_s=62.0),
    ]

    assert unexpected_of(outcomes) == ["61 s, long: connection closed (1011)"]
    assert count_ways(outcomes) == {"long": {"unexpected": 1, STOPPED: 1}}


def test_errors_and_tracebacks_are_found_in_the_log() -> None:
    traceback = ["Traceback (most recent call last):", '  File "a.py", line 1']

    assert find_log_errors([LINE, ERROR, RAISED, *traceback]) == [
        ERROR,
        RAISED,
        *(line.strip() for line in traceback),
    ]


def test_finals_are_late_by_the_minutes_they_came_in() -> None:
    outcomes = [
        Outcome(act="short", told=STOPPED, at_s=10.0, late_ms=(500, 700)),
        Outcome(act="short", told=STOPPED, at_s=700.0, late_ms=tuple(range(100))),
        Outcome(act="stream", told=STOPPED, at_s=1300.0),
    ]

    assert lateness_of(outcomes) == [
        Lateness(from_minute=0.0, finals=2, p50_ms=700, p95_ms=700),
        Lateness(from_minute=10.0, finals=100, p50_ms=50, p95_ms=95),
    ]


@pytest.mark.parametrize(
    ("report", "fault"),
    [
        (replace(PASSED, unexpected_count=1), "unexpected errors"),
        (replace(PASSED, differing=("a alone b",)), "finals that differ"),
        (replace(PASSED, levels=()), "too few samples"),
        (replace(PASSED, booked_sessions=98), "sessions that are not booked"),
        (replace(PASSED, finals=0), "nothing was heard"),
        (replace(PASSED, counts={"short": {STOPPED: 90, BUSY: 10}}), "too busy to be soaked"),
        (
            replace(PASSED, levels=tuple(judge_levels(an_hour(leak=1), HOUR_S))),
            "descriptors not flat",
        ),
    ],
)
def test_each_fault_fails_a_soak(report: Report, fault: str) -> None:
    assert PASSED.faults == []
    assert report.faults == [fault]


QUICK = [rude for rude in RUDE if rude != "reads nothing"]  # which takes seconds to be felt


@pytest.mark.slow
async def test_each_rude_client_is_answered_as_is_expected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with run_server(start_timeout_ms=300) as server:
        told = await asyncio.gather(*(be_rude(server, rude) for rude in QUICK))

    pairs = zip(QUICK, told, strict=True)
    assert [pair for pair in pairs if pair[1] not in EXPECTED[pair[0]]] == []
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def be_rude(server: RunningServer, rude: Rude) -> str:
    address = server.address
    client = RudeClient(address.host, address.port, "key-1", patience_s=20.0, silent_s=0.1)
    return await client.act(rude, bytes(6400))

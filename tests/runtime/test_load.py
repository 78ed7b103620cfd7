from __future__ import annotations

import pytest

from scribewire.runtime.load import (
    MAX_PARTIAL_INTERVAL_S,
    MIN_LATENCIES,
    PARTIAL_SHARE,
    WINDOW_S,
    EngineLoad,
    LoadMeter,
    Rate,
)
from scribewire.testing.scripted import ScriptedEngine

NOW = 1000.0
ENGINE, OTHER_ENGINE = ScriptedEngine(), ScriptedEngine()


def test_a_steady_rate_is_found_and_fades() -> None:
    rate = Rate()
    for tick in range(1000):
        rate.add(0.02, NOW + tick / 10)

    latest = NOW + 99.9
    assert rate.at(latest) == pytest.approx(0.2, rel=0.05)
    assert rate.at(latest + WINDOW_S) == pytest.approx(0.2 / 2.718, rel=0.05)


def test_a_clock_reading_from_before_the_last_one_changes_nothing() -> None:
    rate = Rate()
    rate.add(1.0, NOW)

    assert rate.at(NOW - 1) == rate.at(NOW)


def busy(meter: LoadMeter, *, required_share: float, workers: int, partial_s: float) -> float:
    """Work as much for a minute; return the time at its end."""
    for tick in range(600):
        now = NOW + tick / 10
        meter.note_required(required_share * workers / 10, now, speech=ENGINE)
        meter.note_partial(partial_s, now)
        meter.note_judged(0.4, now, speech=ENGINE)
    return NOW + 59.9


def test_shares_are_of_all_workers() -> None:
    meter = LoadMeter(2)

    load = meter.at(busy(meter, required_share=0.4, workers=2, partial_s=0.02))

    assert load.required_share == pytest.approx(0.4, rel=0.05)
    assert load.partial_share == pytest.approx(0.1, rel=0.05)
    assert load.live_streams == pytest.approx(4.0, rel=0.05)
    assert load.ahead_share == 0


def test_partials_share_what_finals_leave_over() -> None:
    meter = LoadMeter(2)
    now = busy(meter, required_share=0.25, workers=2, partial_s=0.05)

    left = 2 * (PARTIAL_SHARE - 0.25)
    assert meter.partial_interval_s(10, now) == pytest.approx(10 * 0.05 / left, rel=0.1)
    assert meter.partial_interval_s(20, now) == pytest.approx(2 * meter.partial_interval_s(10, now))
    assert meter.partial_interval_s(0, now) == 0


def test_partials_are_not_thinned_out_for_ever() -> None:
    meter = LoadMeter(1)
    now = busy(meter, required_share=0.99, workers=1, partial_s=0.05)

    assert meter.partial_interval_s(30, now) == MAX_PARTIAL_INTERVAL_S
    assert LoadMeter(1).partial_interval_s(10_000, now) == MAX_PARTIAL_INTERVAL_S


def test_files_do_not_thin_out_partials() -> None:
    meter = LoadMeter(2)
    before = meter.partial_interval_s(4, NOW)
    meter.note_ahead(100.0, NOW)

    assert meter.partial_interval_s(4, NOW) == before
    assert meter.at(NOW).ahead_share > 1


def test_final_latency_is_the_95th_percentile_of_the_last_minute() -> None:
    meter = LoadMeter(2)
    for number in range(MIN_LATENCIES - 1):
        meter.note_final(5.0, NOW + number / 10)
    assert meter.at(NOW + 4).final_latency_s is None

    for number in range(100):
        meter.note_final(number / 100, NOW + 70 + number / 100)

    assert meter.at(NOW + 71).final_latency_s == pytest.approx(0.94)


def test_what_decoding_a_final_takes_is_an_average_that_follows() -> None:
    meter = LoadMeter(2)
    assert meter.at(NOW).final_call_s is None

    meter.note_final_call(0.1, speech=ENGINE)
    assert meter.at(NOW).final_call_s == pytest.approx(0.1)
    for _ in range(200):
        meter.note_final_call(0.3, speech=ENGINE)

    assert meter.at(NOW).final_call_s == pytest.approx(0.3, rel=0.01)


def test_what_streams_need_is_told_apart_by_their_engines() -> None:
    meter = LoadMeter(2)
    now = busy(meter, required_share=0.3, workers=2, partial_s=0.02)
    meter.note_final_call(0.1, speech=ENGINE)
    before = meter.loads_at(now)
    meter.note_required(5.0, now, speech=OTHER_ENGINE)
    meter.note_final_call(0.4, speech=OTHER_ENGINE)
    meter.note_judged(10.0, now, speech=OTHER_ENGINE)

    loads = meter.loads_at(now)

    assert loads.total == meter.at(now)
    assert loads.of(ENGINE) == before.of(ENGINE)
    assert before.of(ENGINE).required_share == before.total.required_share
    assert before.of(OTHER_ENGINE) == EngineLoad(0.0, 0.0, None)
    assert loads.of(OTHER_ENGINE) == EngineLoad(0.5, 2.0, 0.4)
    assert loads.total.required_share == pytest.approx(before.total.required_share + 0.5)

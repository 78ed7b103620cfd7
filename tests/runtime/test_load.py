from __future__ import annotations

import pytest

from scribewire.engines.protocols import SpeechEngine
from scribewire.runtime.load import (
    MAX_PARTIAL_INTERVAL_S,
    MIN_LATENCIES,
    PARTIAL_SHARE,
    Judged,
    LoadMeter,
)
from scribewire.runtime.stream_costs import STREAM_WINDOW_S, OpenStreams, StreamCost
from scribewire.testing.scripted import ScriptedEngine

NOW = 1000.0
ENGINE, OTHER_ENGINE = ScriptedEngine(), ScriptedEngine()


def busy(meter: LoadMeter, *, required_share: float, workers: int, partial_s: float) -> float:
    """Work as much for a minute; return the time at its end."""
    stream = meter.open_stream(NOW, speech=ENGINE)
    for tick in range(600):
        now = NOW + tick / 10
        meter.note_required(required_share * workers / 10, now)
        meter.note_partial(partial_s, now)
        meter.note_judged(stream, Judged(seconds=0.4, spoken_s=0.3, is_ahead=False), now)
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


def test_what_others_take_of_the_workers_is_not_left_for_partials() -> None:
    taken = LoadMeter(2, others_share=lambda: 0.5)
    away = LoadMeter(2, others_share=lambda: 1.0)

    alone_s = LoadMeter(2).partial_interval_s(10, 0.0)

    assert taken.partial_interval_s(10, 0.0) == pytest.approx(alone_s * 0.95 / 0.45)
    assert away.partial_interval_s(10, 0.0) == MAX_PARTIAL_INTERVAL_S
    assert taken.loads_at(0.0).others_share == 0.5


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

    stream = meter.open_stream(NOW, speech=ENGINE)
    meter.note_final_call(stream, 0.1, speech=ENGINE, is_ahead=False)
    assert meter.at(NOW).final_call_s == pytest.approx(0.1)
    for _ in range(200):
        meter.note_final_call(stream, 0.3, speech=ENGINE, is_ahead=False)
        meter.note_final_call(stream, 9.9, speech=ENGINE, is_ahead=True)

    assert meter.at(NOW).final_call_s == pytest.approx(0.3, rel=0.01)


def speak(meter: LoadMeter, stream: StreamCost, *, busy_s: float, speech: SpeechEngine) -> None:
    """Have an utterance of 4 s its final."""
    meter.note_judged(stream, Judged(seconds=5.0, spoken_s=4.0, is_ahead=False), NOW)
    meter.note_stream_work(stream, busy_s, NOW, speech=speech, is_ahead=False)
    meter.note_final_call(stream, busy_s, speech=speech, is_ahead=False)


def test_what_streams_need_is_told_apart_by_their_engines() -> None:
    meter = LoadMeter(2)
    one, other = (meter.open_stream(NOW, speech=speech) for speech in (ENGINE, OTHER_ENGINE))
    for _ in range(20):
        speak(meter, one, busy_s=0.1, speech=ENGINE)
        speak(meter, other, busy_s=0.4, speech=OTHER_ENGINE)

    loads = meter.loads_at(NOW)

    assert loads.total == meter.at(NOW)
    assert loads.of(ENGINE).final_call_s == pytest.approx(0.1)
    assert loads.of(OTHER_ENGINE).final_call_s == pytest.approx(0.4)
    assert loads.of(ENGINE).typical_share == pytest.approx(0.8 * 0.1 / 4)
    assert loads.of(OTHER_ENGINE).typical_share == pytest.approx(0.8 * 0.4 / 4)
    assert loads.of(ENGINE).streams.known_share == pytest.approx(20 * 0.1 / STREAM_WINDOW_S)
    assert loads.of(ENGINE).streams.count == 1


def test_a_stream_that_is_closed_needs_nothing_any_more() -> None:
    meter = LoadMeter(2)
    stream = meter.open_stream(NOW, speech=ENGINE)
    speak(meter, stream, busy_s=0.1, speech=ENGINE)

    for _ in range(2):
        meter.close_stream(stream, speech=ENGINE)

    assert meter.loads_at(NOW).of(ENGINE).streams == OpenStreams(0, 0, 0)


def test_files_teach_what_speech_costs_and_count_for_nothing_themselves() -> None:
    meter = LoadMeter(2)
    file = meter.open_stream(NOW, speech=ENGINE)
    for _ in range(20):
        meter.note_judged(file, Judged(seconds=10.0, spoken_s=8.0, is_ahead=True), NOW)
        meter.note_stream_work(file, 0.2, NOW, speech=ENGINE, is_ahead=True)
        meter.note_final_call(file, 0.2, speech=ENGINE, is_ahead=True)

    load = meter.loads_at(NOW).of(ENGINE)

    assert load.typical_share == pytest.approx(0.8 * 0.2 / 8)
    assert load.streams.known_share == 0
    assert load.streams.unknown_streams < 0.01
    assert meter.at(NOW).live_streams == 0

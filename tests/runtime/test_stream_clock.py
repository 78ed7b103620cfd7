from __future__ import annotations

import pytest

from scribewire.runtime.stream_clock import AHEAD_S, FIRST_S, MAX_CREDIT_S, StreamClock
from scribewire.types import SAMPLE_RATE

CHUNK = SAMPLE_RATE // 10
START = 50.0


def speak(clock: StreamClock, seconds: float, *, at: float) -> float:
    """Receive so much audio as it is spoken; return when the last chunk came."""
    for number in range(round(seconds * 10)):
        clock.receive(CHUNK, at + number / 10)
    return at + (round(seconds * 10) - 1) / 10


def test_live_audio_is_due_when_it_arrives() -> None:
    clock = StreamClock()

    now = speak(clock, 3.0, at=START)

    assert clock.due_at(3 * SAMPLE_RATE) == pytest.approx(now)
    assert clock.due_at(2 * SAMPLE_RATE) == pytest.approx(now - 1)
    assert not clock.is_ahead(now)


def test_a_file_is_due_as_if_it_were_played() -> None:
    clock = StreamClock()

    clock.receive(60 * SAMPLE_RATE, START)

    assert clock.is_ahead(START)
    assert clock.due_at(60 * SAMPLE_RATE) == pytest.approx(START + 60 - FIRST_S)
    clock.receive(60 * SAMPLE_RATE, START)
    assert clock.due_at(120 * SAMPLE_RATE) == pytest.approx(START + 120 - FIRST_S)


def test_what_is_heard_again_is_no_file() -> None:
    clock = StreamClock(received=5 * SAMPLE_RATE, again_s=20.0)
    for _ in range(200):
        clock.receive(CHUNK, START)
    now = speak(clock, 3.0, at=START + 0.1)

    assert clock.received_samples == 28 * SAMPLE_RATE
    assert clock.due_at(28 * SAMPLE_RATE) == pytest.approx(now, abs=0.1)
    assert not clock.is_ahead(now)


def test_what_a_stalled_network_held_back_is_not_ahead() -> None:
    clock = StreamClock()
    now = speak(clock, 3.0, at=START)

    clock.receive(4 * SAMPLE_RATE, now + 4)

    assert not clock.is_ahead(now + 4)
    assert clock.due_at(7 * SAMPLE_RATE) == pytest.approx(now + 4)


def test_a_pause_in_sending_gives_no_more_than_the_credit() -> None:
    clock = StreamClock()
    now = speak(clock, 1.0, at=START)

    clock.receive(600 * SAMPLE_RATE, now + 3600)

    assert clock.due_at(601 * SAMPLE_RATE) == pytest.approx(now + 3600 - MAX_CREDIT_S)
    clock.receive(60 * SAMPLE_RATE, now + 3600)
    assert clock.is_ahead(now + 3600)


def burst(clock: StreamClock, seconds: float, *, at: float) -> None:
    for _ in range(round(seconds * 10)):
        clock.receive(CHUNK, at)


def test_a_speaker_whose_network_stalled_for_long_is_no_file_for_ever() -> None:
    clock = StreamClock()
    now = speak(clock, 3.0, at=START)
    burst(clock, 60.0, at=now + 60)
    assert clock.is_ahead(now + 60)

    now = speak(clock, 60.0, at=now + 60.1)

    assert not clock.is_ahead(now)
    assert clock.due_at(123 * SAMPLE_RATE) == pytest.approx(now, abs=0.1)


def test_a_speaker_who_was_held_back_is_no_file_when_he_catches_up() -> None:
    clock = StreamClock()
    now = START
    for _ in range(600):  # a minute at four fifths of his pace
        now += 0.125
        clock.receive(CHUNK, now)
    for _ in range(150):  # then twice as fast, until nothing is left
        now += 0.05
        clock.receive(CHUNK, now)
        assert not clock.is_ahead(now)


def test_a_speaker_who_paused_is_not_before_the_others_for_ever() -> None:
    clock = StreamClock()
    now = speak(clock, 3.0, at=START)

    now = speak(clock, 300.0, at=now + 3600)

    assert clock.due_at(303 * SAMPLE_RATE) == pytest.approx(now, abs=0.3)


def test_what_keeps_coming_faster_than_it_is_spoken_stays_ahead() -> None:
    clock = StreamClock()
    for number in range(3000):
        clock.receive(CHUNK, START + number / 20)

    assert clock.is_ahead(START + 150)


def test_it_knows_when_each_sample_arrived() -> None:
    clock = StreamClock()
    speak(clock, 3.0, at=START)

    assert clock.arrived_at(1) == START
    assert clock.arrived_at(CHUNK) == START
    assert clock.arrived_at(CHUNK + 1) == pytest.approx(START + 0.1)
    assert clock.arrived_at(3 * SAMPLE_RATE + 1) is None


def test_it_forgets_what_arrived_long_ago() -> None:
    clock = StreamClock()
    speak(clock, 60.0, at=START)

    assert clock.arrived_at(CHUNK) is None
    assert clock.arrived_at(60 * SAMPLE_RATE) == pytest.approx(START + 59.9)


def test_small_chunks_do_not_make_it_forget_sooner() -> None:
    clock = StreamClock()
    for number in range(4000):
        clock.receive(43, START + number * 43 / SAMPLE_RATE)

    arrived_at = clock.arrived_at(43 * 500)
    assert arrived_at is not None
    assert arrived_at == pytest.approx(START + 43 * 500 / SAMPLE_RATE, abs=0.06)


def test_a_stream_without_audio_is_due_at_once() -> None:
    clock = StreamClock()
    clock.receive(0, START)

    assert clock.due_at(0) <= START
    assert clock.arrived_at(1) is None
    assert not clock.is_ahead(START + AHEAD_S)

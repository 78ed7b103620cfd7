from __future__ import annotations

import pytest

from scribewire.runtime.stream_costs import (
    FIRST_FINAL_S,
    LEARNT_FROM_S,
    SPEAKING_SHARE,
    STREAM_WINDOW_S,
    StreamCost,
    TypicalCost,
)

NOW = 1000.0


def test_a_new_stream_is_a_guess_which_what_it_costs_replaces() -> None:
    stream = StreamCost(NOW)
    assert stream.unknown_part(NOW + FIRST_FINAL_S) == 1.0

    for number in range(1, 60):
        now = NOW + number * 5.0
        stream.add(0.25, now)
        expected = stream.known_share(now) + stream.unknown_part(now) * 0.05
        assert expected == pytest.approx(0.05, rel=0.2)
    assert stream.unknown_part(now) < 0.001


def test_a_stream_that_is_silent_makes_room() -> None:
    stream = StreamCost(NOW)

    assert stream.unknown_part(NOW + 5 * STREAM_WINDOW_S) < 0.01
    assert stream.known_share(NOW + 5 * STREAM_WINDOW_S) == 0


def test_a_file_grows_old_as_fast_as_it_is_read() -> None:
    stream = StreamCost(NOW)
    stream.hear(150.0, spoken_s=120.0)

    assert stream.unknown_part(NOW + 1) < 0.01


def test_what_a_stream_costs_is_learnt_from_enough_speech() -> None:
    typical = TypicalCost()
    typical.add(3.0)
    typical.hear_speech(LEARNT_FROM_S - 1)
    assert typical.share is None

    typical.hear_speech(1)

    assert typical.share == pytest.approx(SPEAKING_SHARE * 3.0 / LEARNT_FROM_S)


def test_what_is_learnt_follows_a_machine_that_has_become_slower() -> None:
    typical = TypicalCost()
    for busy_s in (0.1, 0.3):
        for _ in range(2000):
            typical.add(busy_s)
            typical.hear_speech(4.0)

    assert typical.share == pytest.approx(SPEAKING_SHARE * 0.3 / 4.0, rel=0.1)


def test_speech_is_taken_once() -> None:
    stream = StreamCost(NOW)
    stream.hear(4.0, spoken_s=3.0)

    assert (stream.take_spoken(), stream.take_spoken()) == (3.0, 0.0)

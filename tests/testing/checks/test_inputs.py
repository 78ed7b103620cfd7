from __future__ import annotations

import threading

import numpy as np
import pytest

from scribewire.recognition.requests import VadResult
from scribewire.testing.checks.inputs import (
    call_side_by_side,
    check_travels,
    check_unchanged,
    inputs,
    named,
    read_only,
    voice,
)


def test_a_voice_has_the_length_that_is_asked_for() -> None:
    assert [voice(120, size=size).size for size in (0, 1, 1000)] == [0, 1, 1000]
    assert np.array_equal(voice(120)[:1000], voice(120, size=1000))


def test_two_voices_are_two_inputs() -> None:
    samples = inputs()

    assert not np.array_equal(samples["a voice"], samples["another voice"])
    assert all(one.dtype == np.float32 for one in samples.values())


def test_what_is_read_only_refuses_to_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        read_only(voice(120))[0] = 1.0


def test_a_fault_gets_the_name_of_what_was_tried() -> None:
    with (
        pytest.raises(AssertionError, match=r"silence: decode raised KeyError\(7\)"),
        named("silence", "decode"),
    ):
        raise KeyError(7)


def test_not_a_number_is_equal_to_itself() -> None:
    check_unchanged("it", np.full(2, np.nan, np.float32), np.full(2, np.nan, np.float32))
    with pytest.raises(AssertionError, match="it: the samples were changed"):
        check_unchanged("it", np.zeros(2, np.float32), np.ones(2, np.float32))


def test_what_cannot_travel_is_no_result() -> None:
    check_travels("it", VadResult((0.5,), b"state"))
    with pytest.raises(AssertionError, match="it: packing the result raised TypeError"):
        check_travels("it", VadResult((0.5,), object()))  # type: ignore[arg-type]  # on purpose
    with pytest.raises(AssertionError, match="on its way to another machine"):
        check_travels("it", VadResult([0.5], None))  # type: ignore[arg-type]  # on purpose


def test_calls_are_made_at_once_and_answered_in_order() -> None:
    met = threading.Barrier(3)

    def call(number: int) -> int:
        met.wait()  # all three, or none gets on
        return number

    assert call_side_by_side([lambda: call(1), lambda: call(2), lambda: call(3)]) == [1, 2, 3]


def test_a_fault_in_a_thread_is_said() -> None:
    with pytest.raises(AssertionError, match="several threads at once: integer division"):
        call_side_by_side([lambda: 1 // 0, lambda: 1])

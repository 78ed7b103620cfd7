from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from scribewire.recognition.audio_buffer import AudioBuffer
from scribewire.types import SAMPLE_RATE


def test_samples_are_addressed_by_their_place_in_the_stream() -> None:
    buffer = AudioBuffer()
    buffer.append(np.arange(10, dtype=np.float32))
    buffer.append(np.arange(10, 20, dtype=np.float32))
    buffer.discard_before(5)

    assert (buffer.start, buffer.end) == (5, 20)
    assert buffer.read(8, 12).tolist() == [8, 9, 10, 11]


def test_a_read_does_not_change_when_the_buffer_does() -> None:
    buffer = AudioBuffer()
    buffer.append(np.ones(4, dtype=np.float32))
    read = buffer.read(0, 4)
    buffer.discard_before(4)
    for _ in range(200):
        buffer.append(np.zeros(SAMPLE_RATE, dtype=np.float32))
        buffer.discard_before(buffer.end)

    assert read.tolist() == [1, 1, 1, 1]


def test_what_was_discarded_cannot_be_read() -> None:
    buffer = AudioBuffer()
    buffer.append(np.zeros(10, dtype=np.float32))
    buffer.discard_before(5)

    with pytest.raises(AssertionError):
        buffer.read(4, 6)


def test_discarding_never_goes_back_nor_past_the_end() -> None:
    buffer = AudioBuffer()
    buffer.append(np.zeros(10, dtype=np.float32))
    buffer.discard_before(100)
    buffer.discard_before(3)

    assert buffer.start == 10


def test_memory_is_bounded_by_what_is_held_not_by_what_went_through() -> None:
    chunk = np.zeros(1000, dtype=np.float32)
    tracemalloc.start()
    buffer = AudioBuffer()
    for _ in range(2000):
        buffer.append(chunk)
        buffer.discard_before(buffer.end - SAMPLE_RATE)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert buffer.end == 2_000_000
    assert held_bytes <= 8 * SAMPLE_RATE * chunk.itemsize + 10_000


def test_a_chunk_larger_than_the_store_fits() -> None:
    buffer = AudioBuffer()
    samples = np.arange(20 * SAMPLE_RATE, dtype=np.float32)
    buffer.append(samples)

    assert np.array_equal(buffer.read(0, len(samples)), samples)


def test_trimmed_it_has_room_for_what_is_held_and_goes_on_as_before() -> None:
    buffer = AudioBuffer()
    buffer.append(np.arange(1000, dtype=np.float32))
    buffer.discard_before(700)
    buffer.trim()

    assert buffer.room == 300
    assert (buffer.start, buffer.end) == (700, 1000)
    buffer.append(np.arange(1000, 1500, dtype=np.float32))
    assert buffer.read(700, 1500).tolist() == list(range(700, 1500))
    assert buffer.room >= SAMPLE_RATE  # not a few more for each chunk

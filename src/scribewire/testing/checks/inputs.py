"""What engines are given to show that they keep a promise, and how it is said that they do not."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.runtime.parcel import pack, unpack
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scribewire.recognition.requests import Result
    from scribewire.types import Samples

T = TypeVar("T")

FRAMES = 24  # 0.77 s: long enough for every model to say something, quick to decode
SIZE = FRAMES * FRAME_SAMPLES


def inputs() -> dict[str, Samples]:
    """Return what an engine must take, by the name that a failure shows."""
    silence = np.zeros(SIZE, np.float32)
    square = np.where(np.arange(SIZE) % 80 < 40, 1, -1).astype(np.float32)  # noqa: PLR2004
    return {
        "a voice": voice(120),
        "no samples": silence[:0],
        "one sample": np.full(1, 0.5, np.float32),
        "silence": silence,
        "a full-scale square wave": square,
        "another voice": voice(210),
        "not-a-number": np.full_like(silence, np.nan),
        "infinite": np.full_like(silence, -np.inf),
    }


def voice(pitch_hz: int, *, size: int = SIZE) -> Samples:
    """Return something between a buzz and a vowel, four syllables a second."""
    seconds = np.arange(size) / SAMPLE_RATE
    harmonics = range(1, 12)
    buzz = sum(np.sin(2 * np.pi * pitch_hz * k * seconds) / k for k in harmonics)
    return (0.2 * buzz * np.abs(np.sin(4 * np.pi * seconds))).astype(np.float32)


def read_only(samples: Samples) -> Samples:
    """Return a copy that cannot be written to, as samples are that lie in a message's bytes."""
    copied = samples.copy()
    copied.flags.writeable = False
    return copied


def check_travels(name: str, result: Result) -> None:
    """Raise AssertionError when the result would not be the same on another machine."""
    with named(name, "packing the result"):
        arrived = unpack(pack(result))
    assert arrived == result, f"{name}: {result} becomes {arrived} on its way to another machine"


@contextmanager
def named(name: str, action: str) -> Iterator[None]:
    """Turn whatever the engine raises into the sentence that says where."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{name}: {action} raised {error!r}") from error


def check_unchanged(name: str, given: Samples, original: Samples) -> None:
    """Raise AssertionError when the engine wrote into what it was given."""
    assert np.array_equal(given, original, equal_nan=True), f"{name}: the samples were changed"


def call_side_by_side(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make every call in a thread of its own, all at once, and return their results in order."""
    results: dict[int, T] = {}
    faults: dict[int, Exception] = {}
    begin = threading.Barrier(len(calls))

    def make(number: int, call: Callable[[], T]) -> None:
        try:
            begin.wait()
            results[number] = call()
        except Exception as fault:  # noqa: BLE001 - said by the caller's thread
            faults[number] = fault

    threads = [threading.Thread(target=make, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        first = faults[min(faults)]
        raise AssertionError(f"several threads at once: {first}") from first
    return [results[number] for number in range(len(calls))]

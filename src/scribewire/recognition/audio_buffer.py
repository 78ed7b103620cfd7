"""The stretch of a stream that may still be needed, addressed by position in the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

_INITIAL_SAMPLES = 4 * SAMPLE_RATE  # holds the padding and a short utterance; doubles as needed


class AudioBuffer:
    """Samples from `start` to `end` of one stream.

    Appending costs what is appended: the samples before `start` are reclaimed only when room
    runs out, and then less than the half that remains is moved.
    """

    def __init__(self, start: int = 0) -> None:
        self._store = np.zeros(_INITIAL_SAMPLES, dtype=np.float32)
        self._origin = start  # position in the stream of the store's first sample
        self._start = start  # first position that is still held
        self._end = start  # position after the last sample held

    @property
    def start(self) -> int:
        """Position of the first sample held."""
        return self._start

    @property
    def end(self) -> int:
        """Position after the last sample received."""
        return self._end

    @property
    def room(self) -> int:
        """How many samples its memory is for."""
        return len(self._store)

    def append(self, samples: Samples) -> None:
        """Put samples at the end."""
        needed = self._end - self._start + len(samples)
        if self._end - self._origin + len(samples) > len(self._store):
            self._move(max(_INITIAL_SAMPLES, 2 * needed))
        at = self._end - self._origin
        self._store[at : at + len(samples)] = samples
        self._end += len(samples)

    def read(self, start: int, end: int) -> Samples:
        """Return a copy of the samples from `start` to `end`, both of which must be held."""
        assert self._start <= start <= end <= self._end, (self._start, start, end, self._end)
        return self._store[start - self._origin : end - self._origin].copy()

    def discard_before(self, position: int) -> None:
        """Give up the samples before `position`."""
        self._start = max(self._start, min(position, self._end))

    def trim(self) -> None:
        """Take no more memory than what is held needs; what is appended takes it again."""
        self._move(self._end - self._start)

    def _move(self, capacity: int) -> None:
        held = self._store[self._start - self._origin : self._end - self._origin]
        store = np.zeros(capacity, dtype=np.float32)
        store[: len(held)] = held
        self._store = store
        self._origin = self._start

"""A scripted device that takes as long for a batch as for one call, and counts both."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from scribewire.testing.scripted import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from scribewire.recognition.requests import DecodeRequest, DecodeResult


class BatchedEngine(ScriptedEngine):
    """A scripted engine that decodes in batches those requests whose audio is as long.

    It runs one batch after the other, as a GPU does; `take` is called with how many it holds before
    it is answered, and is what takes time.
    """

    def __init__(self, take: Callable[[int], object] = lambda _count: None) -> None:
        super().__init__()
        self.batches: list[list[int]] = []  # the utterances of each batch, in order
        self._take = take
        self._device = threading.Lock()

    def batch_key(self, request: DecodeRequest) -> Hashable | None:
        """Return how much audio it is, and what it is for; None for none at all."""
        return (request.samples.size, request.is_required) if request.samples.size else None

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the letters that the samples hold, as a batch of one."""
        (result,) = self.decode_batch([request])
        return result

    def decode_batch(self, requests: Sequence[DecodeRequest]) -> list[DecodeResult]:
        """Return the letters of each."""
        with self._device:
            self.batches.append([request.utterance for request in requests])
            self._take(len(requests))
            decode = super().decode
            return [decode(request) for request in requests]

"""What a batching window does, counted with a scripted device on a clock of its own.

The device takes as long for a batch as for one call, runs one at a time, and has the server's own
pool before it. Calls come at random (Poisson), a tenth of them finals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.requests import DecodeRequest
from scribewire.runtime.batch_pool import BatchPool, Waiting
from scribewire.runtime.batches import MAX_BATCH
from scribewire.testing.batching import BatchedEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

DEVICE_S = 0.02
LOADS = (0.25, 0.5, 0.9, 2.0, 4.0)
"""Calls, in what the device carries one by one."""
WINDOWS_MS = (0, 2, 5, 10, 20)
CALLS = 4_000
FINALS = 0.1

_ENGINE = BatchedEngine()
_NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What came of one window at one load. Times are from being asked for to the answer, in ms."""

    load: float
    window_ms: int
    calls_per_batch: float
    busy_share: float
    """Of the device's time."""
    final_ms: tuple[float, float]
    """Median and 95th percentile."""
    partial_ms: tuple[float, float]
    """The same."""


def measure_windows(
    loads: Sequence[float] = LOADS, windows_ms: Sequence[int] = WINDOWS_MS, calls: int = CALLS
) -> list[Window]:
    """Count each window at each load."""
    return [_count(load, window_ms, calls) for load in loads for window_ms in windows_ms]


def _count(load: float, window_ms: int, calls: int) -> Window:
    random = np.random.default_rng(0)  # the same calls for each window
    arrivals = np.cumsum(random.exponential(DEVICE_S / load, calls)).tolist()
    is_final = (random.random(calls) < FINALS).tolist()
    pool = BatchPool[bool](window_s=window_ms / 1000, most=MAX_BATCH)
    took: dict[bool, list[float]] = {True: [], False: []}
    free_at, batches, coming = 0.0, 0, 0
    while coming < calls or len(pool):
        next_at = pool.next_at()
        begins_at = None if next_at is None else max(next_at, free_at)
        if coming < calls and (begins_at is None or arrivals[coming] <= begins_at):
            pool.put(_call(arrivals[coming], is_final=is_final[coming]))
            coming += 1
            continue
        assert begins_at is not None
        batch = pool.take(begins_at)
        free_at, batches = begins_at + DEVICE_S, batches + 1
        for one in batch:
            took[one.item].append(free_at - one.since)
    return Window(
        load=load,
        window_ms=window_ms,
        calls_per_batch=calls / batches,
        busy_share=batches * DEVICE_S / free_at,
        final_ms=percentiles_ms(took[True]),
        partial_ms=percentiles_ms(took[False]),
    )


def percentiles_ms(seconds: Sequence[float]) -> tuple[float, float]:
    """Return median and 95th percentile, in ms."""
    p50, p95 = np.percentile(seconds, (50, 95)) * 1000
    return float(p50), float(p95)


def _call(since: float, *, is_final: bool) -> Waiting[bool]:
    request = DecodeRequest(utterance=0, samples=_NOTHING, end_sample=0, is_required=is_final)
    return Waiting(
        item=is_final, owner=None, request=request, speech=_ENGINE, key=is_final, since=since
    )

"""What every engine that measures speech owes.

Streams are interleaved call by call; no thread is needed to show that an engine mixes them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.testing.checks.inputs import (
    FRAMES,
    call_side_by_side,
    check_travels,
    check_unchanged,
    inputs,
    named,
    read_only,
    voice,
)

if TYPE_CHECKING:
    from scribewire.engines.protocols import VadEngine
    from scribewire.recognition.requests import VadResult
    from scribewire.types import Samples

# Grouping the frames differently may round differently in a batch, not more.
PROBABILITY_TOLERANCE = 1e-4


def check_vad(used: VadEngine, fresh: VadEngine) -> None:
    """Raise AssertionError when a promise is broken."""
    low, high = voice(120), voice(210)
    alone = _measure_in_groups(fresh, low, FRAMES)
    for name, samples in inputs().items():
        whole = samples[: samples.size - samples.size % FRAME_SAMPLES]
        _measure(used, name, whole, state=None)
    assert _measure_in_groups(used, low, FRAMES) == alone, (
        "a voice: a used engine answers unlike a fresh one"
    )
    for group in (1, 5):
        found = _measure_in_groups(used, low, group)
        assert np.allclose(found, alone, rtol=0, atol=PROBABILITY_TOLERANCE), (
            f"a voice: frames in groups of {group} do not measure as all at once"
        )
    assert _measure_interleaved(used, low, high)[0] == _measure_in_groups(used, low, 1), (
        "two streams in turn: one changes the other's probabilities"
    )
    _check_silence(used)
    _check_threads(used)


def _check_silence(engine: VadEngine) -> None:
    samples = inputs()
    silence = _measure(engine, "silence", samples["silence"], state=None).probabilities
    for name in ("not-a-number", "infinite"):
        found = _measure(engine, name, samples[name], state=None).probabilities
        assert found == silence, f"{name} samples do not count as silence"


def _check_threads(engine: VadEngine) -> None:
    streams = [voice(pitch_hz) for pitch_hz in (120, 210, 120, 210)]
    alone = [_measure_in_groups(engine, samples, 1) for samples in streams]
    together = call_side_by_side(
        [partial(_measure_in_groups, engine, samples, 1) for samples in streams]
    )
    assert together == alone, "several threads at once: one changes the other's probabilities"


def _measure_in_groups(engine: VadEngine, samples: Samples, frames: int) -> list[float]:
    state: bytes | None = None
    probabilities: list[float] = []
    step = frames * FRAME_SAMPLES
    for start in range(0, samples.size, step):
        result = _measure(engine, "a voice", samples[start : start + step], state=state)
        probabilities += result.probabilities
        state = result.state
    return probabilities


def _measure_interleaved(engine: VadEngine, *streams: Samples) -> list[list[float]]:
    states: list[bytes | None] = [None for _ in streams]
    probabilities: list[list[float]] = [[] for _ in streams]
    for start in range(0, streams[0].size, FRAME_SAMPLES):
        for number, samples in enumerate(streams):
            frame = samples[start : start + FRAME_SAMPLES]
            result = _measure(engine, "two streams", frame, state=states[number])
            probabilities[number] += result.probabilities
            states[number] = result.state
    return probabilities


def _measure(engine: VadEngine, name: str, samples: Samples, *, state: bytes | None) -> VadResult:
    given = samples.copy()
    with named(name, "measure"):
        result = engine.measure(VadRequest(given, state))
    check_unchanged(name, given, samples)
    check_travels(name, result)
    frames, count = samples.size // FRAME_SAMPLES, len(result.probabilities)
    assert count == frames, f"{name}: {count} probabilities for {frames} frames"
    for probability in result.probabilities:
        assert 0 <= probability <= 1, f"{name}: {probability} is not a probability"
    with named(name, "measure of read-only samples"):
        repeated = engine.measure(VadRequest(read_only(samples), state))
    assert repeated.probabilities == result.probabilities, (
        f"{name}: the same frames and state measured differently"
    )
    return result

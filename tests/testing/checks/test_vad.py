"""Each check must be able to fail: one honest engine, and many that break a promise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest, VadResult
from scribewire.testing.checks.vad import check_vad


class HonestVad:
    """Calls the running mean of the loudness a probability."""

    def measure(self, request: VadRequest) -> VadResult:
        mean = float(request.state or b"0")
        found = []
        frames = np.nan_to_num(request.frames, posinf=0, neginf=0).reshape(-1, FRAME_SAMPLES)
        for frame in frames:
            mean = 0.5 * mean + 0.5 * min(float(np.abs(frame).mean()), 1.0)
            found.append(mean)
        return VadResult(tuple(found), repr(mean).encode())

    def close(self) -> None:
        pass


def test_an_honest_engine_passes() -> None:
    check_vad(HonestVad(), HonestVad())


class KeepsTheState(HonestVad):
    """One state for all streams: the fault that a global VAD has."""

    _state: bytes | None = None

    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(VadRequest(request.frames, self._state))
        self._state = result.state
        return result


class MixesNeighbours(HonestVad):
    """A state that looks like the stream's, and is shared once it has begun."""

    _shared = b"0"

    def measure(self, request: VadRequest) -> VadResult:
        begun = request.state is not None
        result = super().measure(VadRequest(request.frames, self._shared if begun else None))
        if not request.frames.flags.writeable and result.state is not None:
            self._shared = result.state
        return result


class ForgetsTheState(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        return super().measure(VadRequest(request.frames, None))


class KeepsAnObject(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(replace(request, state=None))
        return replace(result, state=object())  # type: ignore[arg-type]  # on purpose


class MeasuresOnce(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        return VadResult(result.probabilities[:1], result.state)


class IsTooSure(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        return VadResult(tuple(100 * found for found in result.probabilities), result.state)


class HearsNotANumberInFrames(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        if np.isnan(request.frames).any():
            return VadResult((0.75,) * len(result.probabilities), result.state)
        return result


class HearsInfinityInFrames(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        if np.isinf(request.frames).any():
            return VadResult((0.75,) * len(result.probabilities), result.state)
        return result


class ChangesFrames(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        if request.frames.flags.writeable:
            request.frames[:] = 0.25
        return result


class WearsOut(HonestVad):
    calls = 0

    def measure(self, request: VadRequest) -> VadResult:
        self.calls += 1
        if self.calls > 4:
            return super().measure(VadRequest(request.frames * np.float32(0.5), request.state))
        return super().measure(request)


class FailsOnNoFrames(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        if not request.frames.size:
            raise ValueError("nothing to measure")
        return super().measure(request)


class BelongsToItsThread(HonestVad):
    def __init__(self) -> None:
        self._thread = threading.current_thread()

    def measure(self, request: VadRequest) -> VadResult:
        is_own = threading.current_thread() is self._thread
        frames = request.frames if is_own else request.frames * np.float32(0.5)
        return super().measure(VadRequest(frames, request.state))


BROKEN: list[tuple[Callable[[], HonestVad], str]] = [
    (KeepsTheState, "the same frames and state measured differently"),
    (MixesNeighbours, "two streams in turn: one changes the other's probabilities"),
    (ForgetsTheState, "frames in groups of 1 do not measure as all at once"),
    (KeepsAnObject, "a voice: packing the result raised TypeError"),
    (MeasuresOnce, "1 probabilities for 24 frames"),
    (IsTooSure, "is not a probability"),
    (HearsNotANumberInFrames, "not-a-number samples do not count as silence"),
    (HearsInfinityInFrames, "infinite samples do not count as silence"),
    (ChangesFrames, "the samples were changed"),
    (WearsOut, "a used engine answers unlike a fresh one"),
    (FailsOnNoFrames, "no samples: measure raised ValueError"),
    (BelongsToItsThread, "several threads at once: one changes the other's probabilities"),
]


@pytest.mark.parametrize(("make_engine", "sentence"), BROKEN)
def test_a_broken_engine_is_told_what_it_breaks(
    make_engine: Callable[[], HonestVad], sentence: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_vad(make_engine(), make_engine())

    assert sentence in str(caught.value)

"""Silero VAD: the probability of speech in each frame of 32 ms (onnxruntime)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.engines.waveform import clean_samples
from scribewire.errors import ServerFault
from scribewire.models.store import find_model
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest, VadResult
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.models.catalog import Model
    from scribewire.types import Samples

CONTEXT_SAMPLES = 64  # the end of the previous frame, which the model hears again
_RECURRENT_SHAPE = (2, 1, 128)
_OUTPUTS = ("output", "stateN")
_RATE = np.array(SAMPLE_RATE, np.int64)


@dataclass(frozen=True, slots=True)
class SileroState:
    """What one stream's next frame needs of the frames before it."""

    recurrent: Tensor
    context: Samples


_FRESH = SileroState(np.zeros(_RECURRENT_SHAPE, np.float32), np.zeros(CONTEXT_SAMPLES, np.float32))


class SileroVad:
    """A `VadEngine`. Frames go through one by one, so their grouping changes no result."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def load(cls, model: Model, model_dir: Path | None = None) -> SileroVad:
        """Find, verify and load the file of `model`. Raises ModelFault."""
        return cls(OnnxSession(find_model(model.file("silero_vad.onnx"), model_dir)))

    def measure(self, request: VadRequest) -> VadResult:
        """Return one probability for each frame. Raises ServerFault once closed."""
        self._session.check_open()
        if request.frames.size % FRAME_SAMPLES:
            raise ServerFault(
                f"VAD request of {request.frames.size} samples: expected whole frames "
                f"of {FRAME_SAMPLES}"
            )
        state = _FRESH if request.state is None else request.state
        if not isinstance(state, SileroState):
            raise ServerFault(f"VAD state of type {type(state).__name__}: expected SileroState")
        probabilities: list[float] = []
        for frame in clean_samples(request.frames).reshape(-1, FRAME_SAMPLES):
            probability, state = self._measure_frame(frame, state)
            probabilities.append(probability)
        return VadResult(tuple(probabilities), state)

    def close(self) -> None:
        """Give the model's memory back. Closing again does nothing."""
        self._session.close()

    def _measure_frame(self, frame: Samples, state: SileroState) -> tuple[float, SileroState]:
        window = np.concatenate([state.context, frame])[np.newaxis]
        feeds = {"input": window, "state": state.recurrent, "sr": _RATE}
        output, recurrent = self._session.run(_OUTPUTS, feeds)
        return float(output[0, 0]), SileroState(recurrent, window[0, -CONTEXT_SAMPLES:].copy())

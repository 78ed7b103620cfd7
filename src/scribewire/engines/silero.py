"""Silero VAD: the probability of speech in each frame of 32 ms (onnxruntime)."""

from __future__ import annotations

import math
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

CONTEXT_SAMPLES = 64  # the end of the previous frame, which the model hears again
_RECURRENT_SHAPE = (2, 1, 128)
_RECURRENT_NUMBERS = math.prod(_RECURRENT_SHAPE)
# A state is what the next frame needs of those before it: the recurrent numbers, then the context,
# as float32. Little-endian, as is every machine that onnxruntime is built for.
STATE_BYTES = 4 * (_RECURRENT_NUMBERS + CONTEXT_SAMPLES)
_FRESH = bytes(STATE_BYTES)
_OUTPUTS = ("output", "stateN")
_RATE = np.array(SAMPLE_RATE, np.int64)


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
        if len(state) != STATE_BYTES:
            raise ServerFault(f"VAD state of {len(state)} bytes: expected {STATE_BYTES}")
        numbers = np.frombuffer(state, np.float32)
        recurrent: Tensor = numbers[:_RECURRENT_NUMBERS].reshape(_RECURRENT_SHAPE)
        context = numbers[_RECURRENT_NUMBERS:]
        probabilities: list[float] = []
        for frame in clean_samples(request.frames).reshape(-1, FRAME_SAMPLES):
            window = np.concatenate([context, frame])[np.newaxis]
            feeds = {"input": window, "state": recurrent, "sr": _RATE}
            output, recurrent = self._session.run(_OUTPUTS, feeds)
            probabilities.append(float(output[0, 0]))
            context = window[0, -CONTEXT_SAMPLES:]
        return VadResult(tuple(probabilities), recurrent.tobytes() + context.tobytes())

    def close(self) -> None:
        """Give the model's memory back. Closing again does nothing."""
        self._session.close()

"""Speaker turns: which voice is heard when, in windows of ten seconds (onnxruntime)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.device import load_on_device
from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.engines.onnx_device import why_no_onnx_gpu
from scribewire.engines.waveform import clean_samples
from scribewire.errors import ServerFault
from scribewire.models.compiled import SPEAKER_TURNS, compiled_model
from scribewire.recognition.requests import MAX_TURN_SAMPLES, Turn, TurnRequest, TurnResult

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.models.cache import ModelCache
    from scribewire.types import DeviceWish

_SILENCE, _SEVERAL = -1, -2  # what a frame holds that no single voice fills


class SpeakerTurns:
    """A `TurnEngine` on pyannote's segmentation model."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def load(
        cls,
        model_dir: Path | None = None,
        cache: ModelCache | None = None,
        *,
        device: DeviceWish = "cpu",
    ) -> SpeakerTurns:
        """Load the model that comes with the dependencies. Raises ModelFault."""
        with compiled_model(SPEAKER_TURNS, model_dir, cache) as path:
            return load_on_device(
                device, lambda on: cls(OnnxSession(path, device=on)), why_no_onnx_gpu
            )

    def find_turns(self, request: TurnRequest) -> TurnResult:
        """Return the stretches of single voices. Raises ServerFault once closed."""
        self._session.check_open()
        samples = clean_samples(request.samples)
        if samples.size > MAX_TURN_SAMPLES:
            raise ServerFault(
                f"turn request of {samples.size} samples: expected at most {MAX_TURN_SAMPLES}"
            )
        window = np.zeros((1, 1, MAX_TURN_SAMPLES), np.float32)
        window[0, 0, : samples.size] = samples
        (activity,) = self._session.run(("segmentation",), {"waveforms": window})
        return TurnResult(_read_turns(activity[0], samples.size))

    def close(self) -> None:
        """Give the model's memory back. Closing again does nothing."""
        self._session.close()


def _read_turns(activity: Tensor, size: int) -> tuple[Turn, ...]:
    """Return the runs of frames in which one voice is active, cut off at `size` samples."""
    voices = np.count_nonzero(activity, axis=1)
    heard = np.where(voices == 1, activity.argmax(axis=1), np.where(voices, _SEVERAL, _SILENCE))
    edges = [0, *(np.flatnonzero(np.diff(heard)) + 1).tolist(), len(heard)]
    turns = [
        Turn(
            voice=int(heard[first]),
            start=_sample(first, heard),
            end=min(_sample(last, heard), size),
        )
        for first, last in itertools.pairwise(edges)
        if heard[first] >= 0
    ]
    return tuple(turn for turn in turns if turn.start < turn.end)


def _sample(frame: int, heard: Tensor) -> int:
    return frame * MAX_TURN_SAMPLES // len(heard)

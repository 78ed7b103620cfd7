"""Speaker embedding: a direction for each voice (onnxruntime).

The graph takes Kaldi filter bank features. The one that comes with the dependencies also takes a
weight for each frame; WeSpeaker's and 3D-Speaker's own exports take the features alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.device import load_on_device
from scribewire.engines.fbank import BANDS, SILENCE, mel_features
from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.engines.onnx_device import why_no_onnx_gpu
from scribewire.engines.waveform import clean_samples
from scribewire.errors import ModelFault
from scribewire.models.compiled import SPEAKER_EMBEDDING, compiled_model
from scribewire.recognition.requests import EmbeddingRequest, EmbeddingResult
from scribewire.types import ms_to_samples

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.models.cache import ModelCache
    from scribewire.types import DeviceWish

MIN_SAMPLES = ms_to_samples(300)  # a syllable: of less, the direction is chance
_WEIGHTS = "weights"
_RANK = 3  # batch, frames, bands


class SpeakerEmbedder:
    """An `EmbeddingEngine` on one model."""

    def __init__(self, session: OnnxSession, *, name: str) -> None:
        inputs = dict(session.input_shapes)
        self._has_weights = inputs.pop(_WEIGHTS, None) is not None
        if len(inputs) != 1:
            raise ModelFault(
                f"speaker model {name}: inputs {', '.join(session.input_shapes)}: expected the "
                "features alone; export it as WeSpeaker or 3D-Speaker do"
            )
        ((self._features_name, shape),) = inputs.items()
        if len(shape) != _RANK or not (shape[2] == BANDS or isinstance(shape[2], str)):
            raise ModelFault(
                f"speaker model {name}: input of shape {shape}: expected [batch, frames, {BANDS}]"
            )
        self._session = session
        self._outputs = session.output_names[:1]
        self._dimensions = self._run(np.zeros((100, BANDS), np.float32)).size

    @classmethod
    def load(cls, path: Path, *, device: DeviceWish = "cpu") -> SpeakerEmbedder:
        """Load the user's model at `path`. Raises ModelFault."""
        return load_on_device(
            device, lambda on: cls(OnnxSession(path, device=on), name=path.name), why_no_onnx_gpu
        )

    @classmethod
    def load_default(
        cls,
        model_dir: Path | None = None,
        cache: ModelCache | None = None,
        *,
        device: DeviceWish = "cpu",
    ) -> SpeakerEmbedder:
        """Load the model that comes with the dependencies. Raises ModelFault."""
        with compiled_model(SPEAKER_EMBEDDING, model_dir, cache) as path:
            return cls.load(path, device=device)

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        """Return the voice's direction. Raises ServerFault once closed."""
        self._session.check_open()
        nobody = EmbeddingResult(np.zeros(self._dimensions, np.float32))
        if request.samples.size < MIN_SAMPLES:
            return nobody
        features = mel_features(clean_samples(request.samples))
        if np.abs(features).max() < SILENCE:
            return nobody
        vector = self._run(features)
        length = np.linalg.norm(vector)
        return EmbeddingResult(vector / length) if length else nobody

    def close(self) -> None:
        """Give the model's memory back. Closing again does nothing."""
        self._session.close()

    def _run(self, features: Tensor) -> Tensor:
        feeds: dict[str, Tensor] = {self._features_name: features[np.newaxis]}
        if self._has_weights:
            feeds[_WEIGHTS] = np.ones((1, len(features)), np.float32)
        (output,) = self._session.run(self._outputs, feeds)
        return np.asarray(output, np.float32).reshape(-1)

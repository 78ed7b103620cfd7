"""From a model's name to an engine that is ready to decode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scribewire.engines.moonshine import MoonshineEngine
from scribewire.engines.protocols import SpeechEngine, VadEngine
from scribewire.engines.silero import SileroVad
from scribewire.errors import ModelFault
from scribewire.models.catalog import MODELS, MOONSHINE_TINY_EN, SILERO_VAD, Model
from scribewire.recognition.requests import FRAME_SAMPLES, DecodeRequest, VadRequest
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A new family is one file and one line here.
_SPEECH_FAMILIES: Final[dict[str, Callable[[Model, Path | None], SpeechEngine]]] = {
    "moonshine": MoonshineEngine.load,
}


@dataclass(frozen=True, slots=True)
class Engines:
    """Everything that a server needs to recognize speech."""

    vad: VadEngine
    speech: SpeechEngine

    def close(self) -> None:
        """Close every engine. Closing again does nothing."""
        self.vad.close()
        self.speech.close()


def load_engines(model_dir: Path | None = None) -> Engines:
    """Find, verify, load and warm up the default engines.

    With `model_dir`, all files are taken from there. Raises ModelFault, with the remedy.
    """
    engines = Engines(
        vad=SileroVad.load(SILERO_VAD, model_dir),
        speech=load_speech_engine(MOONSHINE_TINY_EN.name, model_dir),
    )
    _warm_up(engines)
    return engines


def load_speech_engine(name: str, model_dir: Path | None = None) -> SpeechEngine:
    """Load the speech engine for the catalogue's model `name`. Raises ModelFault."""
    known = {model.name: model for model in MODELS if model.family in _SPEECH_FAMILIES}
    model = known.get(name)
    if model is None:
        raise ModelFault(f"speech model {name}: expected one of {', '.join(sorted(known))}")
    return _SPEECH_FAMILIES[model.family](model, model_dir)


def _warm_up(engines: Engines) -> None:
    """Decode once, so that the first client does not wait for pages to be read in."""
    engines.vad.measure(VadRequest(np.zeros(FRAME_SAMPLES, np.float32), None))
    half_second = np.zeros(SAMPLE_RATE // 2, np.float32)
    engines.speech.decode(
        DecodeRequest(
            utterance=0, samples=half_second, end_sample=half_second.size, is_required=True
        )
    )

"""From a model's name to an engine that is ready to decode."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import numpy as np

from scribewire.engines.engines import Engines
from scribewire.engines.moonshine.engine import MoonshineEngine
from scribewire.engines.protocols import SpeechEngine, Voices
from scribewire.engines.silero import SileroVad
from scribewire.engines.speaker_embedding import SpeakerEmbedder
from scribewire.engines.speaker_turns import SpeakerTurns
from scribewire.errors import ModelFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import MODELS, MOONSHINE_TINY_EN, SILERO_VAD, Model
from scribewire.recognition.requests import FRAME_SAMPLES, DecodeRequest, VadRequest
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger("scribewire.engines")

# A new family is one file and one line here.
_SPEECH_FAMILIES: Final[dict[str, Callable[[Model, Path | None, ModelCache], SpeechEngine]]] = {
    "moonshine": MoonshineEngine.load,
}


def load_engines(
    model_dir: Path | None = None,
    cache: ModelCache | None = None,
    *,
    speaker_model: Path | None = None,
) -> Engines:
    """Find, verify, prepare, load and warm up the default engines.

    With `model_dir`, all files are taken from there; what is prepared of them is kept in `cache`,
    by default the user's own. Raises ModelFault, with the remedy. Without the models that tell
    speakers apart it warns and goes on: text without names is worth much.
    """
    cache = cache or ModelCache()
    engines = Engines(
        vad=SileroVad.load(SILERO_VAD, model_dir),
        speech=(load_speech_engine(MOONSHINE_TINY_EN.name, model_dir, cache),),
        voices=load_voices(model_dir, cache, speaker_model=speaker_model),
    )
    _warm_up(engines)
    return engines


def load_speech_engine(
    name: str, model_dir: Path | None = None, cache: ModelCache | None = None
) -> SpeechEngine:
    """Load the speech engine for the catalogue's model `name`. Raises ModelFault."""
    known = {model.name: model for model in MODELS if model.family in _SPEECH_FAMILIES}
    model = known.get(name)
    if model is None:
        raise ModelFault(f"speech model {name}: expected one of {', '.join(sorted(known))}")
    return _SPEECH_FAMILIES[model.family](model, model_dir, cache or ModelCache())


def load_voices(
    model_dir: Path | None = None,
    cache: ModelCache | None = None,
    *,
    speaker_model: Path | None = None,
) -> Voices | None:
    """Load what tells speakers apart; None, with a warning in the log, when it is not there.

    Raises ModelFault for a `speaker_model` that cannot be used: somebody asked for it.
    """
    own = None if speaker_model is None else SpeakerEmbedder.load(speaker_model)
    try:
        turns = SpeakerTurns.load(model_dir, cache)
        return Voices(own or SpeakerEmbedder.load_default(model_dir, cache), turns)
    except ModelFault as fault:
        _log.warning("! finals will name no speakers: %s", fault)
        return None


def _warm_up(engines: Engines) -> None:
    """Decode once, so that the first client does not wait for pages to be read in."""
    engines.vad.measure(VadRequest(np.zeros(FRAME_SAMPLES, np.float32), None))
    half_second = np.zeros(SAMPLE_RATE // 2, np.float32)
    request = DecodeRequest(
        utterance=0,
        samples=half_second,
        end_sample=half_second.size,
        is_required=True,
        wants_times=True,
    )
    for engine in engines.speech:
        engine.decode(request)

"""From the families' table to engines that are ready to decode."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.engines import Engines
from scribewire.engines.families import FAMILIES
from scribewire.engines.protocols import Family, Voices
from scribewire.engines.silero import SileroVad
from scribewire.engines.speaker_embedding import SpeakerEmbedder
from scribewire.engines.speaker_turns import SpeakerTurns
from scribewire.errors import ModelFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import SILERO_VAD
from scribewire.recognition.requests import FRAME_SAMPLES, DecodeRequest, VadRequest
from scribewire.types import ms_to_samples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WARM_UP_SAMPLES = ms_to_samples(500)  # room for more than one token, so that every graph runs

_log = logging.getLogger("scribewire.engines")


def load_engines(
    model_dir: Path | None = None,
    cache: ModelCache | None = None,
    *,
    speaker_model: Path | None = None,
    families: Sequence[Family] = FAMILIES,
) -> Engines:
    """Find, verify, prepare, load and warm up an engine for every model of the families.

    With `model_dir`, all files are taken from there; what is prepared of them is kept in `cache`,
    by default the user's own. Raises ModelFault, with the remedy. Without the models that tell
    speakers apart it warns and goes on: text without names is worth much.
    """
    cache = cache or ModelCache()
    engines = Engines(
        vad=SileroVad.load(SILERO_VAD, model_dir),
        speech=tuple(
            family.load(model, model_dir, cache) for family in families for model in family.models
        ),
        voices=load_voices(model_dir, cache, speaker_model=speaker_model),
    )
    _warm_up(engines)
    return engines


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
    for engine in engines.speech:
        size = max(engine.traits.min_window_samples, WARM_UP_SAMPLES)
        silence = np.zeros(size, np.float32)
        engine.decode(
            DecodeRequest(
                utterance=0,
                samples=silence,
                end_sample=silence.size,
                is_required=True,
                wants_times=engine.traits.gives_times,
            )
        )

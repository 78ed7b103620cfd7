"""From the families' table to engines that are ready to decode."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.engines import Engines
from scribewire.engines.families import FAMILIES
from scribewire.engines.on_demand import OnDemandEngine
from scribewire.engines.protocols import Family, ModelPlace, Voices
from scribewire.engines.silero import SileroVad
from scribewire.engines.speaker_embedding import SpeakerEmbedder
from scribewire.engines.speaker_turns import SpeakerTurns
from scribewire.errors import ModelFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import SILERO_VAD
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_log = logging.getLogger("scribewire.engines")


def load_engines(
    model_dir: Path | None = None,
    cache: ModelCache | None = None,
    *,
    speaker_model: Path | None = None,
    families: Sequence[Family] = FAMILIES,
) -> Engines:
    """Load what every stream needs, and find a speech engine for each model that is there.

    Those are loaded when they are first needed, or by their `load`. With `model_dir`, all files are
    taken from there; what is prepared of them is kept in `cache`, by default the user's own. Raises
    ModelFault, with the remedy. Without the models that tell speakers apart it warns and goes on:
    text without names is worth much.
    """
    cache = cache or ModelCache()
    vad = SileroVad.load(SILERO_VAD, model_dir)
    speech = find_speech(ModelPlace(cache=cache, model_dir=model_dir), families)
    vad.measure(VadRequest(np.zeros(FRAME_SAMPLES, np.float32), None))  # reads its pages in
    voices = load_voices(model_dir, cache, speaker_model=speaker_model)
    return Engines(vad, speech, voices)


def find_speech(
    place: ModelPlace, families: Sequence[Family] = FAMILIES
) -> tuple[OnDemandEngine, ...]:
    """Return an engine for each model that is there, none of them loaded.

    Of those that are not installed the log tells how they would be. Raises ModelFault where none
    is, with what to do.
    """
    found, missing = [], []
    for family in families:
        for model in family.models:
            why = family.why_missing(model, place.model_dir)
            if why is None:
                found.append(OnDemandEngine(model, family, place))
            else:
                missing.append(why)
    if not found:
        raise ModelFault("; ".join(missing))
    for why in missing:
        _log.info("= not served: %s", why)
    return tuple(found)


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

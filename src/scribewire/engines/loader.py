"""From the families' table to engines that are ready to decode."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.device import DeviceFault, choose_device
from scribewire.engines.engines import Engines
from scribewire.engines.families import FAMILIES
from scribewire.engines.languages import LanguageTable
from scribewire.engines.on_demand import OnDemandEngine
from scribewire.engines.onnx_device import why_no_onnx_gpu
from scribewire.engines.protocols import Family, ModelPlace, Voices
from scribewire.engines.silero import SileroVad
from scribewire.engines.speaker_embedding import SpeakerEmbedder
from scribewire.engines.speaker_turns import SpeakerTurns
from scribewire.errors import ModelFault
from scribewire.log_line import LogLine
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import SILERO_VAD
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from scribewire.settings import Settings
    from scribewire.types import DeviceWish

_log = logging.getLogger("scribewire.engines")


@dataclass(frozen=True, slots=True)
class FoundModels:
    """The speech models of this machine."""

    speech: tuple[OnDemandEngine, ...]
    """An engine for each that is there, in order of preference; none of them is loaded."""
    missing: Mapping[str, str]
    """Of each that is not installed, by its name, what to do."""


def configured_engines(
    settings: Settings,
    cache: ModelCache,
    families: Sequence[Family] = FAMILIES,
    *,
    threads: int = 1,
) -> Engines:
    """Load what every stream needs, and find the speech engines, as an operator wants them.

    Each is to answer as many calls side by side as there are `threads` that make them. Raises
    ModelFault, with the remedy, as `load_engines` does, and for a language that cannot be served, a
    folder that holds no model or a device that is not there, before anything is loaded.
    """
    place = ModelPlace(
        cache=cache, model_dir=settings.model_dir, device=settings.device, threads=threads
    )
    models = find_models(place, families, settings.model_folders)
    table = choose_languages(models, settings)
    if settings.device == "cuda":
        _check_gpu(table)
    vad, voices = _load_others(place, settings.speaker_model)
    return Engines(
        vad, table.speech, voices, table.offered, table.default, tuple(models.missing.values())
    )


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
    place = ModelPlace(cache=cache, model_dir=model_dir)
    models = find_models(place, families)
    vad, voices = _load_others(place, speaker_model)
    return Engines(vad, models.speech, voices, missing=tuple(models.missing.values()))


def find_models(
    place: ModelPlace,
    families: Sequence[Family] = FAMILIES,
    folders: Mapping[Path, frozenset[str]] | None = None,
) -> FoundModels:
    """Return the speech models that are there; those of the user's own `folders` come first.

    Raises ModelFault where none is, with what to do, and for a folder that holds no model.
    """
    found = [
        _own_engine(folder, languages, place, families)
        for folder, languages in (folders or {}).items()
    ]
    missing = {}
    for family in families:
        for model in family.models:
            why = family.why_missing(model, place.model_dir)
            if why is None:
                found.append(OnDemandEngine(model, family, place))
            else:
                missing[model.name] = why
    if not found:
        raise ModelFault("; ".join(missing.values()))
    return FoundModels(tuple(found), missing)


def _own_engine(
    folder: Path, languages: frozenset[str], place: ModelPlace, families: Sequence[Family]
) -> OnDemandEngine:
    for family in families:
        if family.own_model is not None:
            return OnDemandEngine(family.own_model(folder, languages), family, place)
    raise ModelFault(f"model {folder}: no kind of model is known here that a folder may hold")


def choose_languages(models: FoundModels, settings: Settings) -> LanguageTable:
    """Return what is served of what can be. Raises ModelFault for a language that cannot be."""
    able = LanguageTable(models.speech).languages
    table = LanguageTable(models.speech, settings.languages, settings.default_language)
    lacking = [code for code in settings.languages if code not in able]
    if lacking:
        words = f"language {', '.join(lacking)}: no model; there are some for {_list(able)}"
        raise ModelFault("; ".join([words, *models.missing.values()]))
    if table.default_language not in table.languages:
        words = f"default language {table.default_language}: not served; expected one of "
        raise ModelFault(words + _list(table.languages))
    return table


def _list(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes))


def _check_gpu(table: LanguageTable) -> None:
    """Raise DeviceFault if one of the models that can run on a GPU cannot do so here."""
    for engine in table.serving:
        if isinstance(engine, OnDemandEngine):
            engine.choose_device()
    choose_device("cuda", why_no_onnx_gpu)


def _load_others(place: ModelPlace, speaker_model: Path | None) -> tuple[SileroVad, Voices | None]:
    vad = load_vad(place)
    voices = load_voices(
        place.model_dir, place.cache, speaker_model=speaker_model, device=place.device
    )
    return vad, voices


def load_vad(place: ModelPlace) -> SileroVad:
    """Load what finds out where speech is. Raises ModelFault."""
    vad = SileroVad.load(SILERO_VAD, place.model_dir)
    vad.measure(VadRequest(np.zeros(FRAME_SAMPLES, np.float32), None))  # reads its pages in
    return vad


def load_voices(
    model_dir: Path | None = None,
    cache: ModelCache | None = None,
    *,
    speaker_model: Path | None = None,
    device: DeviceWish = "cpu",
) -> Voices | None:
    """Load what tells speakers apart; None, with a warning in the log, when it is not there.

    Raises ModelFault for a `speaker_model` or a device that cannot be used: somebody asked for it.
    """
    own = None if speaker_model is None else SpeakerEmbedder.load(speaker_model, device=device)
    try:
        turns = SpeakerTurns.load(model_dir, cache, device=device)
        default = own or SpeakerEmbedder.load_default(model_dir, cache, device=device)
        return Voices(default, turns)
    except DeviceFault:
        raise
    except ModelFault as fault:
        words = "! finals will name no speakers: {reason}"
        _log.warning(LogLine("no_speakers", words, reason=fault))
        return None

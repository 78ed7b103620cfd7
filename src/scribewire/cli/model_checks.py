"""What `doctor` finds of the models, and what can be served with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.cli.checks import Check

if TYPE_CHECKING:
    from scribewire.engines.languages import LanguageTable
    from scribewire.engines.loader import FoundModels
    from scribewire.engines.on_demand import OnDemandEngine
    from scribewire.models.cache import ModelCache
    from scribewire.settings import Settings


def check_models(settings: Settings, cache: ModelCache) -> tuple[list[Check], LanguageTable | None]:
    """Look for the models, compare their contents, and say who would serve which language.

    Without a table the server does not start.
    """
    from scribewire.engines.loader import choose_languages, find_models
    from scribewire.engines.protocols import ModelPlace
    from scribewire.errors import ModelFault

    checks = [_check_vad(settings)]
    place = ModelPlace(cache=cache, model_dir=settings.model_dir, device=settings.device)
    try:
        models = find_models(place, folders=settings.model_folders)
        checks += _check_speech(models)
        table = choose_languages(models, settings)
    except ModelFault as fault:
        return [*checks, Check("languages", "failed", str(fault))], None
    checks += _check_devices(table)
    return [*checks, Check("languages", "ok", say_languages(table))], table


def say_languages(table: LanguageTable) -> str:
    """Return in one line who serves which language."""
    from scribewire.engines.served import languages_by_model

    told = [f"{', '.join(codes)} by {name}" for name, codes in languages_by_model(table).items()]
    return "; ".join([*told, f"{table.default_language} where none is named"])


def _check_devices(table: LanguageTable) -> list[Check]:
    from scribewire.engines.on_demand import OnDemandEngine
    from scribewire.errors import ModelFault

    checks = []
    for engine in table.serving:
        assert isinstance(engine, OnDemandEngine), "they come from the models that were found"
        name = engine.model.name
        try:
            if engine.choose_device() == "cuda":
                words = "runs on a GPU if it can be used: that is tried when it is loaded"
                checks.append(Check("device", "ok", f"{name} {words}"))
        except ModelFault as fault:
            checks.append(Check("device", "failed", f"{name}: {fault}"))
    return checks


def _check_vad(settings: Settings) -> Check:
    from scribewire.errors import ModelFault
    from scribewire.models.catalog import SILERO_VAD
    from scribewire.models.store import check_files

    try:
        folder = check_files(SILERO_VAD, settings.model_dir)
    except ModelFault as fault:
        return Check(SILERO_VAD.name, "failed", str(fault))
    return Check(SILERO_VAD.name, "ok", f"intact in {folder}")


def _check_speech(models: FoundModels) -> list[Check]:
    missing = [Check(name, "warning", why) for name, why in models.missing.items()]
    return [*map(_check_engine, models.speech), *missing]


def _check_engine(engine: OnDemandEngine) -> Check:
    from scribewire.errors import ModelFault

    try:
        return Check(engine.model.name, "ok", f"intact in {engine.check()}")
    except ModelFault as fault:
        return Check(engine.model.name, "failed", str(fault))

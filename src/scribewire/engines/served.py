"""What is served, for programs: `GET /v1/models` and `scribewire doctor` tell the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from scribewire.engines.on_demand import OnDemandEngine
from scribewire.types import Mode
from scribewire.wishes import AUTO

if TYPE_CHECKING:
    from scribewire.engines.languages import LanguageTable
    from scribewire.engines.protocols import SpeechEngine

_MODES: tuple[Mode, ...] = get_args(Mode)


def describe_table(table: LanguageTable) -> dict[str, object]:
    """Return who serves which language in which mode, whether loaded or not."""
    auto = sorted(table.auto_languages)
    tellers: dict[str, object] = {
        mode: name_of(table.speech_for(AUTO, mode)) for mode in _MODES if auto
    }
    return {
        "default_language": table.default_language,
        "languages": {
            language: {mode: name_of(table.speech_for(language, mode)) for mode in _MODES}
            for language in sorted(table.languages)
        },
        "auto": {"languages": auto, **tellers},
        "models": [_describe(engine) for engine in table.serving],
    }


def languages_by_model(table: LanguageTable) -> dict[str, list[str]]:
    """Return the codes that each model serves, `auto` among them, by the model's name."""
    found: dict[str, list[str]] = {name_of(engine): [] for engine in table.serving}
    codes = [*sorted(table.languages), *([AUTO] if table.auto_languages else [])]
    for code in codes:
        for name in {name_of(table.speech_for(code, mode)) for mode in _MODES}:
            found[name].append(code)
    return found


def name_of(engine: SpeechEngine) -> str:
    """Return the name of an engine's model, or of its kind where it has been given without one."""
    return engine.model.name if isinstance(engine, OnDemandEngine) else type(engine).__name__


def _describe(engine: SpeechEngine) -> dict[str, object]:
    model = engine.model if isinstance(engine, OnDemandEngine) else None
    return {
        "name": name_of(engine),
        "licence": model and model.licence,
        "device": engine.traits.device,
        "memory_mb": model and model.memory_mb,
    }

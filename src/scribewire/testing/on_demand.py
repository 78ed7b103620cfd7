"""Scripted models that are loaded when they are needed, or when a test says so."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from scribewire.engines.families import DEFAULT_MODEL
from scribewire.engines.on_demand import OnDemandEngine
from scribewire.engines.protocols import Family, ModelPlace
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import Model
from scribewire.testing.scripted import SCRIPTED_CALIBRATION, SCRIPTED_TRAITS, ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.recognition.traits import Traits


class ScriptedModel:
    """A model on disk, and what becomes of each try to load it."""

    def __init__(self, *, is_open: bool = True) -> None:
        """Unless it `is_open`, a load waits for `let_load`."""
        self.loads = 0  # how often it was begun
        self.faults: list[Exception] = []  # raised by the next loads, one each
        self.loaded: list[ScriptedEngine] = []
        self._may_load = threading.Event()
        if is_open:
            self.let_load()

    def let_load(self) -> None:
        """Let the loads that wait go on, and all later ones."""
        self._may_load.set()

    def load(self) -> ScriptedEngine:
        """Return a new engine, or raise the next fault."""
        self.loads += 1
        self._may_load.wait()
        if self.faults:
            raise self.faults.pop(0)
        self.loaded.append(ScriptedEngine())
        return self.loaded[-1]


def scripted_on_demand(
    load: Callable[[], ScriptedEngine],
    *,
    name: str = "letters",
    traits: Traits = SCRIPTED_TRAITS,
) -> OnDemandEngine:
    """Return an engine over what `load` gives, which has these traits and is not loaded yet."""
    model = Model(name=name, languages=traits.languages, licence="MIT", fitted=DEFAULT_MODEL.fitted)

    def load_as_told(_model: Model, _place: ModelPlace) -> ScriptedEngine:
        engine = load()
        engine.traits = traits
        return engine

    family = Family(
        models=(model,),
        traits=lambda _model, _device: traits,
        load=load_as_told,
        why_missing=lambda _model, _model_dir: None,
        check=lambda _model, _place: Path(),
    )
    engine = OnDemandEngine(model, family, ModelPlace(cache=ModelCache()))
    engine.calibration = SCRIPTED_CALIBRATION
    return engine

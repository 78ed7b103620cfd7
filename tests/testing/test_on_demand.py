from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.scripted import SCRIPTED_CALIBRATION, SCRIPTED_TRAITS


def test_a_scripted_model_fails_as_often_as_it_was_told_and_then_loads() -> None:
    model = ScriptedModel()
    model.faults = [MemoryError("full")]
    dutch = replace(SCRIPTED_TRAITS, languages=frozenset({"nl"}))
    engine = scripted_on_demand(model.load, traits=dutch)

    with pytest.raises(MemoryError):
        engine.load()
    loaded = engine.load()

    assert model.loads == 2
    assert model.loaded == [loaded]
    assert loaded.traits == engine.traits == dutch
    assert engine.calibration is SCRIPTED_CALIBRATION

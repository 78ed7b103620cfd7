from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.on_demand import (
    WARM_UP_SAMPLES,
    OnDemandEngine,
    is_resident,
    load_engine,
)
from scribewire.engines.protocols import Family, ModelPlace
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import Model
from scribewire.recognition.requests import DecodeRequest, StreamRequest
from scribewire.recognition.traits import Traits
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedStreamingEngine,
    draw_speech,
)

LETTERS = Model(name="letters", languages=frozenset({"en"}), licence="MIT", fitted=TINY_EN.fitted)
ABC = DecodeRequest(utterance=0, samples=draw_speech("abc"), end_sample=1536, is_required=True)


def on_demand(
    load: Callable[[], ScriptedEngine], traits: Traits = SCRIPTED_TRAITS
) -> OnDemandEngine:
    family = Family(
        models=(LETTERS,),
        traits=lambda _model, _device: traits,
        load=lambda _model, _place: load(),
        why_missing=lambda _model, _model_dir: None,
        check=lambda _model, _place: Path("letters"),
    )
    return OnDemandEngine(LETTERS, family, ModelPlace(cache=ModelCache()))


def test_what_an_engine_can_do_is_known_before_its_model_is_loaded() -> None:
    loaded = ScriptedEngine()
    engine = on_demand(lambda: loaded)

    assert engine.traits == SCRIPTED_TRAITS
    assert engine.calibration.final_width.keys() == {"fast", "quality"}
    assert not engine.is_resident
    assert not is_resident(engine)
    assert is_resident(loaded)


@pytest.mark.parametrize(("min_window", "gives_times"), [(512, True), (16_000, False)])
def test_it_is_loaded_once_and_warmed_up_as_its_traits_allow(
    min_window: int, gives_times: bool
) -> None:
    traits = replace(SCRIPTED_TRAITS, min_window_samples=min_window, gives_times=gives_times)
    made: list[ScriptedEngine] = []

    def load() -> ScriptedEngine:
        made.append(ScriptedEngine())
        made[-1].traits = traits
        return made[-1]

    engine = on_demand(load, traits)
    load_engine(engine)
    load_engine(engine)

    (loaded,) = made
    (warm_up,) = loaded.requests
    assert warm_up.samples.size == max(min_window, WARM_UP_SAMPLES)
    assert warm_up.wants_times is gives_times
    assert is_resident(engine)


def test_whoever_asks_it_first_has_it_loaded() -> None:
    engine = on_demand(ScriptedEngine)

    answer = engine.decode(ABC)

    assert answer.hypothesis is not None
    assert answer.hypothesis.text == "abc"
    assert engine.is_resident


def test_one_that_streams_is_asked_piece_by_piece() -> None:
    engine = on_demand(ScriptedStreamingEngine, replace(SCRIPTED_TRAITS, is_streaming=True))
    samples = draw_speech("abc")
    request = StreamRequest(utterance=0, samples=samples, end_sample=samples.size, state=None)

    heard = engine.decode_stream(request).hypothesis

    assert heard is not None
    assert heard.text == "abc"


def test_a_load_that_failed_is_tried_anew() -> None:
    faults = [ModelFault("model file letters.bin: no such file")]

    def load() -> ScriptedEngine:
        if faults:
            raise faults.pop()
        return ScriptedEngine()

    engine = on_demand(load)
    with pytest.raises(ModelFault, match="no such file"):
        engine.load()

    assert not engine.is_resident
    engine.load()
    assert engine.is_resident


def test_an_engine_that_can_do_something_else_than_was_told_is_our_mistake() -> None:
    engine = on_demand(ScriptedEngine, replace(SCRIPTED_TRAITS, max_width=1))

    with pytest.raises(AssertionError, match="letters: its family says otherwise"):
        engine.load()


def test_where_it_runs_is_told_once_a_load_has_decided_it() -> None:
    loaded = ScriptedEngine()
    loaded.traits = replace(SCRIPTED_TRAITS, device="cuda")
    engine = on_demand(lambda: loaded, replace(SCRIPTED_TRAITS, device=None))

    before = engine.traits.device
    engine.load()

    assert (before, engine.traits.device) == (None, "cuda")


def test_its_files_are_checked_without_loading_them() -> None:
    engine = on_demand(ScriptedEngine)

    assert (engine.check(), engine.is_resident) == (Path("letters"), False)


def test_closed_before_it_was_loaded_it_stays_so() -> None:
    engine = on_demand(ScriptedEngine)

    engine.close()
    engine.close()

    with pytest.raises(ServerFault, match="the engine of letters is closed"):
        engine.load()


def test_closed_while_it_is_loaded_its_memory_is_given_back() -> None:
    loaded = ScriptedEngine()

    def load() -> ScriptedEngine:
        engine.close()
        return loaded

    engine = on_demand(load)

    with pytest.raises(ServerFault, match="the engine of letters is closed"):
        engine.load()
    with pytest.raises(ServerFault, match="this engine is closed"):
        loaded.decode(ABC)


def test_closed_after_it_was_loaded_it_refuses() -> None:
    engine = on_demand(ScriptedEngine)
    engine.load()

    engine.close()

    with pytest.raises(ServerFault, match="this engine is closed"):
        engine.decode(ABC)

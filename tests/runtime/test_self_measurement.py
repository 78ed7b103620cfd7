from __future__ import annotations

from dataclasses import replace

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import Voices
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
)
from scribewire.runtime.self_measurement import UTTERANCE_S, measure_costs
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.scripted import (
    SCRIPTED_CALIBRATION,
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
)


class CountedEngine(ScriptedEngine):
    """Notes what it is asked, and hears nothing in noise."""

    def decode(self, request: DecodeRequest) -> DecodeResult:
        self.requests.append(request)
        return DecodeResult(Hypothesis("", ()))


class CountedVoices(ScriptedVoices):
    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        self.asked += 1
        return super().embed(request)


def test_each_kind_of_call_is_measured_a_few_times() -> None:
    engine, voices = CountedEngine(), CountedVoices()

    costs = measure_costs(Engines(ScriptedVad(), (engine,), Voices(voices, voices)))[engine]

    assert len(engine.requests) == voices.asked == 3
    assert all(r.is_required and r.wants_times for r in engine.requests)
    assert costs.final_s > 0
    assert costs.stream_share > costs.final_s / UTTERANCE_S


def test_what_is_not_loaded_is_not_measured_unless_it_is_asked_for() -> None:
    engine, model = CountedEngine(), ScriptedModel()
    other = scripted_on_demand(model.load)
    engines = Engines(ScriptedVad(), (engine, other))

    assert measure_costs(engines).keys() == {engine}
    assert model.loads == 0
    assert measure_costs(engines, (other,)).keys() == {other}


def test_a_server_that_tells_no_speakers_is_measured_too() -> None:
    engine = CountedEngine()

    assert measure_costs(Engines(ScriptedVad(), (engine,)))[engine].stream_share > 0


def test_no_more_is_asked_of_an_engine_than_it_claims() -> None:
    engine = CountedEngine()
    engine.traits = replace(engine.traits, max_window_samples=16_000, gives_times=False)

    measure_costs(Engines(ScriptedVad(), (engine,)))

    assert {(one.samples.size, one.wants_times) for one in engine.requests} == {(16_000, False)}


def test_each_engine_has_its_own_costs_by_its_own_calibration() -> None:
    quick, slow = CountedEngine(), CountedEngine()
    slow.calibration = replace(SCRIPTED_CALIBRATION, speech_per_noise=1e9)

    costs = measure_costs(Engines(ScriptedVad(), (quick, slow)))

    assert set(costs) == {quick, slow}
    assert costs[slow].final_s > 1000 * costs[quick].final_s
    assert costs[slow].stream_share > 1000 * costs[quick].stream_share

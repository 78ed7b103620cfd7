from __future__ import annotations

from scribewire.engines.protocols import Voices
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
)
from scribewire.runtime.self_measurement import UTTERANCE_S, measure_costs
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, ScriptedVoices


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

    costs = measure_costs(ScriptedVad(), engine, Voices(voices, voices))

    assert len(engine.requests) == voices.asked == 3
    assert all(r.is_required and r.wants_times for r in engine.requests)
    assert costs.final_s > 0
    assert costs.stream_share > costs.final_s / UTTERANCE_S


def test_a_server_that_tells_no_speakers_is_measured_too() -> None:
    assert measure_costs(ScriptedVad(), CountedEngine(), None).stream_share > 0

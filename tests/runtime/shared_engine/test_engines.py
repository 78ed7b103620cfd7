from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.on_demand import OnDemandEngine, is_resident, load_engine
from scribewire.engines.protocols import Family, ModelPlace, SpeechEngine
from scribewire.errors import ServerFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import Model
from scribewire.recognition.requests import (
    DecodeRequest,
    EmbeddingRequest,
    StreamRequest,
    TurnRequest,
    VadRequest,
)
from scribewire.runtime.shared_engine.engines import SharedSpeech, shared_engines
from scribewire.runtime.shared_engine.link import EngineLink
from scribewire.runtime.shared_engine.under_way import LinkAnswer
from scribewire.settings import Settings
from scribewire.testing import check_engine
from scribewire.testing.batching import BatchedEngine
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedStreamingEngine,
    ScriptedVoices,
    draw_speech,
)
from tests.parts.engine_hosts import linked, run_host, socket_path, wait_for

SAMPLES = draw_speech("abc")


@pytest.fixture
def path() -> Iterator[Path]:
    with socket_path() as path:
        yield path


def family(load: type[ScriptedEngine] = ScriptedEngine, *, device: str = "cpu") -> Family:
    def load_as_told(_model: Model, _place: ModelPlace) -> SpeechEngine:
        engine = load()
        engine.traits = replace(engine.traits, device=device)
        return engine

    return Family(
        models=(
            Model(
                name="letters", languages=frozenset({"en"}), licence="MIT", fitted=TINY_EN.fitted
            ),
        ),
        traits=lambda _model, _device: replace(load.traits, device=device),
        load=load_as_told,
        why_missing=lambda _model, _model_dir: None,
        check=lambda _model, _place: Path(),
    )


def hosted(one: Family) -> OnDemandEngine:
    return OnDemandEngine(one.models[0], one, ModelPlace(cache=ModelCache()))


def test_a_server_finds_its_models_there_and_loads_them_there(path: Path) -> None:
    there = hosted(family(device="cuda"))
    here = family()
    with run_host(there, path):
        engines = shared_engines(Settings(), ModelCache(), EngineLink(path), [here])
        (speech,) = engines.speech
        assert isinstance(speech, OnDemandEngine)
        before = (speech.traits.device, is_resident(speech), there.is_resident)

        speech.load()

        assert before == (None, False, False)
        assert there.is_resident
        assert speech.traits.device == "cuda"
        request = DecodeRequest(
            utterance=0, samples=SAMPLES, end_sample=SAMPLES.size, is_required=True
        )
        assert engines.answer(request, speech) == ScriptedEngine().decode(request)
        silence = np.zeros(512, np.float32)
        assert engines.answer(VadRequest(silence, None), speech)  # measured here, by Silero
        assert engines.why_away is None
        engines.close()
        wait_for(lambda: engines.why_away is not None)


def test_who_speaks_is_told_there(path: Path) -> None:
    there = hosted(family())
    with run_host(there, path):
        engines = shared_engines(Settings(), ModelCache(), EngineLink(path), [family()])
        voices = engines.voices
        assert voices is not None
        turns = TurnRequest(utterance=0, samples=draw_speech("abAB"))
        voice = EmbeddingRequest(utterance=0, samples=SAMPLES)

        found = engines.answer(turns, engines.speech[0])
        embedded = voices.embedding.embed(voice)

        engines.close()
    assert found == ScriptedVoices().find_turns(turns)
    assert np.array_equal(embedded.vector, ScriptedVoices().embed(voice).vector)


def test_another_model_than_the_servers_own_is_refused(path: Path) -> None:
    with run_host(hosted(family()), path):
        with pytest.raises(ServerFault, match=r"traits\.is_streaming is True here, False there"):
            shared_engines(
                Settings(), ModelCache(), EngineLink(path), [family(ScriptedStreamingEngine)]
            )
        with pytest.raises(ServerFault, match="give it to `scribewire engine`"):
            shared_engines(Settings(speaker_model=path), ModelCache(), EngineLink(path), [family()])


def test_a_shared_engine_keeps_the_contract_but_for_being_closed(path: Path) -> None:
    engine = ScriptedStreamingEngine()

    class Closing(SharedSpeech):
        """One that is a server's own: what is asked after its close is refused."""

        def close(self) -> None:
            self._link.close()
            wait_for(lambda: self._link.why_down is not None)

    with run_host(engine, path):

        def make() -> SharedSpeech:
            link = EngineLink(path)
            link.connect({})
            return Closing(
                link,
                "ScriptedStreamingEngine",
                traits=engine.traits,
                calibration=engine.calibration,
            )

        check_engine(make)


def test_a_stream_is_decoded_there(path: Path) -> None:
    engine = ScriptedStreamingEngine()
    request = StreamRequest(utterance=0, samples=SAMPLES, end_sample=SAMPLES.size, state=None)
    with run_host(engine, path), linked(engine, path) as link:
        shared = SharedSpeech(
            link,
            "ScriptedStreamingEngine",
            traits=SCRIPTED_TRAITS,
            calibration=engine.calibration,
        )
        result = shared.decode_stream(request)
        shared.close()
        again = shared.decode_stream(request)  # the model is others' too

    assert result == again == ScriptedStreamingEngine().decode_stream(request)


def test_a_measurement_does_not_count_the_wait_for_others(path: Path) -> None:
    has_begun, release = threading.Event(), threading.Event()
    release.set()  # models decode once when they are loaded

    def take(_count: int) -> None:
        if not release.is_set():
            has_begun.set()
            release.wait(20)

    def load() -> SpeechEngine:
        return BatchedEngine(take)

    there = hosted(replace(family(), load=lambda _model, _place: load()))
    final = DecodeRequest(utterance=0, samples=SAMPLES, end_sample=SAMPLES.size, is_required=True)
    answers: queue.SimpleQueue[LinkAnswer] = queue.SimpleQueue()
    with run_host(there, path) as host, linked(there, path) as other:
        engines = shared_engines(Settings(), ModelCache(), EngineLink(path), [family()])
        (speech,) = engines.speech
        load_engine(speech)
        release.clear()
        took: list[float] = []
        measuring = threading.Thread(target=lambda: took.append(engines.time_answer(final, speech)))

        other.submit("letters", final, answers.put)  # of another server
        assert has_begun.wait(20)
        began_at = time.monotonic()
        measuring.start()
        wait_for(lambda: host.waiting_calls == 1)
        waits_since = time.monotonic()
        wait_for(lambda: time.monotonic() > waits_since + 0.05)
        waited_s = time.monotonic() - waits_since
        release.set()
        measuring.join(20)
        all_s = time.monotonic() - began_at
        engines.close()

    assert 0 < took[0] <= all_s - waited_s

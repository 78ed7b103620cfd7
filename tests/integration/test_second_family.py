"""A second family of models, for a second language: one folder, and one entry in the table.

The folder is `dutch`, the entry stands in `engines`; nothing of the product is touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.engines.engines import Engines
from scribewire.engines.families import DEFAULT_MODEL, FAMILIES
from scribewire.engines.loader import load_engines
from scribewire.engines.on_demand import OnDemandEngine, load_engine
from scribewire.engines.protocols import Family, SpeechEngine
from scribewire.models.catalog import Model
from scribewire.models.fitted import read_fitted
from scribewire.recognition.calibration import Calibration
from scribewire.recognition.traits import Traits
from scribewire.runtime.admission import CallCosts
from scribewire.runtime.self_measurement import measure_costs
from scribewire.server.run import serving
from scribewire.settings import Settings
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedVad,
    draw_pcm,
)

WORDS = "goedemorgenallemaal"


class LettersEngine(ScriptedEngine):
    """A family that can do little: it reads letters, one hypothesis at a time."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        assert model.fitted is not None
        self.calibration = read_fitted(model.fitted, "calibration", Calibration)
        self.traits = letters_traits(model)


def letters_traits(model: Model) -> Traits:
    """What one of the family can do, before it is loaded."""
    return replace(
        SCRIPTED_TRAITS,
        languages=model.languages,
        takes_context=False,
        takes_draft=False,
        max_width=1,
    )


@pytest.fixture(scope="module")
def dutch(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """The folder of the family: its entry, its loader, and the file of what was fitted."""
    assert DEFAULT_MODEL.fitted is not None
    document = json.loads(DEFAULT_MODEL.fitted.read_text("utf-8"))
    numbers = document["calibration"]
    numbers["final_width"] = {"fast": 1, "quality": 1}
    numbers["context_samples"] = {"fast": 0, "quality": 0}
    fitted = tmp_path_factory.mktemp("letters") / "letters-nl.json"
    fitted.write_text(json.dumps({"calibration": numbers}))
    model = Model(
        name="letters-nl", languages=frozenset({"nl"}), licence="MIT", files=(), fitted=fitted
    )
    return Family(
        models=(model,),
        traits=lambda model, _device: letters_traits(model),
        load=lambda model, _place: LettersEngine(model),
        why_missing=lambda _model, _model_dir: None,
        check=lambda _model, _place: fitted.parent,
    )


@pytest.fixture(scope="module")
def engines(dutch: Family) -> Iterator[Engines]:
    """Both languages, hearing where a test drew speech."""
    english = replace(FAMILIES[0], models=(DEFAULT_MODEL,))
    loaded = load_engines(families=(english, dutch))
    for engine in loaded.speech:
        load_engine(engine)
    yield replace(loaded, vad=ScriptedVad(), voices=None)
    loaded.close()


def english_and_dutch(engines: Engines) -> tuple[SpeechEngine, OnDemandEngine]:
    english, dutch = engines.speech
    assert isinstance(dutch, OnDemandEngine)
    return english, dutch


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "quality"])
async def test_a_session_in_the_second_language_is_served_by_the_second_family(
    mode: str, engines: Engines
) -> None:
    _, on_demand = english_and_dutch(engines)
    dutch = on_demand.load()
    assert isinstance(dutch, LettersEngine)
    dutch.requests.clear()
    path = f"/v2/realtime?token=key-1&language=nl&type={mode}"

    async with run_server(engines) as server, server.dial(path) as dialogue:
        await dialogue.send('{"action":"start"}', draw_pcm(".." + WORDS * 8 + "." * 60))
        await dialogue.send('{"action":"stop"}')
        assert await dialogue.until_closed() == 1000

    assert (dialogue.finals, dialogue.errors) == ([WORDS * 8], [])
    assert {request.is_required for request in dutch.requests} == {True, False}
    for request in dutch.requests:  # what its traits do not claim is never asked of it
        assert (request.prefix, request.draft, request.width) == ((), (), 1)


@pytest.mark.slow
def test_language_and_mode_choose_the_engine(engines: Engines) -> None:
    english, dutch = english_and_dutch(engines)

    assert engines.languages == {"en", "nl"}
    assert engines.speech_for("nl", "fast") is dutch
    assert engines.speech_for("nl", "quality") is dutch
    assert engines.speech_for("en", "fast") is english
    assert engines.speech_for(None, "quality") is english


@pytest.mark.slow
def test_each_engine_has_costs_of_its_own(engines: Engines) -> None:
    english, dutch = english_and_dutch(engines)

    costs = measure_costs(engines)

    assert costs.keys() == {english, dutch}
    assert all(cost.final_s > 0 for cost in costs.values())


async def answer(server: RunningServer, language: str) -> int:
    """Return the HTTP status that a session of the language gets."""
    try:
        async with server.dial(f"/v2/realtime?token=key-1&language={language}"):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.slow
async def test_a_session_is_let_in_by_the_costs_of_the_engine_that_would_serve_it(
    engines: Engines,
) -> None:
    english, dutch = english_and_dutch(engines)
    quick = CallCosts(final_s=0.1, stream_share=0.01)
    slow = CallCosts(final_s=5.0, stream_share=1.2)
    settings = Settings(port=0, keys=("key-1",), max_final_latency_ms=700, workers=2)

    for costs, expected in (
        ({english: quick, dutch: slow}, {"en": 101, "nl": 503}),
        ({english: slow, dutch: quick}, {"en": 503, "nl": 101}),
    ):
        async with serving(settings, engines, costs) as running:
            server = RunningServer(*running)
            async with server.dial():  # somebody who would have to wait
                answers = {language: await answer(server, language) for language in expected}
        assert answers == expected


@pytest.mark.slow
async def test_what_a_stream_needs_is_counted_for_its_own_engine(engines: Engines) -> None:
    english, dutch = english_and_dutch(engines)

    async with (
        run_server(engines) as server,
        server.dial("/v2/realtime?token=key-1&language=nl") as dialogue,
    ):
        await dialogue.send('{"action":"start"}', draw_pcm("..hallo" + "." * 30))
        await dialogue.send('{"action":"stop"}')
        await dialogue.until_closed()
        loads = server.services.scheduler.loads()

    assert loads.of(dutch).final_call_s is not None
    assert english not in loads.by_engine

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.on_demand import OnDemandEngine
from scribewire.engines.protocols import SpeechEngine
from scribewire.errors import ModelFault, ServerFault
from scribewire.runtime.admission import CallCosts
from scribewire.runtime.residence import Residence
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad


@pytest.fixture
def slow() -> Iterator[ScriptedModel]:
    """A model that is loaded when the test lets it."""
    model = ScriptedModel(is_open=False)
    yield model
    model.let_load()


def settle(
    model: ScriptedModel,
) -> tuple[Residence, OnDemandEngine, dict[SpeechEngine, CallCosts]]:
    engine = scripted_on_demand(model.load)
    learnt: dict[SpeechEngine, CallCosts] = {}
    engines = Engines(ScriptedVad(), (engine,))
    return Residence(engines, learnt.__setitem__), engine, learnt


async def test_an_engine_is_loaded_once_however_many_wait_for_it(slow: ScriptedModel) -> None:
    residence, engine, learnt = settle(slow)

    waits = [residence.bring(engine) for _ in range(3)]
    slow.let_load()
    await asyncio.gather(*[wait for wait in waits if wait is not None])

    assert None not in waits
    assert slow.loads == 1
    assert learnt[engine].final_s > 0  # measured before anybody goes on
    assert residence.bring(engine) is None


async def test_the_event_loop_goes_on_while_a_model_is_loaded(slow: ScriptedModel) -> None:
    residence, engine, _ = settle(slow)

    done = residence.bring(engine)
    await asyncio.sleep(0)

    assert done is not None
    assert not done.done()
    slow.let_load()
    await done


async def test_what_was_loaded_before_is_not_waited_for() -> None:
    residence, engine, _ = settle(ScriptedModel())
    engine.load()

    assert residence.bring(engine) is None
    assert residence.bring(ScriptedEngine()) is None


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ModelFault("model file letters.bin: no such file"), r"letters\.bin: no such file"),
        (ModelFault("model letters: not installed"), "^model letters: not installed$"),
        (MemoryError("4 GB"), "model letters cannot be loaded: MemoryError: 4 GB"),
    ],
)
async def test_all_who_wait_are_told_that_a_load_failed_and_the_next_one_tries_anew(
    fault: Exception, words: str, slow: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    residence, engine, _ = settle(slow)
    slow.faults = [fault]

    waits = [residence.bring(engine) for _ in range(2)]
    slow.let_load()

    for wait in waits:
        assert wait is not None
        with pytest.raises(ModelFault, match=words):
            await wait
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert str(fault) in told.getMessage()
    assert told.getMessage().count("model letters:") == 1
    assert bool(told.exc_info) is not isinstance(fault, ModelFault)
    again = residence.bring(engine)
    assert again is not None
    await again
    assert (slow.loads, engine.is_resident) == (2, True)


@pytest.mark.slow
async def test_a_fault_that_nobody_waited_for_makes_no_noise(slow: ScriptedModel) -> None:
    residence, engine, _ = settle(slow)
    slow.faults = [ModelFault("no such file")]
    residence.bring(engine)

    slow.let_load()
    await residence.aclose()

    assert residence.bring(engine) is not None
    await residence.aclose()


async def test_closing_waits_for_a_load_but_not_for_ever(slow: ScriptedModel) -> None:
    residence, engine, _ = settle(slow)
    done = residence.bring(engine)

    await residence.aclose(patience_s=0)

    assert done is not None
    assert not done.done()
    slow.let_load()
    await residence.aclose()
    assert done.done()


async def test_an_engine_that_is_closed_meanwhile_is_a_fault_and_keeps_no_memory(
    slow: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "scribewire.engines")
    residence, engine, _ = settle(slow)
    done = residence.bring(engine)

    engine.close()
    slow.let_load()

    assert done is not None
    with pytest.raises(ServerFault, match="closed"):
        await done
    quiet = ["= model letters: loading", "= model letters: not loaded, the server has stopped"]
    assert caplog.messages == quiet
    assert not any(record.exc_info for record in caplog.records)
    assert not residence.bring(engine) or not engine.is_resident
    await residence.aclose()


async def test_who_waits_in_a_loop_that_ended_is_not_missed(slow: ScriptedModel) -> None:
    residence, engine, _ = settle(slow)

    async def ask_and_leave() -> None:
        residence.bring(engine)

    await asyncio.to_thread(asyncio.run, ask_and_leave())
    slow.let_load()

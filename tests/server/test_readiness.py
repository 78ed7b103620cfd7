from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.engines.engines import Engines
from scribewire.server.readiness import Hindrance, find_hindrances
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad

DUTCH = replace(SCRIPTED_TRAITS, languages=frozenset({"nl"}))


async def test_where_no_place_is_left_the_server_is_busy() -> None:
    async with run_server(max_sessions=1) as server, server.dial():
        found = find_hindrances(server.services)

    assert found == (Hindrance("busy", "all 1 sessions of this server are taken"),)


async def test_a_place_that_is_given_back_makes_it_ready_again() -> None:
    async with run_server(max_sessions=1) as server:
        speech = server.services.engines.speech[0]
        with server.services.admission.session(speech=speech):
            assert find_hindrances(server.services)

        assert find_hindrances(server.services) == ()


@pytest.mark.parametrize(("preload", "expected"), [(False, ()), (True, ("loading",))])
async def test_what_is_loaded_at_the_start_has_to_be_in_memory(
    *, preload: bool, expected: tuple[str, ...]
) -> None:
    dutch = scripted_on_demand(ScriptedModel().load, name="letters-nl", traits=DUTCH)
    engines = Engines(ScriptedVad(), (ScriptedEngine(), dutch))
    async with run_server(engines, preload=preload) as server:
        found = find_hindrances(server.services)

    assert tuple(one.obstacle for one in found) == expected
    assert all("letters-nl" in one.message for one in found)


async def test_the_default_language_without_its_model_is_still_loading() -> None:
    model = ScriptedModel()
    dutch = scripted_on_demand(model.load, name="letters-nl", traits=DUTCH)
    async with run_server(Engines(ScriptedVad(), (dutch,))) as server:
        before = find_hindrances(server.services)
        dutch.load()
        after = find_hindrances(server.services)

    assert before == (Hindrance("loading", "not in memory: letters-nl"),)
    assert after == ()

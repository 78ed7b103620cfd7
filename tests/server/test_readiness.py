from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from scribewire.engines.engines import Engines
from scribewire.runtime.admission import MOST_ROOM
from scribewire.server.readiness import (
    Hindrance,
    Outlook,
    count_room,
    find_hindrances,
    look_out,
    looking_often,
)
from scribewire.server.vacancy import Vacancy
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad

DUTCH = replace(SCRIPTED_TRAITS, languages=frozenset({"nl"}))


async def test_where_no_place_is_left_the_server_is_busy() -> None:
    async with run_server(max_sessions=1) as server, server.dial():
        found = find_hindrances(server.services)

    assert found == (Hindrance("busy", "no place is left"),)


async def test_room_and_reasons_are_of_one_look() -> None:
    async with run_server(max_sessions=2) as server, server.dial():
        one_left = look_out(server.services)
        async with server.dial():
            none_left = look_out(server.services)

    assert one_left == Outlook(1, ())
    assert none_left == Outlook(0, (Hindrance("busy", "no place is left"),))


async def test_while_the_engine_process_is_away_no_session_should_come() -> None:
    @dataclass(frozen=True, slots=True)
    class Away(Engines):
        @property
        def why_away(self) -> str | None:
            return "the engine process at /run/scribewire/socket has gone"

    engine = ScriptedEngine()
    async with run_server(Away(ScriptedVad(), (engine,))) as server:
        found = find_hindrances(server.services)

    assert found[0] == Hindrance("away", "the models cannot be asked at this moment")
    assert count_room(server.services) == 0


async def test_a_place_that_is_given_back_makes_it_ready_again_after_a_while() -> None:
    now = 0.0
    async with run_server(max_sessions=1) as server:
        services = replace(server.services, vacancy=Vacancy(lambda: now))
        speech = services.engines.speech[0]
        with services.admission.session(speech=speech):
            assert find_hindrances(services)

        assert find_hindrances(services) == (Hindrance("busy", "no place was left a moment ago"),)
        now = 3.0
        assert find_hindrances(services) == ()


async def test_a_server_looks_by_itself_whether_it_has_room() -> None:
    async with run_server(max_sessions=1) as server:
        asked: list[float] = []

        def now() -> float:
            asked.append(0.0)
            return 0.0

        watched = replace(server.services, vacancy=Vacancy(now))
        with watched.admission.session(speech=watched.engines.speech[0]):
            find_hindrances(watched)
        async with looking_often(watched), asyncio.timeout(20):
            while not asked:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0)


@pytest.mark.parametrize(("most", "expected"), [(None, MOST_ROOM), (3, 2)])
async def test_room_is_counted_up_to_a_thousand(most: int | None, expected: int) -> None:
    async with run_server(max_sessions=most) as server:
        with server.services.admission.session(speech=server.services.engines.speech[0]):
            assert count_room(server.services) == expected


async def test_who_goes_down_has_no_room_and_tells_so_alone() -> None:
    async with run_server(max_sessions=1) as server:
        server.services.draining.begin()

        assert count_room(server.services) == 0
        assert [one.obstacle for one in find_hindrances(server.services)] == ["draining"]


@pytest.mark.parametrize(("preload", "expected"), [(False, ()), (True, ("loading",))])
async def test_what_is_loaded_at_the_start_has_to_be_in_memory(
    *, preload: bool, expected: tuple[str, ...]
) -> None:
    dutch = scripted_on_demand(ScriptedModel().load, name="letters-nl", traits=DUTCH)
    engines = Engines(ScriptedVad(), (ScriptedEngine(), dutch))
    async with run_server(engines, preload=preload) as server:
        found = find_hindrances(server.services)

    assert tuple(one.obstacle for one in found) == expected
    assert not any("letters-nl" in one.message for one in found)


async def test_the_default_language_without_its_model_is_still_loading() -> None:
    model = ScriptedModel()
    dutch = scripted_on_demand(model.load, name="letters-nl", traits=DUTCH)
    async with run_server(Engines(ScriptedVad(), (dutch,))) as server:
        before = find_hindrances(server.services)
        dutch.load()
        after = find_hindrances(server.services)

    assert before == (Hindrance("loading", "a model that is loaded at the start is not in memory"),)
    assert after == ()

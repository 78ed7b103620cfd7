from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from scribewire.audio.pcm import encode_pcm
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.transcribers import (
    Transcriber,
    transcribing_here,
    transcribing_there,
)
from scribewire.engines.engines import Engines
from scribewire.protocol.results import PartialResult, ResultMessage
from scribewire.settings import Settings
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import KEYS, RunningServer, run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad, draw_speech
from scribewire.wishes import Wishes
from tests.parts.cutting_proxy import Cut, run_cutting_proxy

PICTURE = "....aaaaaaaabbbbbbbb" + "." * 30 + "cccccccccc" + "." * 30
PCM = encode_pcm(draw_speech(PICTURE))

WISHES = [
    Wishes(partials=False),
    Wishes(partials=False, mode="quality", language="en"),
    Wishes(partials=False, endpointing_ms=2000),
]


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with run_server() as running:
        yield running


def scripted() -> Engines:
    return Engines(ScriptedVad(), (ScriptedEngine(),))


async def results_of(transcriber: Transcriber, pcm: bytes = PCM) -> list[ResultMessage]:
    await transcriber.send_audio(pcm)
    await transcriber.stop()
    return [result async for result in transcriber.results()]


async def test_finals_tell_what_was_said_and_how_far_it_was_heard() -> None:
    async with transcribing_here(Wishes(partials=False), scripted(), Settings()) as transcriber:
        finals = await results_of(transcriber)

    assert [(final.text, final.offset_ms) for final in finals] == [
        ("aaaaaaaabbbbbbbb", 1056),
        ("cccccccccc", 2336),
    ]


@pytest.mark.parametrize("wishes", WISHES)
async def test_here_and_there_give_the_same_finals(server: RunningServer, wishes: Wishes) -> None:
    async with transcribing_here(wishes, scripted(), Settings()) as transcriber:
        here = await results_of(transcriber)
    async with transcribing_there(wishes, server=server.address.url, key=KEYS[0]) as transcriber:
        there = await results_of(transcriber)

    assert here
    assert here == there


async def test_numbers_are_digits_here_and_there_where_that_was_asked_for(
    server: RunningServer,
) -> None:
    wishes = Wishes(partials=False, digits=True)
    pcm = encode_pcm(draw_speech("twenty one dollars"))

    for opening in (
        transcribing_here(wishes, scripted(), Settings()),
        transcribing_there(wishes, server=server.address.url, key=KEYS[0]),
    ):
        async with opening as transcriber:
            assert [result.text for result in await results_of(transcriber, pcm)] == ["21 dollars"]


async def test_partials_come_when_they_are_wished_for(server: RunningServer) -> None:
    wishes = Wishes(partials=True)
    still_speaking = encode_pcm(draw_speech("...." + "a" * 40))

    for opening in (
        transcribing_here(wishes, scripted(), Settings()),
        transcribing_there(wishes, server=server.address.url, key=KEYS[0]),
    ):
        async with opening as transcriber:
            await transcriber.send_audio(still_speaking)
            assert isinstance(await anext(transcriber.results()), PartialResult)


async def test_a_transcriber_may_be_left_before_its_end(server: RunningServer) -> None:
    for opening in (
        transcribing_here(Wishes(partials=False), scripted(), Settings()),
        transcribing_there(Wishes(partials=False), server=server.address.url, key=KEYS[0]),
    ):
        async with opening as transcriber:
            await transcriber.send_audio(PCM)


@pytest.mark.slow
async def test_a_connection_that_is_lost_is_told_in_one_line_and_loses_nothing(
    server: RunningServer,
) -> None:
    told: list[str] = []
    plans = [Cut(at_words=b'"number":1'), Cut(is_at_accept=True)]
    async with run_cutting_proxy(server.address.port, plans) as proxy:
        address = f"ws://127.0.0.1:{proxy.port}"
        wishes = Wishes(partials=False)
        async with transcribing_there(wishes, server=address, key=KEYS[0]) as transcriber:
            transcriber.tell_with(told.append)
            finals = await results_of(transcriber)

    assert [final.text for final in finals] == ["aaaaaaaabbbbbbbb", "cccccccccc"]
    assert told == ["connection lost; coming back"]


async def test_here_nothing_is_told() -> None:
    told: list[str] = []
    async with transcribing_here(Wishes(partials=False), scripted(), Settings()) as transcriber:
        transcriber.tell_with(told.append)
        await results_of(transcriber)

    assert told == []


async def test_a_language_without_a_model_is_told_with_what_there_is(
    server: RunningServer,
) -> None:
    wishes = Wishes(language="nl")

    with pytest.raises(CommandFault, match="language nl: no model on this machine; available: en"):
        async with transcribing_here(wishes, scripted(), Settings()):
            pass
    with pytest.raises(CommandFault, match="language nl: no model on this server") as caught:
        async with transcribing_there(
            wishes, server=server.address.url, key=KEYS[0]
        ) as transcriber:
            await results_of(transcriber)

    assert caught.value.code is ExitCode.FAILED


async def test_what_is_not_installed_is_told_with_what_to_do_where_it_was_wished_for() -> None:
    engines = replace(scripted(), missing=("model letters-nl: not installed; pip install letters",))

    with pytest.raises(CommandFault, match=r"available: en; model letters-nl: .*pip install let"):
        async with transcribing_here(Wishes(language="nl"), engines, Settings()):
            pass


async def test_the_model_that_is_needed_is_loaded_before_the_first_decode_and_no_other() -> None:
    english, dutch = ScriptedModel(), ScriptedModel()
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"nl"}))
    speech = (
        scripted_on_demand(english.load),
        scripted_on_demand(dutch.load, name="letters-nl", traits=traits),
    )

    engines = Engines(ScriptedVad(), speech)
    wishes = Wishes(language="nl", partials=False)
    async with transcribing_here(wishes, engines, Settings()) as transcriber:
        assert [result.text for result in await results_of(transcriber)] == [
            "aaaaaaaabbbbbbbb",
            "cccccccccc",
        ]

    assert (english.loads, dutch.loads) == (0, 1)


async def test_a_language_is_found_out_here_only_where_an_engine_can() -> None:
    wishes, telling = Wishes(language="auto", partials=False), ScriptedEngine()
    known = frozenset({"en", "nl"})
    telling.traits = replace(telling.traits, languages=known, tells_language=True)

    with pytest.raises(CommandFault, match="no model on this machine finds out which one"):
        async with transcribing_here(wishes, scripted(), Settings()):
            pass
    engines = Engines(ScriptedVad(), (ScriptedEngine(), telling))
    async with transcribing_here(wishes, engines, Settings()) as transcriber:
        await results_of(transcriber)

    assert telling.requests


async def test_a_refused_key_has_its_own_exit_code(server: RunningServer) -> None:
    with pytest.raises(CommandFault, match="unknown token") as caught:
        async with transcribing_there(
            Wishes(partials=False), server=server.address.url, key="key-9"
        ):
            pass

    assert caught.value.code is ExitCode.KEY_REFUSED


async def test_an_unreachable_server_has_its_own_exit_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    with pytest.raises(CommandFault, match="cannot reach") as caught:
        async with transcribing_there(
            Wishes(partials=False), server=f"ws://127.0.0.1:{port}", key="key-1"
        ):
            pass

    assert caught.value.code is ExitCode.UNREACHABLE


async def test_an_address_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(CommandFault, match="expected ws://host") as caught:
        async with transcribing_there(Wishes(partials=False), server="ws://", key="key-1"):
            pass

    assert caught.value.code is ExitCode.USAGE

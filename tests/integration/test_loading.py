"""Models that are loaded while sessions wait for them, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from scribewire.engines.engines import Engines
from scribewire.errors import ModelFault, ServerFault
from scribewire.recognition.requests import DecodeRequest
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedVad,
    draw_pcm,
    draw_speech,
)
from tests.parts.raw_origin import ok, run_raw_origin
from tests.parts.wav import wav

START, STOP = '{"action":"start"}', '{"action":"stop"}'
HALLO = "." * 10 + "hallo" * 3 + "." * 20
DUTCH = "/v2/realtime?token=key-1&language=nl"
ENGLISH = "/v2/realtime?token=key-1&language=en"


@pytest.fixture
def dutch() -> Iterator[ScriptedModel]:
    """A model that is loaded when the test lets it."""
    model = ScriptedModel(is_open=False)
    yield model
    model.let_load()


def both(dutch: ScriptedModel) -> Engines:
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"nl"}))
    speech = (ScriptedEngine(), scripted_on_demand(dutch.load, name="letters-nl", traits=traits))
    return Engines(ScriptedVad(), speech)


@pytest.fixture
async def server(dutch: ScriptedModel) -> AsyncIterator[RunningServer]:
    """English is there at once, Dutch is loaded when somebody speaks it."""
    async with run_server(both(dutch)) as running:
        yield running
        dutch.let_load()  # the server waits for it when it ends


def states(dialogue: RawClient) -> list[str]:
    return [message["state"] for message in dialogue.messages if "state" in message]


async def until(dialogue: RawClient, key: str, value: object = None) -> dict[str, Any]:
    """Read up to the first message with this key, and this value if one is given."""
    while True:
        message = await dialogue.next()
        if key in message and value in (None, message[key]):
            return message


@pytest.mark.slow
async def test_sessions_that_ask_at_once_wait_for_one_load_and_lose_nothing(
    server: RunningServer, dutch: ScriptedModel
) -> None:
    async with server.dial(DUTCH) as one, server.dial(DUTCH) as other:
        for dialogue in (one, other):
            await dialogue.send(START, draw_pcm(HALLO * 2), STOP)
        for dialogue in (one, other):
            assert await dialogue.next() == {"state": "loading"}

        dutch.let_load()

        assert [await one.until_closed(), await other.until_closed()] == [1000, 1000]
    assert dutch.loads == 1
    for dialogue in (one, other):
        assert states(dialogue) == ["loading", "listening", "stopped"]
        assert dialogue.finals == ["hallo" * 3] * 2


@pytest.mark.slow
async def test_more_audio_than_is_taken_while_the_model_is_loaded_waits_on_its_way(
    server: RunningServer, dutch: ScriptedModel
) -> None:
    pcm = draw_pcm(HALLO * 40)
    async with server.dial(DUTCH) as dialogue:
        await dialogue.send(START)
        await until(dialogue, "state", "loading")
        pieces = [pcm[at : at + 3200] for at in range(0, len(pcm), 3200)]
        sending = asyncio.create_task(dialogue.send(*pieces, STOP))
        dutch.let_load()
        await sending
        assert await dialogue.until_closed() == 1000

    assert dialogue.finals == ["hallo" * 3] * 40


@pytest.mark.slow
async def test_who_comes_later_does_not_wait(server: RunningServer, dutch: ScriptedModel) -> None:
    dutch.let_load()
    async with server.dial(DUTCH) as first:
        await first.send(START)
        await until(first, "state", "listening")
        async with server.dial(DUTCH) as second:
            await second.send(START)
            assert (await second.next())["state"] == "listening"

    assert dutch.loads == 1


@pytest.mark.slow
async def test_other_languages_are_heard_while_a_model_is_loaded(
    server: RunningServer, dutch: ScriptedModel
) -> None:
    async with server.dial(DUTCH) as waiting, server.dial(ENGLISH) as dialogue:
        await waiting.send(START)
        await until(waiting, "state", "loading")

        await dialogue.send(START, draw_pcm(HALLO), STOP)

        assert await dialogue.until_closed() == 1000
        assert dialogue.finals == ["hallo" * 3]
        assert dutch.loaded == []


@pytest.mark.slow
async def test_a_load_that_fails_is_told_in_words_and_the_next_session_tries_anew(
    server: RunningServer, dutch: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    dutch.faults = [ModelFault("model file /secret/letters.bin: no such file")]
    async with server.dial(DUTCH) as failing, server.dial(DUTCH) as other:
        for dialogue in (failing, other):
            await dialogue.send(START, draw_pcm(HALLO))
            await until(dialogue, "state", "loading")
        dutch.let_load()
        assert [await failing.until_closed(), await other.until_closed()] == [1011, 1011]

    assert caplog.text.count("no such file") == 1  # however many waited
    assert caplog.text.count("! its model cannot be loaded") == 2
    assert len(failing.errors) == 1
    assert "the model of this session cannot be loaded" in failing.errors[0]
    assert "secret" not in failing.errors[0]
    async with server.dial(DUTCH) as again:
        await again.send(START, draw_pcm(HALLO), STOP)
        assert await again.until_closed() == 1000
    assert again.finals == ["hallo" * 3]
    assert dutch.loads == 2


@pytest.mark.slow
async def test_a_client_that_leaves_meanwhile_takes_nothing_along(
    server: RunningServer, dutch: ScriptedModel
) -> None:
    async with server.dial(DUTCH) as staying:
        await staying.send(START, draw_pcm(HALLO))
        await until(staying, "state", "loading")
        (known,) = server.services.attachments
        async with server.dial(DUTCH) as leaving:
            await leaving.send(START, draw_pcm(HALLO))
            await until(leaving, "state", "loading")
            (gone,) = server.services.attachments - {known}
        await gone.has_ended.wait()

        dutch.let_load()
        await staying.send(STOP)
        assert await staying.until_closed() == 1000

    assert (dutch.loads, staying.finals) == (1, ["hallo" * 3])


async def test_a_session_that_ends_without_audio_does_not_wait(
    server: RunningServer, dutch: ScriptedModel
) -> None:
    async with server.dial(DUTCH) as dialogue:
        await dialogue.send(START, STOP)
        assert await dialogue.until_closed() == 1000

    assert states(dialogue) == ["loading", "stopped"]
    assert dutch.loaded == []


@pytest.mark.slow
async def test_a_source_is_read_while_the_model_is_loaded(dutch: ScriptedModel) -> None:
    async with (
        run_raw_origin(ok(wav(draw_pcm("." * 70 + HALLO)))) as source,
        run_server(both(dutch), named_source="http://127.0.0.1") as server,
        server.dial(f"/v2/client/key-1?url={quote(source.url('/'), safe='')}&language=nl") as one,
    ):
        await until(one, "state", "listening")  # in the time that a source has for it
        await until(one, "state", "loading")
        dutch.let_load()
        assert await one.until_closed() == 1000

    assert states(one) == ["loading", "listening", "loading", "listening", "stopped"]
    assert one.finals == ["hallo" * 3]


@pytest.mark.slow
async def test_a_server_that_ends_meanwhile_still_gives_the_finals(dutch: ScriptedModel) -> None:
    context = run_server(both(dutch))
    server = await context.__aenter__()
    async with server.dial(DUTCH) as dialogue:
        await dialogue.send(START, draw_pcm(HALLO))
        await until(dialogue, "state", "loading")
        ending = asyncio.create_task(context.__aexit__(None, None, None))
        await until(dialogue, "state", "shutting_down")
        dutch.let_load()
        assert await dialogue.until_closed() == 1012
        await ending

    assert dialogue.finals == ["hallo" * 3]


@pytest.mark.slow
async def test_a_server_that_ends_does_not_wait_for_ever_for_a_model(dutch: ScriptedModel) -> None:
    context = run_server(engines := both(dutch), drain_timeout_ms=0)
    server = await context.__aenter__()
    async with server.dial(DUTCH) as dialogue:
        await dialogue.send(START, draw_pcm(HALLO))
        await until(dialogue, "state", "loading")
        ending = asyncio.create_task(context.__aexit__(None, None, None))
        assert await dialogue.until_closed() == 1012
        engines.close()
        dutch.let_load()
        await ending

    (loaded,) = dutch.loaded
    with pytest.raises(ServerFault, match="closed"):
        loaded.decode(
            DecodeRequest(utterance=0, samples=draw_speech("a"), end_sample=512, is_required=True)
        )


async def test_who_comes_back_to_another_process_waits_for_its_model_there(
    dutch: ScriptedModel, tmp_path: Path
) -> None:
    asking, pcm = f"{DUTCH}&resume=true", draw_pcm(HALLO * 2)
    first = ScriptedModel()
    async with run_server(both(first), journal=tmp_path) as before, before.dial(asking) as lost:
        await lost.send(START)
        listening = await until(lost, "state", "listening")
        await lost.send(pcm[: len(pcm) // 2])
        await until(lost, "number", 1)
        before.services.draining.hurry()
        assert await lost.until_closed() == 1012
    path = f"{asking}&session={listening['session_id']}&epoch={listening['epoch']}&finals=0"
    async with run_server(both(dutch), journal=tmp_path) as after, after.dial(path) as back:
        await back.send(START)
        assert await back.next() == {"state": "loading"}
        dutch.let_load()
        listening = await until(back, "state", "listening")
        await back.send(pcm[listening["received_bytes"] :], STOP)
        assert await back.until_closed() == 1000

    assert [one for one in states(back) if one != "received"] == ["loading", "listening", "stopped"]
    assert back.finals == ["hallo" * 3] * 2

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm

START, STOP = '{"action":"start"}', '{"action":"stop"}'
PAUSE = "." * 30  # ends an utterance


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with run_server() as running:
        yield running


async def test_a_session_goes_on_while_the_server_drains_and_then_it_has_ended(
    server: RunningServer,
) -> None:
    draining = server.services.draining
    async with server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("..hello" + PAUSE))
        while not dialogue.finals:
            await dialogue.next()
        at = draining.begin()
        while dialogue.messages[-1] != {"state": "shutting_down", "at": at}:
            await dialogue.next()
        await dialogue.send(draw_pcm("world" + PAUSE))
        while len(dialogue.finals) < 2:
            await dialogue.next()
        assert not draining.has_ended.is_set()
        await dialogue.send(draw_pcm("end"), STOP)

        assert await dialogue.until_closed() == 1000
    await draining.has_ended.wait()

    assert dialogue.finals == ["hello", "world", "end"]
    assert dialogue.texts[-1] == '{"state":"stopped"}'


@pytest.mark.slow
async def test_who_stays_gets_the_finals_before_the_time_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    async with run_server(drain_timeout_ms=1_500) as server, server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("..hello"))
        await dialogue.next()
        began_at = asyncio.get_running_loop().time()
        server.services.draining.begin()

        assert await dialogue.until_closed() == 1012
        took_s = asyncio.get_running_loop().time() - began_at
        await server.services.draining.has_ended.wait()

    assert dialogue.finals == ["hello"]
    assert dialogue.texts[-1] == '{"state":"stopped"}'
    assert took_s >= 1.0  # two thirds of the time
    assert "= draining: 1 sessions go on for 1 s at most" in caplog.text
    assert "did not end in time" not in caplog.text


async def test_whoever_hurries_it_lets_nobody_go_on(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("..hello"))
        await dialogue.next()
        server.services.draining.begin()
        server.services.draining.hurry()

        assert await dialogue.until_closed() == 1012

    assert dialogue.finals == ["hello"]


async def test_who_has_begun_no_session_begins_none_any_more(server: RunningServer) -> None:
    async with server.dial() as waiting, server.dial("/v2/realtime") as unknown:
        server.services.draining.begin()

        assert [await one.until_closed() for one in (waiting, unknown)] == [1012, 1012]
    with pytest.raises(InvalidStatus, match="503"):
        async with server.dial():
            pass


async def test_without_sessions_it_ends_at_once_and_begins_only_once(
    server: RunningServer,
) -> None:
    draining = server.services.draining

    at = draining.begin()
    await draining.has_ended.wait()

    assert draining.begin() == at

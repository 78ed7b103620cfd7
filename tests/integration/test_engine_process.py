"""Real models in an engine process: what a server says with it, and what becomes of one killed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scribewire.engines.engines import Engines
from scribewire.models.cache import ModelCache
from scribewire.runtime.shared_engine.engines import SharedEngines, shared_engines
from scribewire.runtime.shared_engine.link import EngineLink
from scribewire.server.readiness import find_hindrances
from scribewire.settings import Settings
from scribewire.testing.running import RunningServer, run_server
from tests.parts.engine_hosts import socket_path, wait_for
from tests.parts.programs import Program

START, STOP = '{"action":"start"}', '{"action":"stop"}'
ENGLISH = Settings(languages=("en",))


@asynccontextmanager
async def engine_process(path: Path, log: Path) -> AsyncIterator[Program]:
    """Run one in English, whatever else is installed."""
    command = (sys.executable, "-m", "scribewire", "engine", "--socket", str(path))
    program = await Program.start((*command, "--languages", "en"), log)

    async def listens() -> bool:
        return f"listening: {path}" in program.said()

    try:
        await program.wait_until(listens)
        yield program
    finally:
        await program.end()


async def hear(server: RunningServer, pcm: bytes) -> list[str]:
    """Return the messages of all finals, as they came."""
    async with server.dial() as client:
        await client.send(START)
        for at in range(0, len(pcm), 32_000):
            await client.send(pcm[at : at + 32_000])
        await client.send(STOP)
        await client.until_closed()
        return [text for text in client.texts if '"is_final":true' in text.replace(" ", "")]


def connect(path: Path, *, return_patience_s: float = 0.0) -> SharedEngines:
    link = EngineLink(path, return_patience_s=return_patience_s)
    return shared_engines(ENGLISH, ModelCache(), link)


async def hear_nothing(server: RunningServer, pcm: bytes) -> None:
    """Check that a session ends with an error, and says nothing that it has not heard."""
    async with server.dial() as client:
        await client.send(START, pcm, STOP)
        await client.until_closed()
    assert client.finals == []
    assert client.errors


@asynccontextmanager
async def two_servers(
    engines: SharedEngines, path: Path
) -> AsyncIterator[tuple[RunningServer, RunningServer]]:
    async with (
        run_server(engines, engine_socket=path) as server,
        run_server(engines, engine_socket=path) as other,
    ):
        yield server, other


@pytest.mark.slow
async def test_finals_are_the_same_byte_for_byte_and_a_killed_process_comes_back(
    engines: Engines, speech: bytes, tmp_path: Path
) -> None:
    async with run_server(engines) as server:
        expected = await hear(server, speech)
    assert len(expected) > 1

    with socket_path() as path:
        async with engine_process(path, tmp_path / "first.log") as first:
            shared = await asyncio.to_thread(connect, path)
            async with two_servers(shared, path) as (server, other):
                both = list(await asyncio.gather(hear(server, speech), hear(other, speech)))
                ready = find_hindrances(server.services)
                await first.kill()
                await asyncio.to_thread(wait_for, lambda: shared.why_away is not None)
                reasons = [one.obstacle for one in find_hindrances(server.services)]
                await hear_nothing(server, speech[:160_000])
                again = await hear_again(server, shared, path, speech)
        shared.close()

    assert both == [expected, expected]
    assert ready == ()
    assert "away" in reasons
    assert again == expected


async def hear_again(
    server: RunningServer, shared: SharedEngines, path: Path, pcm: bytes
) -> list[str]:
    """Start another engine process, and return what the server hears with it."""
    async with engine_process(path, path.parent.parent / "log") as second:
        await asyncio.to_thread(wait_for, lambda: shared.why_away is None)
        finals = await hear(server, pcm)
        await second.end()
        assert not second.has_crashed
        assert "= a server has come: 1" in second.said()
    return finals


@pytest.mark.slow
async def test_a_session_outlives_its_engine_process_if_the_next_is_there_soon(
    engines: Engines, speech: bytes, tmp_path: Path
) -> None:
    async with run_server(engines) as server:
        expected = await hear(server, speech)

    with socket_path() as path:
        async with engine_process(path, tmp_path / "first.log") as first:
            shared = await asyncio.to_thread(connect, path, return_patience_s=120.0)
            async with run_server(shared, engine_socket=path) as server:
                finals = await hear_across(server, first, path, speech)
        shared.close()

    assert finals == expected


async def hear_across(server: RunningServer, first: Program, path: Path, pcm: bytes) -> list[str]:
    """Return all finals of a session in the midst of which the engine process is killed."""
    async with server.dial() as client:
        await client.send(START, pcm, STOP)
        while not client.finals:  # the others are under way then, or wait
            await client.next()
        await first.kill()
        async with engine_process(path, path.parent.parent / "second.log"):
            await client.until_closed()
    assert client.errors == []
    return [text for text in client.texts if '"is_final":true' in text.replace(" ", "")]

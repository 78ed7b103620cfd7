"""A server that is told to end under many live sessions: nobody loses a word."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scribewire.client import FinalResult, Message, ShuttingDown
from scribewire.client import connect as open_session
from scribewire.testing.scripted import draw_pcm
from tests.parts.plain_http import ask

ROOT = Path(__file__).parents[2]
KEY = "key-1"
SESSIONS = 16
START, STOP = '{"action":"start"}', '{"action":"stop"}'
PAUSE = "." * 30  # ends an utterance

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def serving(drain_timeout_ms: int) -> AsyncIterator[tuple[Process, str]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.parts.scripted_server"),
        stdout=PIPE,
        stderr=PIPE,
        cwd=ROOT,
        env={
            **os.environ,
            "SCRIBEWIRE_PORT": "0",
            "SCRIBEWIRE_KEYS": KEY,
            "SCRIBEWIRE_MAX_FINAL_LATENCY_MS": "0",
            "SCRIBEWIRE_DRAIN_TIMEOUT_MS": str(drain_timeout_ms),
        },
    )
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Speaker:
    """A client with a live session, in the middle of an utterance."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self.messages: list[dict[str, Any]] = []

    async def begin(self) -> None:
        await self.websocket.send(START)
        await self.websocket.send(draw_pcm("..good" + PAUSE + "morn"))
        await self.until(lambda: bool(self.finals))

    async def until(self, happens: Callable[[], bool]) -> None:
        while not happens():
            self.messages.append(json.loads(await self.websocket.recv()))

    async def until_told(self) -> int:
        """Return when the server cuts off, in Unix seconds."""
        await self.until(lambda: "shutting_down" in self.states)
        at: int = next(one["at"] for one in self.messages if "at" in one)
        return at

    async def until_closed(self) -> int | None:
        with contextlib.suppress(ConnectionClosed):
            await self.until(lambda: False)
        return self.websocket.close_code

    @property
    def finals(self) -> list[str]:
        return [one["text"] for one in self.messages if one.get("is_final")]

    @property
    def states(self) -> list[str]:
        return [one["state"] for one in self.messages if "state" in one]


@contextlib.asynccontextmanager
async def speaking(url: str, count: int) -> AsyncIterator[list[Speaker]]:
    async with contextlib.AsyncExitStack() as stack:
        opening = (connect(f"{url}/v2/realtime?token={KEY}", proxy=None) for _ in range(count))
        speakers = [Speaker(await stack.enter_async_context(one)) for one in opening]
        await asyncio.gather(*(one.begin() for one in speakers))
        yield speakers


async def test_sigterm_under_live_sessions_loses_no_final_and_closes_each_rightly() -> None:
    async with serving(6_000) as (process, url), speaking(url, SESSIONS) as speakers:
        process.send_signal(signal.SIGTERM)
        asked_at = time.time()
        told = await asyncio.gather(*(one.until_told() for one in speakers))
        port = int(url.rpartition(":")[2])
        ready, health = await ask(port, "/readyz"), await ask(port, "/healthz")
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/v2/realtime?token={KEY}", proxy=None)
        for one in speakers:  # all go on
            await one.websocket.send(draw_pcm("ing" + PAUSE + "all"))
        leaving, staying = speakers[: SESSIONS // 2], speakers[SESSIONS // 2 :]
        for one in leaving:
            await one.websocket.send(STOP)
        codes = await asyncio.gather(*(one.until_closed() for one in speakers))
        ended_at = time.time()
        _, log = await process.communicate()

    assert all(asked_at + 5 < at <= asked_at + 8 for at in told)
    assert (ready.status, health.status) == (503, 200)
    assert [one["reason"] for one in json.loads(ready.body)["reasons"]] == ["draining"]
    assert json.loads(health.body)["status"] == "draining"
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "5"
    assert codes == [1000] * len(leaving) + [1012] * len(staying)
    for one in speakers:
        assert one.finals == ["good", "morning", "all"]
        assert one.states == ["listening", "shutting_down", "stopped"]
    assert ended_at < min(told)  # before the cut-off
    assert process.returncode == 0
    assert b"did not end in time" not in log


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_while_sessions_go_on_cuts_them_off(second: signal.Signals) -> None:
    async with serving(60_000) as (process, url), speaking(url, 2) as speakers:
        process.send_signal(signal.SIGTERM)
        for one in speakers:
            await one.until_told()
        process.send_signal(second)
        codes = [await one.until_closed() for one in speakers]
        await process.communicate()

    assert codes == [1012, 1012]
    for one in speakers:
        assert one.states == ["listening", "shutting_down", "shutting_down"]
    assert process.returncode == 128 + second


async def caption(first: str, second: str, live: asyncio.Barrier) -> list[str]:
    """Speak to a server, and to another one from when the first says that it goes down."""
    async with open_session(first, key=KEY) as session:
        await session.send_audio(draw_pcm("..good" + PAUSE + "morn"))
        said = [""]
        while not said[-1]:
            said.append(text_of(await anext(session)))
        await live.wait()
        while not isinstance(await anext(session), ShuttingDown):
            pass  # partials
        async with open_session(second, key=KEY) as following:
            await following.send_audio(draw_pcm("ing" + PAUSE + "all"))
            await session.stop()
            said += [text_of(one) async for one in session]
            await following.stop()
            said += [text_of(one) async for one in following]
    return [text for text in said if text]


def text_of(message: Message) -> str:
    return message.text if isinstance(message, FinalResult) else ""


async def test_clients_that_move_when_they_are_told_lose_no_word() -> None:
    live = asyncio.Barrier(SESSIONS + 1)
    async with serving(30_000) as (process, first), serving(30_000) as (_, second):
        captioning = [asyncio.create_task(caption(first, second, live)) for _ in range(SESSIONS)]
        await live.wait()
        process.send_signal(signal.SIGTERM)
        captions = await asyncio.gather(*captioning)
        await process.communicate()  # as soon as nobody is left

    assert captions == [["good", "morn", "ing", "all"]] * SESSIONS
    assert process.returncode == 0


async def test_ctrl_c_lets_nobody_go_on() -> None:
    async with serving(60_000) as (process, url), speaking(url, 2) as speakers:
        process.send_signal(signal.SIGINT)
        codes = [await one.until_closed() for one in speakers]
        await process.communicate()

    assert codes == [1012, 1012]
    assert [one.finals for one in speakers] == [["good", "morn"]] * 2
    assert process.returncode == 0

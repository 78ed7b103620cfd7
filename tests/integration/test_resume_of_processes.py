"""Processes of a cluster that are killed, or stand still: a session has one owner, whatever is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect

from scribewire.testing.running import RawClient, RunningServer
from tests.integration.test_resume import (
    ASKING,
    PATIENCE_S,
    PIECE_BYTES,
    STOP,
    finals_of,
    listened,
    numbers_of,
    path_back,
    undisturbed,
)
from tests.parts.clustered import WHOLE, hear_rest, send_pieces, until_finals

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.parts.nats_server import NatsServer

pytestmark = pytest.mark.slow


class ServerProcess:
    """`scribewire serve` that hears what tests draw, in a process of its own."""

    def __init__(self, process: Process, url: str, log: Path) -> None:
        self.process, self.url, self._log = process, url, log

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    async def until_said(self, words: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while words not in self._log.read_text():  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def dial(self, path: str) -> AsyncIterator[RawClient]:
        async with connect(self.url + path, proxy=None, close_timeout=0.1) as websocket:
            yield RawClient(websocket)


@contextlib.asynccontextmanager
async def run_process(nats: NatsServer, log: Path) -> AsyncIterator[ServerProcess]:
    environment = {
        "PATH": os.environ["PATH"],
        "SCRIBEWIRE_KEYS": "key-1",
        "SCRIBEWIRE_PORT": "0",
        "SCRIBEWIRE_CLUSTER": nats.url,
        "SCRIBEWIRE_MAX_FINAL_LATENCY_MS": "0",
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.parts.scripted_server"),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=output,
            env=environment,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            url = (await process.stdout.readline()).decode().strip()
        yield ServerProcess(process, url, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_killed_one_is_followed_by_another_without_a_final_twice(
    nats: NatsServer, tmp_path: Path, second: RunningServer
) -> None:
    expected = await undisturbed(second, WHOLE)
    for count in (1, 2, 3):
        async with run_process(nats, tmp_path / "log") as first, first.dial(ASKING) as client:
            listening = await listened(client)
            sending = asyncio.create_task(send_pieces(client, WHOLE))
            await until_finals(client, count)
            first.send_signal(signal.SIGKILL)
            await client.until_closed()
            await asyncio.gather(sending, return_exceptions=True)
        told = finals_of(client)
        _, rest = await hear_rest(second, path_back(listening, len(told)), WHOLE)

        assert told + rest == expected
        assert numbers_of(told + rest) == [1, 2, 3, 4]


async def test_one_that_stood_still_tells_nothing_of_what_another_has_gone_on_with(
    nats: NatsServer, tmp_path: Path, second: RunningServer
) -> None:
    expected = await undisturbed(second, WHOLE)
    async with run_process(nats, tmp_path / "log") as first, first.dial(ASKING) as client:
        listening = await listened(client)
        await send_pieces(client, WHOLE[:70_000])
        await until_finals(client, 2)  # all that there are
        first.send_signal(signal.SIGSTOP)
        for start in range(70_000, len(WHOLE), PIECE_BYTES):
            await client.send(WHOLE[start : start + PIECE_BYTES])
        await client.send(STOP)
        told = finals_of(client)
        _, rest = await hear_rest(second, path_back(listening, len(told)), WHOLE)
        assert told + rest == expected
        first.send_signal(signal.SIGCONT)
        assert await client.until_closed() in (1006, 4409)
        await first.until_said("goes on at another server")

    assert finals_of(client) == told

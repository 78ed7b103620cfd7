"""The journal of a real server process: killed, on a full disk, and read meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from scribewire.journal.reader import read_session, read_sessions
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.full_disk import fill, small_disk

KEY: Final = "a-key-of-the-test"
START, STOP = '{"action":"start"}', '{"action":"stop"}'
UTTERANCE: Final = draw_pcm("..hello" + "." * 25)
SESSIONS: Final = 8
PATIENCE_S: Final = 60.0


@asynccontextmanager
async def serving(journal: Path) -> AsyncIterator[tuple[Process, str]]:
    environment = {
        "PATH": os.environ["PATH"],
        "SCRIBEWIRE_KEYS": KEY,
        "SCRIBEWIRE_PORT": "0",
        "SCRIBEWIRE_JOURNAL": str(journal),
        "SCRIBEWIRE_MAX_FINAL_LATENCY_MS": "0",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.parts.scripted_server"),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


async def talk_until_cut(url: str, told: list[dict[str, object]]) -> None:
    """Speak, and note all that comes until the server is gone."""
    async with connect(f"{url}/v2/realtime?token={KEY}&resume=true", proxy=None) as websocket:
        client = RawClient(websocket)
        await client.send(START)
        await asyncio.gather(speak(client), hear(client, told))


async def speak(client: RawClient) -> None:
    with suppress(ConnectionClosed):
        while True:
            await client.send(UTTERANCE)


async def hear(client: RawClient, told: list[dict[str, object]]) -> None:
    with suppress(ConnectionClosed):
        while True:
            told.append(await client.next())


def is_up(server: RunningServer) -> bool:
    assert server.services.journal is not None
    return server.services.journal.is_up


def count_finals(told: list[dict[str, object]]) -> int:
    return sum(bool(one.get("is_final")) for one in told)


@pytest.mark.slow
@pytest.mark.parametrize("finals", [1, 7, 25])
async def test_every_final_that_was_told_survives_a_kill(tmp_path: Path, finals: int) -> None:
    journal = tmp_path / "journal"
    told: list[list[dict[str, object]]] = [[] for _ in range(SESSIONS)]
    async with serving(journal) as (process, url):
        talking = [asyncio.create_task(talk_until_cut(url, one)) for one in told]
        while min(map(count_finals, told)) < finals:  # noqa: ASYNC110 - until they are there
            await asyncio.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        await asyncio.gather(*talking)
        await process.communicate()
    async with serving(journal) as (again, _):  # it mends the journal
        again.terminate()
        _, log = await again.communicate()

    assert b"its server ended in the midst of it" in log
    for one in told:
        session_id = str(next(message["session_id"] for message in one if "session_id" in message))
        found = read_session(journal, session_id)
        assert found is not None
        assert (found.state, found.problems, found.missing_finals) == ("cut off", (), 0)
        written = [(final.number, final.final.text) for final in found.finals]
        got = [(message["number"], message["text"]) for message in one if message.get("is_final")]
        assert len(got) >= finals
        assert written[: len(got)] == got
        assert [number for number, _ in written] == list(range(1, len(written) + 1))


@pytest.mark.slow
async def test_a_full_disk_turns_it_off_and_no_session_is_harmed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with (
            run_server(journal=disk / "journal") as server,
            server.dial() as client,
        ):
            await client.send(START, UTTERANCE)
            while not client.finals:
                await client.next()
            assert is_up(server)
            fill(disk)
            before = len(client.finals)
            await client.send(*[UTTERANCE] * 40, STOP)
            assert await client.until_closed() == 1000
            assert not is_up(server)
        contents = read_sessions(disk / "journal")

    assert len(client.finals) == before + 40
    assert client.errors == []
    errors = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert len(errors) == 1
    assert "the journal is off, sessions go on without" in errors[0]
    assert "full" in errors[0]
    (session,) = contents.sessions
    assert [one.number for one in session.finals] == list(range(1, len(session.finals) + 1))
    assert len(session.finals) >= 1


@pytest.mark.slow
async def test_where_the_disk_is_full_from_the_start_the_server_serves(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        fill(disk)
        async with run_server(journal=disk) as server, server.dial() as client:
            await client.send(START, UTTERANCE, STOP)
            assert await client.until_closed() == 1000
            assert not is_up(server)

    assert client.finals == ["hello"]


@pytest.mark.slow
async def test_sessions_are_written_out_while_the_server_runs(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with (
        serving(journal) as (_, url),
        connect(f"{url}/v2/realtime?token={KEY}", proxy=None) as websocket,
    ):
        client = RawClient(websocket)
        await client.send(START, UTTERANCE, UTTERANCE)
        while len(client.finals) < 2:
            await client.next()
        listed = await ask("list", "--journal", str(journal))
        session_id = str(client.messages[0]["session_id"])
        written = await ask("export", session_id, "--journal", str(journal))

    assert session_id in listed
    assert listed.rstrip().endswith("open")
    assert written.split() == ["hello", "hello"]


async def ask(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scribewire", "sessions", *arguments), stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return out.decode()

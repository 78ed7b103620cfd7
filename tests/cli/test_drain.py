from __future__ import annotations

import asyncio
import itertools
import socket
import time
from pathlib import Path

import pytest

from scribewire.cli.app import main
from scribewire.cli.drain import ENDING_S, wait_until_gone
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.remote import RemoteServer
from scribewire.grants import Grant
from scribewire.server.run import LONGEST_END_S
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.raw_origin import head, run_raw_origin

START = '{"action":"start"}'


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(["drain", *arguments])
    return caught.value.code


def no_sleep(_seconds: float) -> None:
    pass


async def admin_key(server: RunningServer) -> str:
    made = await server.services.keys.call(
        lambda books: books.store.create(Grant(name="op", is_admin=True), now=time.time())
    )
    return made.key


def test_it_waits_as_long_as_a_server_may_take() -> None:
    assert ENDING_S >= LONGEST_END_S


@pytest.mark.slow
async def test_a_server_is_drained_and_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    context = run_server(database=f"sqlite:///{tmp_path / 'keys.sqlite3'}")
    server = await context.__aenter__()
    key = await admin_key(server)
    async with server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("..hello"))
        await dialogue.next()
        running = asyncio.create_task(asyncio.to_thread(run, server.address.url, "--key", key))
        await server.services.draining.has_begun.wait()
        await dialogue.send('{"action":"stop"}')
        assert await dialogue.until_closed() == 1000
    await context.__aexit__(None, None, None)
    code = await running

    first, *_, last = capsys.readouterr().out.splitlines()
    assert code == ExitCode.DONE
    assert first.startswith("draining: 1 session is open; at most 3")
    assert last.startswith("gone: nobody answers at 127.0.0.1:")
    assert dialogue.finals == ["hello"]


async def test_it_need_not_wait(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with run_server(database=f"sqlite:///{tmp_path / 'keys.sqlite3'}") as server:
        key = await admin_key(server)
        code = await asyncio.to_thread(run, server.address.url, "--key", key, "--no-wait")

    assert code == ExitCode.DONE
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize("key", ["key-1", "wrong"])
async def test_a_key_that_may_not_is_told_so(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with run_server() as server:
        code = await asyncio.to_thread(run, server.address.url, "--key", key)

    assert code == ExitCode.KEY_REFUSED
    assert "refuses: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "words"),
    [("404 Not Found", "send SIGTERM"), ("500 Server Error", "is it a Scribewire?")],
)
async def test_what_cannot_drain_is_told_so(
    status: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with run_raw_origin(head(status)) as origin:
        code = await asyncio.to_thread(run, origin.url(""), "--key", "key-1")

    assert code == ExitCode.FAILED
    assert words in capsys.readouterr().err


def test_a_server_that_nobody_answers_for_has_gone(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        remote = RemoteServer.at(f"ws://127.0.0.1:{free.getsockname()[1]}", "key-1")

    wait_until_gone(remote, seconds=60, told=0, sleep=no_sleep)

    assert capsys.readouterr().out == f"gone: nobody answers at {remote.name} any more\n"


async def test_one_that_has_been_started_again_has_gone(capsys: pytest.CaptureFixture[str]) -> None:
    async with run_server() as server:
        remote = RemoteServer.at(server.address.url, "key-1")
        await asyncio.to_thread(wait_until_gone, remote, seconds=60, told=0, sleep=no_sleep)

    assert capsys.readouterr().out == f"gone: another server answers at {remote.name} now\n"


async def test_how_many_are_left_is_told_when_it_changes_and_the_wait_has_an_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with run_server() as server, server.dial() as dialogue:
        await dialogue.send(START)
        await dialogue.next()
        server.services.draining.begin()
        remote, seconds = RemoteServer.at(server.address.url, "key-1"), itertools.count()

        with pytest.raises(CommandFault, match="still answers") as caught:
            await asyncio.to_thread(
                wait_until_gone,
                remote,
                seconds=3,
                told=2,
                now=lambda: float(next(seconds)),
                sleep=no_sleep,
            )

    assert caught.value.code is ExitCode.FAILED
    assert capsys.readouterr().out == "draining: 1 session is open\n"

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scribewire.cluster.embedded import EmbeddedNats, find_program, running_nats
from scribewire.errors import ServerFault
from tests.parts.installed import need_part
from tests.parts.programs import find_free_port, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def program() -> None:
    need_part("nats-server")


async def answers(nats: EmbeddedNats, *, token: str | None = None) -> bool:
    """Tell whether it lets in who has a token, its own if none is named."""
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", nats.port)
        try:
            await reader.readline()
            word = f'CONNECT {{"auth_token":"{token or nats.token}","verbose":false}}\r\nPING\r\n'
            writer.write(word.encode())
            return (await reader.readline()).startswith(b"PONG")
        finally:
            writer.close()
    return False


def read_of_process(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text("utf-8")


async def test_it_answers_those_alone_who_were_told_its_secret() -> None:
    async with running_nats() as nats:
        folder = nats.folder
        files = [folder, folder / "nats.conf"]
        modes = [stat.S_IMODE(file.stat().st_mode) for file in files]
        command = read_of_process(nats.pid, "cmdline")
        right, wrong = await answers(nats), await answers(nats, token="guessed")

    assert (right, wrong) == (True, False)
    assert modes == [0o700, 0o600]
    assert nats.token in nats.url
    assert nats.token not in command + repr(nats)
    assert not folder.exists()
    assert not await answers(nats)


async def test_when_it_dies_it_is_started_again_at_the_same_port(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_nats() as nats:
        first = nats.pid
        os.kill(first, signal.SIGKILL)
        await wait_until(
            lambda: answers_from_another(nats, first), what=lambda: "it is not started again"
        )

    assert "NATS has ended with -9: started again in 0.5 s" in caplog.text


async def answers_from_another(nats: EmbeddedNats, first: int) -> bool:
    return nats.pid != first and await answers(nats)


async def test_why_it_does_not_start_is_told(tmp_path: Path) -> None:
    nats = EmbeddedNats(find_program(), tmp_path, find_free_port(), '"')

    with pytest.raises(ServerFault, match="nats-server has ended: "):
        await nats.start()
    await nats.end()


def test_without_the_program_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ServerFault, match=r"scribewire\[cluster\].*--cluster"):
        find_program()


STARTED = """
import asyncio, os, signal
from scribewire.cluster.embedded import running_nats
async def run():
    async with running_nats() as nats:
        print(nats.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(run())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is not told that we have gone")
async def test_it_ends_with_whoever_started_it_even_when_that_is_killed() -> None:
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTED, stdout=subprocess.PIPE
    )
    assert starter.stdout is not None
    pid = int(await starter.stdout.readline())
    starter.kill()
    await starter.wait()

    async def has_gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return "zombie" in read_of_process(pid, "status")

    await wait_until(has_gone, what=lambda: f"{pid} is still there")

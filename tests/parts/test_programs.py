from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from scribewire.errors import ServerFault
from tests.parts.programs import Program, find_free_port, wait_until

# Says that it is there, and stays.
STAYING = "import signal, sys; {}; print('here', flush=True); sys.stdin.close(); signal.pause()"
STUBBORN = STAYING.format("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
WILLING = STAYING.format("pass")


async def start(code: str, folder: Path) -> Program:
    program = await Program.start([sys.executable, "-c", code], folder / "log")

    async def is_here() -> bool:
        return "here" in program.said()

    await program.wait_until(is_here)
    return program


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_program_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    program = await start(WILLING, tmp_path)
    assert is_alive(program.pid)

    await program.end()

    assert program.has_ended
    assert not is_alive(program.pid)
    await program.end()  # once more does no harm


async def test_a_program_that_a_signal_ends_has_crashed(tmp_path: Path) -> None:
    program = await start(WILLING, tmp_path)
    assert not program.has_crashed

    await program.kill()

    assert (program.has_ended, program.has_crashed) == (True, True)


async def test_a_stubborn_program_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.parts.programs.END_PATIENCE_S", 0.01)
    program = await start(STUBBORN, tmp_path)

    await program.end()

    assert not is_alive(program.pid)


async def test_a_program_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    code = "import sys; sys.exit('no such thing')"
    program = await Program.start([sys.executable, "-c", code], tmp_path / "log")

    async def never() -> bool:
        return False

    with pytest.raises(ServerFault, match="has ended: no such thing"):
        await program.wait_until(never)


async def test_waiting_has_an_end() -> None:
    async def never() -> bool:
        return False

    with pytest.raises(ServerFault, match="it never comes"):
        await wait_until(never, what=lambda: "it never comes", patience_s=0.01)


async def test_a_free_port_can_be_listened_on() -> None:
    port = find_free_port()

    listener = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port)
    listener.close()

"""Whole calls of the command, with a scripted engine on a server beside it."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import webvtt

from scribewire.cli.exits import ExitCode
from scribewire.testing.running import KEYS, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.wav import wav

COMMAND = [sys.executable, "-m", "scribewire", "transcribe"]
pytestmark = pytest.mark.slow


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with run_server(None) as running:
        yield running


@pytest.fixture
def talks(tmp_path: Path) -> list[str]:
    paths = []
    for name, word in (("one", "hello"), ("two", "world")):
        path = tmp_path / f"{name}.wav"
        path.write_bytes(wav(draw_pcm("." * 70 + word * 8 + "." * 20)))
        paths.append(str(path))
    return paths


async def call(
    server: RunningServer, *arguments: str, out: int = subprocess.PIPE, err: int = subprocess.PIPE
) -> tuple[int | None, str, str]:
    address = ("--server", server.address.url, "--key", KEYS[0])
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, *address, stdout=out, stderr=err
    )
    told, complaints = await process.communicate()
    return process.returncode, (told or b"").decode(), (complaints or b"").decode()


async def test_a_bad_file_does_not_lose_the_others(
    server: RunningServer, talks: list[str], tmp_path: Path
) -> None:
    bad, folder = tmp_path / "bad.mp3", tmp_path / "new"
    bad.write_text("not audio")

    code, out, err = await call(server, talks[0], str(bad), talks[1], "--output", str(folder))

    assert (code, out) == (ExitCode.FAILED, "")
    (line,) = err.splitlines()
    assert line.startswith(f"scribewire: {bad}: found text; give a file")
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    assert texts == {"one.txt": "hello" * 8 + "\n", "two.txt": "world" * 8 + "\n"}


async def test_several_files_on_standard_output_have_heads(
    server: RunningServer, talks: list[str]
) -> None:
    code, out, err = await call(server, *talks)

    one, two = talks
    assert (code, err) == (ExitCode.DONE, "")
    assert out == f"==> {one} <==\n{'hello' * 8}\n\n==> {two} <==\n{'world' * 8}\n"


async def test_subtitles_of_a_file(server: RunningServer, talks: list[str], tmp_path: Path) -> None:
    path = tmp_path / "one.vtt"

    assert (await call(server, talks[0], "-o", str(path)))[0] == ExitCode.DONE

    captions = webvtt.read(str(path)).captions
    assert "".join(one.text for one in captions).replace("\n", "") == "hello" * 8
    assert captions[0].start != "00:00:00.000"


async def test_partials_are_told_of_where_there_are_few(
    server: RunningServer, talks: list[str]
) -> None:
    code, out, err = await call(server, talks[0], "--format", "json", "--partials")

    assert json.loads(out.splitlines()[-1])["is_final"]
    assert (code, err.count("\n")) == (ExitCode.DONE, 1)
    assert "give --pace realtime" in err


async def test_a_full_disk_is_one_line(server: RunningServer, talks: list[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    code, _, err = await call(server, talks[0], out=full)
    os.close(full)
    assert (code, err) == (
        ExitCode.FAILED,
        "scribewire: standard output: No space left on device\n",
    )

    code, _, err = await call(server, talks[0], "--output", "/dev/full")
    assert (code, err) == (ExitCode.FAILED, "scribewire: /dev/full: No space left on device\n")


@pytest.mark.parametrize("is_pipe", [True, False], ids=["a pipe", "a file"])
async def test_a_bar_is_on_the_terminal_unless_a_pipe_shares_it(
    server: RunningServer, talks: list[str], tmp_path: Path, *, is_pipe: bool
) -> None:
    ours, theirs = pty.openpty()
    with (tmp_path / "out.txt").open("wb") as file:
        out = subprocess.PIPE if is_pipe else file.fileno()
        code, _, _ = await call(server, talks[0], out=out, err=theirs)
    os.write(theirs, b"the end")
    drawn = os.read(ours, 65_536)
    os.close(theirs)
    os.close(ours)

    assert code == ExitCode.DONE
    assert (drawn == b"the end") is is_pipe

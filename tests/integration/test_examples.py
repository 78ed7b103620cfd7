"""Every program of examples/ as its usage lines say, and what it says when something is wrong."""

from __future__ import annotations

import ast
import asyncio
import os
import shlex
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scribewire.engines.engines import Engines
from scribewire.recognition.requests import DecodeRequest, DecodeResult
from scribewire.server.run import serving
from scribewire.settings import Settings
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad, draw_pcm
from tests.parts.wav import wav

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
KEY = "key-1"
TALK = draw_pcm("." * 10 + "hello" * 3 + "." * 20 + "bye" * 5 + "." * 20)
FINALS = ["hello" * 3, "bye" * 5]


def usages(program: Path) -> list[str]:
    """Return the commands in the docstring of a program: what stands indented there."""
    docstring = ast.get_docstring(ast.parse(program.read_text())) or ""
    return [block for block in docstring.split("\n\n") if block.startswith("    ")]


USAGES = [(program.name, usage) for program in EXAMPLES for usage in usages(program)]


class TellingEngine(ScriptedEngine):
    """Hears Dutch where there is a b, else English."""

    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"en", "nl"}), tells_language=True)

    def decode(self, request: DecodeRequest) -> DecodeResult:
        hypothesis = super().decode(request).hypothesis
        assert hypothesis is not None
        language = "nl" if "b" in hypothesis.text else "en"
        return DecodeResult(replace(hypothesis, language=language))


@pytest.fixture
async def server_url() -> AsyncIterator[str]:
    """A real server that hears what `draw_pcm` draws."""
    engines = Engines(ScriptedVad(), (ScriptedEngine(), TellingEngine()))
    async with serving(Settings(port=0, keys=(KEY,)), engines) as (address, _):
        yield address.url


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder as a reader of the examples has it, with a microphone that says TALK once."""
    (tmp_path / "examples").symlink_to(EXAMPLES[0].parent)
    (tmp_path / "talk.wav").write_bytes(wav(TALK))
    (tmp_path / "talk.raw").write_bytes(TALK)
    (tmp_path / "bin").mkdir()
    for recorder in ("arecord", "ffmpeg"):
        file = tmp_path / "bin" / recorder
        file.write_text(f"#!/bin/sh\nexec cat {shlex.quote(str(tmp_path / 'talk.raw'))}\n")
        file.chmod(0o755)
    return tmp_path


@dataclass(frozen=True, slots=True)
class Ending:
    """What a command has printed, and its exit code."""

    code: int | None
    printed: str
    complaints: str

    @property
    def captions(self) -> list[str]:
        """The texts that stand on the screen at the end, without their times."""
        lines = self.printed.split("\n")[:-1]
        return [line.split("\x1b[K")[-1].split()[-1] for line in lines]


async def run(command: str, folder: Path) -> Ending:
    """Run a command of the shell in this folder, with nothing to read and no key."""
    # `python` is the one that runs this test.
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    environment.pop("SCRIBEWIRE_KEY", None)
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    return Ending(process.returncode, printed.decode(), complaints.decode())


def test_every_example_says_how_to_run_it() -> None:
    assert EXAMPLES
    assert all(usages(program) for program in EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "usage"), USAGES)
async def test_an_example_runs_as_its_usage_says(
    name: str, usage: str, server_url: str, desk: Path
) -> None:
    assert f"SCRIBEWIRE_KEY=... python examples/{name} ws://127.0.0.1:8000" in usage

    command = usage.replace("SCRIBEWIRE_KEY=...", f"SCRIBEWIRE_KEY={KEY}")
    ending = await run(command.replace("ws://127.0.0.1:8000", server_url), desk)

    assert ending.code == 0, ending.complaints
    assert ending.captions == FINALS


@pytest.mark.slow
async def test_a_language_that_is_found_out_is_shown(server_url: str, desk: Path) -> None:
    call = f"SCRIBEWIRE_KEY={KEY} python examples/caption_file.py {server_url} talk.wav"

    found, locked, strange = await asyncio.gather(
        run(f"{call} nl,en", desk), run(f"{call} en", desk), run(f"{call} en,xx", desk)
    )

    texts = [line.partition(" s  ")[2] for line in found.printed.splitlines()]
    assert texts == [f"[en] {FINALS[0]}", f"[nl] {FINALS[1]}"]
    assert locked.captions == FINALS
    assert "[" not in locked.printed
    assert "languages xx: no model on this server; available: en, nl" in strange.complaints


def nobodys_address() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"ws://127.0.0.1:{free.getsockname()[1]}"


async def complaint(command: str, folder: Path) -> str:
    """Return the one line in which a command says why it fails."""
    ending = await run(command, folder)
    # States of the connection, as (connecting), are no complaints.
    lines = [line for line in ending.complaints.splitlines() if not line.startswith("(")]
    assert (ending.code, ending.printed, len(lines)) == (1, "", 1), ending
    return lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("program", EXAMPLES, ids=lambda program: program.name)
async def test_what_goes_wrong_is_said_in_one_line(
    program: Path, server_url: str, desk: Path
) -> None:
    call = f"python examples/{program.name}"
    source = "< talk.wav" if program.stem == "caption_stdin" else "talk.wav"
    cases = {
        f"SCRIBEWIRE_KEY={KEY} {call} 127.0.0.1:8000 {source}": "server address: expected ws://",
        f"SCRIBEWIRE_KEY={KEY} {call} ws://localhost:x {source}": "Port could not be cast",
        f"SCRIBEWIRE_KEY={KEY} {call} {nobodys_address()} {source}": "cannot reach 127.0.0.1:",
        f"SCRIBEWIRE_KEY={KEY} {call} {server_url}/x {source}": "refused with HTTP 404: no such",
        f"SCRIBEWIRE_KEY=none {call} {server_url} {source}": "refused with HTTP 401: unknown",
        f"SCRIBEWIRE_KEY='a b' {call} {server_url} {source}": "key: expected visible ASCII",
        f"{call} {server_url} {source}": "missing token: expected a key",
        f"{call}": f"usage: {program.name} ws://HOST:PORT",
    }
    if program.stem != "caption_stdin":
        missing = f"SCRIBEWIRE_KEY={KEY} {call} {server_url} none.wav"
        cases[missing] = "[Errno 2] No such file or directory: 'none.wav'"

    said = await asyncio.gather(*(complaint(command, desk) for command in cases))

    for line, expected in zip(said, cases.values(), strict=True):
        begin = expected if expected.startswith("usage") else f"{program.stem}: {expected}"
        assert line.startswith(begin)


@pytest.mark.slow
async def test_any_standard_input_comes_to_an_end(server_url: str, desk: Path) -> None:
    call = f"SCRIBEWIRE_KEY={KEY} python examples/caption_stdin.py {server_url}"

    raw, nothing, closed, unreadable = await asyncio.gather(
        *(run(f"{call} {source}", desk) for source in ("< talk.raw", "< /dev/null", "<&-", "0> x"))
    )

    assert (raw.code, raw.captions) == (0, FINALS)
    assert (nothing.code, nothing.captions) == (0, [])
    assert closed.code == 1
    assert closed.complaints.startswith("usage: caption_stdin.py")
    assert unreadable.code == 1
    assert unreadable.complaints.endswith("caption_stdin: [Errno 9] Bad file descriptor\n")

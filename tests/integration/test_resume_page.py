"""The client on docs/resume.md, as it stands there, and the settings that the page names."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from scribewire.settings import Settings
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.cutting_proxy import Cut, CuttingProxy, random_cuts, run_cutting_proxy
from tests.parts.wav import wav

PAGE: Final = (Path(__file__).parents[2] / "docs/resume.md").read_text("utf-8")
SAID: Final = "..hello" + "." * 20 + "again" + "." * 20 + "third" + "." * 25
FINALS: Final = ["1 hello", "2 again", "3 third"]
PATIENCE_S: Final = 60.0

CUTS: Final = {
    "while it sends": [Cut(after_sent=20_000), Cut(after_sent=30_000), Cut(after_sent=2000)],
    "before it is heard": [Cut(is_at_accept=True), Cut(after_answered=0)],
    "behind a final": [Cut(at_words=b'"number":1'), Cut(at_words=b'"number":2')],
    "at the very end": [Cut(at_words=b'"stopped"'), Cut(at_words=b'"stopped"')],
    "anywhere": random_cuts(5, count=5, most_bytes=60_000),
}


def the_program() -> str:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    return str(program)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "resuming.py"
    file.write_text(the_program(), "utf-8")
    return file


@dataclass(frozen=True, slots=True)
class Ending:
    """What it has printed, and what it has complained of."""

    lines: list[str]
    complaints: str = ""


async def run(program: Path, port: int, audio: bytes) -> Ending:
    """Have it send this."""
    heard = program.with_name("talk.wav")
    heard.write_bytes(audio)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(program)),
        *(f"ws://127.0.0.1:{port}/v2/realtime?token=key-1", str(heard)),
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ending(printed.decode().splitlines(), complaints.decode())


async def run_cut(
    program: Path, server: RunningServer, audio: bytes, cuts: Iterable[Cut]
) -> tuple[Ending, CuttingProxy]:
    async with run_cutting_proxy(server.address.port, cuts) as proxy:
        return await run(program, proxy.port, audio), proxy


def test_it_has_20_lines() -> None:
    assert len([line for line in the_program().splitlines() if line.strip()]) == 20


@pytest.mark.slow
@pytest.mark.parametrize("cuts", [pytest.param(list(CUTS[name]), id=name) for name in CUTS])
async def test_wherever_it_is_cut_it_prints_the_finals_of_an_undisturbed_run(
    server: RunningServer, program: Path, cuts: list[Cut]
) -> None:
    pcm = draw_pcm(SAID)
    undisturbed = await run(program, server.address.port, pcm)
    ending, proxy = await run_cut(program, server, pcm, cuts)

    assert undisturbed == Ending(FINALS)
    assert ending == undisturbed
    assert proxy.cuts >= 2


@pytest.mark.slow
async def test_the_header_of_a_wav_is_counted_among_the_bytes(
    server: RunningServer, program: Path
) -> None:
    audio = wav(draw_pcm(SAID))

    ending, proxy = await run_cut(program, server, audio, [Cut(after_sent=30_000)])

    assert (ending, proxy.cuts) == (Ending(FINALS), 1)


@pytest.mark.slow
async def test_where_it_cannot_go_on_it_says_so(program: Path) -> None:
    async with run_server(resume_window_ms=1) as server:
        cuts = [Cut(at_words=b'"number":1')]
        ending, _ = await run_cut(program, server, draw_pcm(SAID), cuts)

    assert "cannot be resumed: no such session" in ending.complaints


def test_the_settings_are_told_as_they_are() -> None:
    rows = re.findall(r"^\| `--([a-z-]+)` \| (\d+) \|", PAGE, re.MULTILINE)
    fields = {name.replace("-", "_"): int(value) for name, value in rows}

    assert set(fields) == {"resume_window_ms", "max_kept_sessions"}
    for name, value in fields.items():
        assert Settings.model_fields[name].default == value

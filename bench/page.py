"""The captions page beside the Python SDK: the same recording through a browser's microphone.

    python -m bench page --output page.json [--runs 3]

Chromium's microphone plays `two_cities.wav` once, in real time; the Python SDK pushes the same file
to the same server. Word errors are against `examples/two_cities.txt`, in percent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import jiwer
from playwright.async_api import expect
from whisper_normalizer.english import EnglishTextNormalizer

from bench.table import format_table
from scribewire.client import FinalResult, connect
from scribewire.engines.loader import load_engines
from scribewire.testing.running import KEYS, RunningServer, run_server
from tests.parts.browser import open_context, run_browser
from tests.parts.page_visit import ASSETS, address_of, give_key, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORDING: Final = ASSETS / "two_cities.wav"
REFERENCE: Final = Path(__file__).parents[1] / "examples/two_cities.txt"
LAST_WORD: Final = "comparison"
PATIENCE_MS: Final = 90_000.0
MOST_POINTS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """Word errors of one run, in percent."""

    page: float
    python: float


def main(arguments: Sequence[str]) -> int:
    """Run, print a table, write JSON; 1 where the page is more than 2 points worse."""
    parser = argparse.ArgumentParser(prog="python -m bench page")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args(arguments)
    trials = asyncio.run(measure(given.runs, RECORDING.read_bytes()))
    worse = median(one.page - one.python for one in trials)
    rows = [(f"{one.page:.1f}", f"{one.python:.1f}") for one in trials]
    print(format_table(("page, WER %", "Python SDK, WER %"), rows))
    print(f"median difference {worse:+.1f} points; at most {MOST_POINTS:g} are allowed")
    if given.output:
        told = {"runs": [asdict(one) for one in trials], "difference": worse}
        given.output.write_text(json.dumps(told, indent=2) + "\n")
    return 0 if worse <= MOST_POINTS else 1


async def measure(runs: int, sound: bytes) -> list[Trial]:
    """Hear the recording both ways, run after run, on one server."""
    engines = load_engines()
    try:
        async with run_server(engines) as server:
            return [
                Trial(error_of(await page_text(server)), error_of(await python_text(server, sound)))
                for _ in range(runs)
            ]
    finally:
        engines.close()


async def page_text(server: RunningServer) -> str:
    """Return what the page shows in the end."""
    async with (
        run_browser(microphone=RECORDING) as browser,
        open_context(browser, "microphone") as visit,
    ):
        page = await visit.open(address_of(server))
        await page.get_by_role("button", name="Start").click()
        await give_key(page)
        last = page.locator("#finals")
        await expect(last).to_contain_text(LAST_WORD, ignore_case=True, timeout=PATIENCE_MS)
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("button", name="Start")).to_be_visible()
        return await shown(page)


async def python_text(server: RunningServer, sound: bytes) -> str:
    """Return what the Python SDK hears."""
    async with connect(f"ws://127.0.0.1:{server.address.port}", key=KEYS[0]) as client:
        await client.send_audio(sound)
        await client.stop()
        return " ".join([one.text async for one in client if isinstance(one, FinalResult)])


def error_of(text: str) -> float:
    """Return the word error of a text, in percent."""
    normalise = EnglishTextNormalizer()
    return 100 * jiwer.wer(normalise(REFERENCE.read_text("utf-8")), normalise(text))

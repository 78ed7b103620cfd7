"""Pictures of the captions page in each of its main states, taken of the real one.

    scripts/screenshots FOLDER

A server with the real model hears two recordings that come with it; Chromium shows what comes of
it, in three widths, light and dark.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import wave
from importlib.metadata import distribution
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from playwright.async_api import expect

from scribewire.audio.local_decoder import read_audio
from scribewire.audio.pcm import encode_pcm
from scribewire.engines.loader import load_engines
from scribewire.testing.running import KEYS, run_server
from scribewire.types import SAMPLE_RATE
from tests.parts.browser import PATIENCE_MS, open_context, run_browser

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

ASSETS: Final = Path(str(distribution("moonshine-voice").locate_file("moonshine_voice/assets")))
SIZES: Final = ((360, 780), (768, 1024), (1440, 900))
SCHEMES: Final = ("light", "dark")
SPEECH_S: Final = 26.0


async def main(folder: Path) -> None:
    """Take all pictures."""
    expect.set_options(timeout=PATIENCE_MS)
    engines = load_engines()
    with tempfile.TemporaryDirectory() as scratch:
        speech = join_speech(Path(scratch) / "speech.wav")
        async with run_server(engines) as server, run_browser(microphone=speech) as browser:
            address = f"http://127.0.0.1:{server.address.port}/"
            for scheme, size in product(SCHEMES, SIZES):
                await take(browser, address, speech, folder, scheme, size)
    engines.close()


def join_speech(path: Path) -> Path:
    """Write two speakers, one after the other."""
    with wave.open(str(path), "wb") as joined:
        joined.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        for name in ("two_cities.wav", "beckett.wav"):
            samples = np.concatenate(list(read_audio(ASSETS / name)))
            joined.writeframes(encode_pcm(samples[: round(SPEECH_S * SAMPLE_RATE)]))
            joined.writeframes(bytes(2 * SAMPLE_RATE))
    return path


async def take(
    browser: Browser,
    address: str,
    speech: Path,
    folder: Path,
    scheme: str,
    size: tuple[int, int],
) -> None:
    """Take the pictures of one width and scheme."""
    viewport = {"width": size[0], "height": size[1]}
    async with open_context(browser, "microphone", viewport=viewport, color_scheme=scheme) as visit:
        page = await visit.open(address)
        name = f"{scheme}-{size[0]}"
        await keep(page, folder / f"ready-{name}.png")
        await page.get_by_text("Language and options").click()
        await page.get_by_role("radio", name="Stream URL").check()
        await page.get_by_role("button", name="Start").click()
        await keep(page, folder / f"error-{name}.png")
        await page.get_by_text("Language and options").click()
        await page.get_by_role("radio", name="File").check()
        await page.get_by_label("Audio or video file").set_input_files(speech)
        await page.get_by_role("button", name="Start").click()
        await keep(page, folder / f"key-{name}.png")
        await page.get_by_label("Key or token").fill(KEYS[0])
        await page.get_by_role("button", name="Continue").click()
        await expect(page.locator("#stop")).to_be_visible()
        await expect(page.locator("#start")).to_be_visible()
        await keep(page, folder / f"transcript-{name}.png")
        await page.get_by_role("radio", name="Microphone").check()
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("#partial")).not_to_be_empty()
        await keep(page, folder / f"captioning-{name}.png")
        async with page.expect_popup() as opened:
            await page.get_by_role("button", name="Large captions").click()
        large = await opened.value
        await expect(large.locator("#text")).to_contain_text("times", ignore_case=True)
        await keep(large, folder / f"large-{name}.png")


async def keep(page: Page, path: Path) -> None:
    """Keep a picture of what is to be seen."""
    await page.screenshot(path=path, animations="disabled")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1])))

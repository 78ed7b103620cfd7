"""What a person does on the captions page, and what is to be seen there."""

from __future__ import annotations

import os
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import jiwer
from playwright.async_api import Page, expect
from whisper_normalizer.english import EnglishTextNormalizer

from scribewire.testing.running import KEYS, RunningServer
from tests.parts.installed import PartMissing, skip_or_fail

if TYPE_CHECKING:
    from tests.parts.browser import Visit

ASSETS: Final = Path(str(distribution("moonshine-voice").locate_file("moonshine_voice/assets")))
BECKETT: Final = ASSETS / "beckett.wav"
SAID: Final = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
CITIES_S: Final = 8.5  # of the other recording, to the end of a sentence
CITIES_SAID: Final = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, "
    "it was the age of foolishness"
)
RUNS: Final = re.compile("Listening|Captioning")
"""What the page says while it hears, before and after the first words."""
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
_AXE: Final = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
_NO_AXE: Final = (
    "axe-core is missing: install Node.js and run `npm ci --prefix tests/parts --ignore-scripts`"
)


def address_of(server: RunningServer) -> str:
    return f"http://127.0.0.1:{server.address.port}/"


async def give_key(page: Page, key: str = KEYS[0]) -> None:
    await page.get_by_label("Key or token").fill(key)
    await page.get_by_role("button", name="Continue").click()


async def caption_file(page: Page, path: Path) -> None:
    """Caption a file, to its end."""
    await page.get_by_role("radio", name="File").check()
    await page.get_by_label("Audio or video file").set_input_files(path)
    ended = int(await page.locator("body").get_attribute("data-runs") or 0)
    await page.get_by_role("button", name="Start").click()
    if await page.locator("#key-dialog").is_visible():
        await give_key(page)
    await wait_for_runs(page, ended + 1)


async def wait_for_runs(page: Page, count: int) -> None:
    """Wait until so many have ended since the page was loaded, however short each was."""
    await expect(page.locator("body")).to_have_attribute("data-runs", str(count))


async def note_playing(page: Page) -> None:
    """Count how often the page marks a word that is being heard, in `data-played` of its body."""
    await page.evaluate(
        """() => {
            const { dataset } = document.body;
            const note = (changes) => {
                const marked = changes.filter(({ target }) => target.matches(".playing"));
                dataset.played = String(Number(dataset.played ?? 0) + marked.length);
            };
            const all = { attributeFilter: ["class"], subtree: true };
            new MutationObserver(note).observe(document.getElementById("finals"), all);
        }"""
    )


async def expect_played(page: Page) -> None:
    """Expect that a word was heard since `note_playing`, and is heard no more."""
    await expect(page.locator("body")).to_have_attribute("data-played", re.compile("[1-9]"))
    await expect(page.locator(".playing")).to_have_count(0)


async def shown(page: Page) -> str:
    """Return the words that the page shows as final."""
    return " ".join(await page.locator("#finals .word").all_inner_texts())


def word_error(text: str, said: str = SAID) -> float:
    normalise = EnglishTextNormalizer()
    return jiwer.wer(normalise(said), normalise(text))


async def copied(visit: Visit, server: RunningServer) -> str:
    """Return what is in the clipboard, which the page may write but not read."""
    visit.expected = ("404",)  # that answer has no icon
    page = await visit.open(f"{address_of(server)}healthz")
    await page.bring_to_front()
    text = str(await page.evaluate("navigator.clipboard.readText()"))
    await page.close()
    return text


async def faults_for_readers(page: Page) -> list[str]:
    """Return what axe finds."""
    if not has_axe():
        skip_or_fail(PartMissing(_NO_AXE), os.environ)
    await page.evaluate(read_axe())
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {node['html']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


async def faults_in_both_schemes(page: Page) -> list[str]:
    """Return what axe finds in the light and in the dark."""
    found: list[str] = []
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        found += await faults_for_readers(page)
    return found


def has_axe() -> bool:
    """Tell whether npm has brought it."""
    return _AXE.exists()


def read_axe() -> str:
    """Return its script."""
    return _AXE.read_text("utf-8")

"""The SDK's quick start and the pages of examples/browser, on a site of their own in Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from scribewire.engines.engines import Engines
from scribewire.testing.running import KEYS, RunningServer, run_server
from tests.parts.browser import PATIENCE_MS, open_context, run_browser, write_beginning
from tests.parts.installed import PartMissing, need_part, skip_or_fail
from tests.parts.media import make_file
from tests.parts.origin import run_origin
from tests.parts.plain_http import ask
from tests.parts.programs import Program, find_free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

ROOT: Final = Path(__file__).parents[2]
BECKETT: Final = Path(
    str(distribution("moonshine-voice").locate_file("moonshine_voice/assets/beckett.wav"))
)
SAID_S: Final = 3.3  # of it, to where these words have ended
SAID: Final = re.compile("ever tried.*ever failed", re.IGNORECASE | re.DOTALL)
QUICK_START: Final = re.compile(r"## Quick start\n.*?```html\n(.*?)```", re.DOTALL)
REACT: Final = {  # modules, by whose they are
    "react": "react",
    "react-dom": "react-dom",
    "react-dom-client": "react-dom",
    "scheduler": "scheduler",
}
REACT_NAMES: Final = {  # what is imported from each by its name
    "react": ["createElement", "useEffect", "useRef", "useState"],
    "react-dom": [],
    "react-dom-client": ["createRoot"],
    "scheduler": [],
}
REACT_PAGE: Final = """\
<!doctype html><link rel="icon" href="data:,"><main></main>
<script type="importmap">{"imports": {
  "react": "./modules/react.js", "scribewire": "./scribewire/index.js"}}</script>
<script type="module">
  import { createElement } from "react";
  import { createRoot } from "./modules/react-dom-client.js";
  import { Microphone } from "scribewire";
  import { useTranscription } from "./react.js";
  import { fetchToken, SERVER } from "./captions_server.js";
  function Captions() {
    const options = { server: SERVER, token: fetchToken };
    const { start, stop, state, finals, partial } = useTranscription(options);
    return [
      createElement("button", { key: 1, onClick: () => start(new Microphone()) }, "Start"),
      createElement("button", { key: 2, onClick: stop }, "Stop"),
      createElement("p", { key: 3 }, finals.map(({ text }) => text).join(" ") + " " + partial),
      createElement("output", { key: 4 }, state),
    ];
  }
  createRoot(document.querySelector("main")).render(createElement(Captions));
</script>
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A website that has captions."""

    url: str
    folder: Path
    server: RunningServer

    def write(self, name: str, text: str) -> None:
        """Put a page there."""
        (self.folder / name).write_text(text, "utf-8")


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphone hears and the player plays."""
    return write_beginning(tmp_path_factory.mktemp("recording") / "talk.wav", BECKETT, SAID_S)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(talk: Path) -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    async with run_browser(microphone=talk) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The examples as a site of another origin than the server's, which lets its pages in."""
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    async with run_server(engines, allow_source=("127.0.0.1",), allow_origin=(url,)) as server:
        here = tmp_path_factory.mktemp("checkout")
        folder = copy_examples(here, server.address.port)
        command = [sys.executable, str(folder / "website.py"), http_address(server), str(port)]
        website = await Program.start(
            command, here / "log", environment={"SCRIBEWIRE_KEY": KEYS[0], "PATH": "/usr/bin:/bin"}
        )
        try:
            await website.wait_until(lambda: answers(url))
            yield Site(url, folder, server)
        finally:
            await website.end()


def copy_examples(here: Path, port: int) -> Path:
    """Return a copy of the examples in which the server's address is put in."""
    folder = here / "examples/browser"
    shutil.copytree(ROOT / "examples/browser", folder)
    (here / "sdk/browser").mkdir(parents=True)
    (here / "sdk/browser/src").symlink_to(ROOT / "sdk/browser/src")
    for name in ("captions_server.js", "element.html"):
        text = (folder / name).read_text("utf-8")
        assert ":8000" in text
        (folder / name).write_text(text.replace(":8000", f":{port}"), "utf-8")
    return folder


def http_address(server: RunningServer) -> str:
    return f"http://127.0.0.1:{server.address.port}"


async def answers(url: str) -> bool:
    with contextlib.suppress(OSError):
        return (await ask(int(url.rpartition(":")[2]), "/radio.html")).status == 200
    return False


async def is_idle(server: RunningServer) -> bool:
    return not server.services.attachments


async def note_texts(page: Page, selector: str) -> str:
    """Keep each text that an element shows; returns the script that joins them."""
    await page.evaluate(
        """selector => {
            window.texts = [];
            const element = document.querySelector(selector);
            const note = () => window.texts.push(element.textContent);
            new MutationObserver(note).observe(element, { childList: true });
        }""",
        selector,
    )
    return "window.texts.join(' ')"


def write_react(folder: Path) -> None:
    """React as modules of a browser: it comes as files of Node's kind alone."""
    need_part("node")
    modules = ROOT / "sdk/browser/node_modules"
    if not (modules / "react").is_dir():
        remedy = "run `npm ci --prefix sdk/browser --ignore-scripts`"
        skip_or_fail(PartMissing(f"React is missing: {remedy}"), os.environ)
    folder.mkdir()
    for name, owner in REACT.items():
        text = (modules / owner / f"cjs/{name}.production.js").read_text("utf-8")
        needed = sorted(set(re.findall(r'require\("([\w-]+)"\)', text)))
        lines = [f'import {one.replace("-", "")} from "./{one}.js";' for one in needed]
        known = ", ".join(f'"{one}": {one.replace("-", "")}' for one in needed)
        exported = "".join(f"export const {one} = exports.{one};\n" for one in REACT_NAMES[name])
        wrapped = f"const exports = {{}}, require = (name) => ({{ {known} }})[name];\n"
        (folder / f"{name}.js").write_text(
            "\n".join([*lines, wrapped, "{", text, "}", exported, "export default exports;"]),
            "utf-8",
        )


@contextlib.asynccontextmanager
async def visiting(browser: Browser, site: Site, path: str) -> AsyncIterator[Page]:
    async with open_context(browser, "microphone") as visit:
        yield await visit.open(f"{site.url}/{path}")


async def test_the_quick_start_captions_the_microphone(browser: Browser, site: Site) -> None:
    found = QUICK_START.search((ROOT / "sdk/browser/README.md").read_text("utf-8"))
    assert found is not None
    page_text = found[1]
    assert len(page_text.splitlines()) <= 10
    page_text = page_text.replace("wss://stt.example", site.server.address.url)
    site.write("quick_start.html", page_text.replace("TOKEN", KEYS[0]))

    async with open_context(browser, "microphone") as visit:
        visit.expected = ("404",)  # it has no icon
        page = await visit.open(f"{site.url}/quick_start.html")
        await page.get_by_role("button", name="Start").click()

        await expect(page.locator("p")).to_have_text(SAID)


async def test_a_radio_is_captioned(
    browser: Browser, site: Site, talk: Path, tmp_path: Path
) -> None:
    need_part("ffmpeg")
    with wave.open(str(talk)) as recording:
        make_file(tmp_path, recording.readframes(recording.getnframes()), "mp3")
    async with run_origin(tmp_path) as origin, visiting(browser, site, "radio.html") as page:
        await page.get_by_label("Address of the stream").fill(origin.url("talk.mp3"))
        await page.get_by_role("button", name="Caption").click()

        await expect(page.get_by_role("log")).to_have_text(SAID)
        await expect(page.get_by_role("log").locator("p").first).to_have_text(
            re.compile("^00:00:0")
        )
        await expect(page.get_by_role("status")).to_have_text("disconnected")
        await expect(page.get_by_role("button", name="Caption")).to_be_enabled()


async def test_a_site_captions_what_its_player_plays(
    browser: Browser, site: Site, talk: Path
) -> None:
    shutil.copy(talk, site.folder / "talk.wav")
    async with visiting(browser, site, "embed.html") as page:
        shown = await note_texts(page, "#lines")
        button = page.get_by_role("button", name="Captions")
        await button.click()
        await expect(button).to_have_attribute("aria-pressed", "true")
        await page.evaluate("document.querySelector('audio').play()")

        await expect(button).to_have_attribute("aria-pressed", "false")  # it has ended
        assert SAID.search(await page.evaluate(shown))
        await expect(page.get_by_role("alert")).to_be_empty()


async def test_an_element_captions_the_microphone_until_it_is_gone(
    browser: Browser, site: Site
) -> None:
    async with visiting(browser, site, "element.html") as page:
        element = page.locator("live-captions")
        await page.evaluate(
            """() => {
                window.told = [];
                const element = document.querySelector("live-captions");
                element.addEventListener("final", ({ detail }) => window.told.push(detail.text));
            }"""
        )
        await element.get_by_role("button", name="Start").click()
        await expect(element.locator("p").first).to_have_text(SAID)
        assert SAID.search(await page.evaluate("window.told.join(' ')"))
        assert len(site.server.services.attachments) == 1

        await element.evaluate("element => element.remove()")
        await wait_until(lambda: is_idle(site.server), what=lambda: "the session goes on")


async def test_a_react_component_captions_the_microphone(browser: Browser, site: Site) -> None:
    write_react(site.folder / "modules")
    site.write("react.html", REACT_PAGE)
    async with visiting(browser, site, "react.html") as page:
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("p")).to_have_text(SAID)
        await page.get_by_role("button", name="Stop").click()

        await expect(page.locator("output")).to_have_text("disconnected")

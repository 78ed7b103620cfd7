"""What is said is captioned by the page, and what a person makes of it is kept."""

from __future__ import annotations

import asyncio
import json
from io import StringIO
from pathlib import Path

import pytest
import webvtt
from playwright.async_api import Page, expect

from scribewire.client import FinalResult, connect
from scribewire.testing.running import KEYS, RunningServer
from tests.parts.browser import Visit
from tests.parts.installed import need_part
from tests.parts.media import make_hls
from tests.parts.origin import run_origin
from tests.parts.page_visit import (
    BECKETT,
    CITIES_SAID,
    address_of,
    caption_file,
    copied,
    expect_played,
    give_key,
    note_playing,
    shown,
    wait_for_runs,
    word_error,
)

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="package")]


async def python_error(server: RunningServer, path: Path) -> float:
    """Return the word error of what the Python SDK gets for the sound of the microphone."""
    async with connect(f"ws://127.0.0.1:{server.address.port}", key=KEYS[0]) as client:
        await client.send_audio(await asyncio.to_thread(path.read_bytes))
        await client.stop()
        texts = [one.text async for one in client if isinstance(one, FinalResult)]
    return word_error(" ".join(texts), CITIES_SAID)


def milliseconds(time: str) -> int:
    hours, minutes, seconds = time.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


async def download(page: Page, kind: str) -> str:
    async with page.expect_download() as begun:
        await page.get_by_label("Download as").select_option(kind)
    return (await (await begun.value).path()).read_text("utf-8")


async def note_partials(page: Page) -> None:
    """Keep each partial that the page shows, in `window.partials`."""
    await page.evaluate(
        """() => {
            window.partials = [];
            const element = document.getElementById("partial");
            const note = () => element.textContent && window.partials.push(element.textContent);
            const all = { childList: true, characterData: true, subtree: true };
            new MutationObserver(note).observe(element, all);
        }"""
    )


async def test_the_microphone_is_captioned_while_one_speaks(
    visit: Visit, served: RunningServer, cities: Path
) -> None:
    page = await visit.open(address_of(served))
    await note_partials(page)
    await page.get_by_role("button", name="Start").click()
    await give_key(page)

    await expect(page.locator("#delay")).to_contain_text("s behind")
    await expect(page.locator("#state")).to_have_text("Captioning")
    await expect(page.locator("#finals")).to_contain_text("foolishness", ignore_case=True)
    await expect(page.locator("#partial")).to_be_empty()
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator("#state")).to_have_text("Not connected")

    assert "best of times" in await page.evaluate("window.partials.join(' ')")
    by_python = await python_error(served, cities)
    assert word_error(await shown(page), CITIES_SAID) <= by_python + 0.02
    assert KEYS[0] not in page.url
    assert KEYS[0] not in json.dumps(await page.evaluate("({...localStorage})"))


async def test_what_is_downloaded_is_what_was_said(visit: Visit, served: RunningServer) -> None:
    page = await visit.open(address_of(served))
    await caption_file(page, BECKETT)
    finals = json.loads(await download(page, "json"))["finals"]
    first, last = finals[0]["words"][0], finals[-1]["words"][-1]
    for kind in ("vtt", "srt"):
        cues = webvtt.from_buffer(StringIO(await download(page, kind)), format=kind).captions

        assert " ".join(" ".join(cue.lines) for cue in cues) == await shown(page)
        assert milliseconds(cues[0].start) == first["startMs"]
        assert milliseconds(cues[-1].end) >= last["endMs"]
    text = await download(page, "txt")
    await page.get_by_role("button", name="Copy").click()
    assert text == await copied(visit, served)
    assert word_error(text) == word_error(await shown(page))


async def test_a_transcript_is_kept_corrected_and_cleared(
    visit: Visit, served: RunningServer
) -> None:
    page = await visit.open(address_of(served))
    await caption_file(page, BECKETT)
    said = await shown(page)

    word = page.locator("#finals .word").first
    await note_playing(page)
    await word.click()  # and hears it
    await expect_played(page)
    await word.dblclick()
    await page.get_by_label("Correct this word").fill("Never")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Speaker 1").first.click()
    await page.get_by_label("Name of this speaker").fill("Sam")
    await page.keyboard.press("Enter")
    await page.reload()

    assert await shown(page) == said.replace("Ever", "Never", 1)
    assert (await page.locator(".speaker").first.inner_text()) == "Sam"
    await page.get_by_role("button", name="Clear").click()
    await page.get_by_role("button", name="Keep it").click()
    assert await shown(page) != ""
    await page.get_by_role("button", name="Clear").click()
    await page.locator("#clear-dialog").get_by_role("button", name="Clear").click()
    await expect(page.locator("#empty")).to_be_visible()
    await page.reload()
    assert await shown(page) == ""


async def test_a_stream_that_the_server_fetches_is_captioned(
    visit: Visit, served: RunningServer, speech: bytes, tmp_path: Path
) -> None:
    need_part("ffmpeg")
    make_hls(tmp_path, speech)
    async with run_origin(tmp_path) as origin:
        page = await visit.open(address_of(served))
        await page.get_by_role("radio", name="Stream URL").check()
        await page.get_by_label("Address of the stream").fill(origin.url("talk.m3u8"))
        await page.get_by_role("button", name="Start").click()
        await give_key(page)
        await wait_for_runs(page, 1)

    assert word_error(await shown(page)) <= 0.1
    await page.locator("#finals .word").first.click()
    await expect(page.get_by_role("alert")).to_contain_text("sound of this word is not here")

"""What a browser keeps: in two tabs, where it keeps nothing, and of what is cleared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from scribewire.testing.running import RunningServer
from tests.parts.browser import Visit, write_beginning
from tests.parts.page_visit import (
    BECKETT,
    address_of,
    caption_file,
    shown,
    wait_for_runs,
)

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="package")]

AROUND_MS = 500  # that is played before and after a word
KEEPS_NOTHING = """
for (const name of ["localStorage", "sessionStorage"]) {
    const refuse = () => { throw new DOMException("access is denied", "SecurityError"); };
    Object.defineProperty(window, name, { get: refuse });
}
"""
NO_CHANNEL = """
window.BroadcastChannel = class {
    constructor() { throw new DOMException("access is denied", "SecurityError"); }
};
"""
NOTE_SOUND = """{
    window.heard = [];
    const copy = AudioBuffer.prototype.copyToChannel;
    AudioBuffer.prototype.copyToChannel = function (samples, ...where) {
        window.heard.push({ count: samples.length, loudest: Math.max(...samples) });
        return copy.call(this, samples, ...where);
    };
}"""


async def open_large(page: Page) -> Page:
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name="Large captions").click()
    return await opened.value


async def clear(page: Page) -> None:
    await page.get_by_role("button", name="Clear").click()
    await page.locator("#clear-dialog").get_by_role("button", name="Clear").click()


async def test_two_tabs_keep_a_transcript_each(
    visit: Visit, served: RunningServer, tmp_path: Path
) -> None:
    short = write_beginning(tmp_path / "short.wav", BECKETT, 3.3)
    first = await visit.open(address_of(served))
    await caption_file(first, BECKETT)
    said = await shown(first)
    second = await visit.open(address_of(served))
    await expect(second.get_by_role("alert")).to_contain_text("in another tab")
    assert await shown(second) == ""
    of_first, of_second = await open_large(first), await open_large(second)
    await expect(of_first.locator("#text")).to_contain_text("better", ignore_case=True)
    await caption_file(second, short)
    await expect(of_second.locator("#text")).to_contain_text("failed", ignore_case=True)
    of_it = await shown(second)

    assert of_it not in ("", said)
    await expect(of_first.locator("#text")).to_contain_text("better", ignore_case=True)
    await expect(of_second.locator("#text")).not_to_contain_text("better", ignore_case=True)
    await first.reload()
    await second.reload()
    assert await shown(first) == said
    assert await shown(second) == of_it
    await expect(second.get_by_role("alert")).to_contain_text("of its own")
    await expect(first.get_by_role("alert")).to_be_empty()

    await first.close()
    await clear(second)
    await second.reload()
    assert await shown(second) == said


async def test_a_browser_that_keeps_nothing_captions_all_the_same(
    visit: Visit, served: RunningServer
) -> None:
    await visit.context.add_init_script(KEEPS_NOTHING)
    page = await visit.open(address_of(served))
    await expect(page.get_by_role("alert")).to_contain_text("keep nothing")
    large = await open_large(page)
    await large.get_by_label("Lines").select_option("3")
    await expect(large.locator("html")).to_have_attribute("style", re.compile("--count: 3"))
    await caption_file(page, BECKETT)
    await expect(large.locator("#text")).to_contain_text("better", ignore_case=True)
    said = await shown(page)
    await expect(page.get_by_role("alert")).to_be_empty()  # it is told once
    await page.get_by_role("button", name="Start").click()  # the key is known still
    await wait_for_runs(page, 2)

    assert await shown(page) == f"{said} {said}"
    await page.reload()
    assert await shown(page) == ""


async def test_where_pages_may_tell_each_other_nothing_there_are_no_large_captions(
    visit: Visit, served: RunningServer
) -> None:
    await visit.context.add_init_script(KEEPS_NOTHING + NO_CHANNEL)
    page = await visit.open(address_of(served))
    await expect(page.get_by_role("alert")).to_contain_text("keep nothing")
    await expect(page.get_by_role("button", name="Large captions")).to_be_hidden()
    await expect(page.get_by_role("button", name="Start")).to_be_enabled()


async def test_words_hit_their_sound_after_the_transcript_was_cleared_under_them(
    visit: Visit, served: RunningServer, tmp_path: Path
) -> None:
    await visit.context.add_init_script(NOTE_SOUND)
    page = await visit.open(address_of(served))
    # So that the session of the microphone does not begin at 0.
    await caption_file(page, write_beginning(tmp_path / "short.wav", BECKETT, 3.3))
    await page.get_by_role("radio", name="Microphone").check()
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator("#words")).to_contain_text("worst of times", ignore_case=True)
    await clear(page)
    await expect(page.locator("#finals")).to_contain_text("foolishness", ignore_case=True)
    await page.get_by_role("button", name="Stop").click()
    await wait_for_runs(page, 2)
    assert "failed" not in await shown(page)
    word = page.locator("#finals .word", has_text=re.compile("foolishness", re.IGNORECASE)).last
    await word.click()

    start_ms = float(await word.get_attribute("data-start") or 0)
    end_ms = float(await word.get_attribute("data-end") or 0)
    (heard,) = await page.evaluate("window.heard")
    assert heard["count"] == pytest.approx((end_ms - start_ms + AROUND_MS) * 16, abs=64)
    assert heard["loudest"] > 0.02

"""The page works with the keyboard alone, for screen readers, on small screens and large ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from scribewire.testing.running import KEYS, RunningServer
from tests.parts.browser import Visit, open_context
from tests.parts.origin import run_origin
from tests.parts.page_visit import (
    BECKETT,
    RUNS,
    address_of,
    caption_file,
    copied,
    expect_played,
    faults_for_readers,
    faults_in_both_schemes,
    give_key,
    note_playing,
    shown,
    wait_for_runs,
)

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="package")]

KEPT = {  # as the page keeps a transcript
    "lines": [
        {
            "kind": "final",
            "id": 1,
            "voice": 1,
            "speaker": "1",
            "language": "en",
            "text": "Ever fried",
            "offsetMs": 900,
            "words": [
                {"text": "Ever", "startMs": 0, "endMs": 400, "confidence": 0.9},
                {"text": "fried", "startMs": 400, "endMs": 900, "confidence": 0.4},
            ],
        },
        {"kind": "gap", "id": 2, "startMs": 900, "endMs": 3900, "reason": "connection lost"},
    ],
    "names": {},
    "voices": 1,
}


async def test_the_large_captions_show_what_is_said(visit: Visit, served: RunningServer) -> None:
    page = await visit.open(address_of(served))
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name="Large captions").click()
    large = await opened.value
    await caption_file(page, BECKETT)
    await expect(large.locator("#text")).to_contain_text("better", ignore_case=True)
    await large.get_by_label("Lines").select_option("3")
    await large.get_by_label("Size").fill("96")
    await large.reload()  # what was chosen stays, and what was said comes again
    await expect(large.locator("#text")).to_contain_text("better", ignore_case=True)
    box = await large.locator("#lines").bounding_box()
    assert box is not None
    assert box["height"] == pytest.approx(3 * 1.25 * 96, abs=2)
    assert await faults_for_readers(large) == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
async def test_no_state_of_the_page_keeps_anybody_out(
    browser: Browser, served: RunningServer, scheme: str, width: int
) -> None:
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    async with open_context(browser, "microphone", **options) as visit:
        page = await visit.open(address_of(served))
        assert await faults_for_readers(page) == []
        await page.get_by_text("Language and options").click()
        assert await faults_for_readers(page) == []
        await page.get_by_role("radio", name="Stream URL").check()
        await page.get_by_role("button", name="Start").click()  # an error
        assert await faults_for_readers(page) == []
        await page.get_by_role("radio", name="Microphone").check()
        await page.get_by_role("button", name="Start").click()
        assert await faults_for_readers(page) == []  # the dialog
        await give_key(page)
        await expect(page.locator("#state")).to_have_text(RUNS)
        assert await faults_for_readers(page) == []  # while it runs
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("button", name="Start")).to_be_visible()
        await caption_file(page, BECKETT)
        assert await faults_for_readers(page) == []  # with what was said
        await page.locator("#finals .word").first.dblclick()
        assert await faults_for_readers(page) == []  # a word that is being corrected
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Clear").click()
        assert await faults_for_readers(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def open_kept(visit: Visit, served: RunningServer) -> Page:
    """Open the page with a transcript that was kept."""
    page = await visit.open(address_of(served))
    kept = json.dumps(KEPT)
    await page.evaluate("kept => localStorage.setItem('scribewire.transcript', kept)", kept)
    await page.reload()
    return page


async def test_nothing_in_a_transcript_keeps_anybody_out(
    visit: Visit, served: RunningServer
) -> None:
    page = await open_kept(visit, served)
    await expect(page.locator(".gap")).to_contain_text("3 s may be missing here")
    assert await faults_in_both_schemes(page) == []
    await page.get_by_role("button", name="Speaker 1").click()
    await expect(page.get_by_label("Name of this speaker")).to_be_focused()
    assert await faults_in_both_schemes(page) == []


async def test_who_does_not_see_the_dots_is_told_which_words_are_unsure(
    visit: Visit, served: RunningServer
) -> None:
    page = await open_kept(visit, served)
    reader = await visit.context.new_cdp_session(page)
    read = await reader.send("Accessibility.getFullAXTree")
    texts = [one.get("name", {}).get("value", "") for one in read["nodes"]]

    assert [text.strip() for text in texts].count("(unsure)") > 0
    assert await shown(page) == "Ever fried"
    await page.evaluate("getSelection().selectAllChildren(document.getElementById('finals'))")
    assert "unsure" not in await page.evaluate("String(getSelection())")
    await page.get_by_role("button", name="Copy").click()
    assert "unsure" not in await copied(visit, served)


async def focus_by_tab(page: Page, selector: str, key: str = "Tab") -> None:
    for _ in range(60):
        if await page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        await page.keyboard.press(key)
    pytest.fail(f"no way to {selector} with the tabulator")


async def test_sources_are_chosen_begun_and_ended_with_the_keyboard_alone(
    visit: Visit, served: RunningServer, tmp_path: Path
) -> None:
    page = await visit.open(address_of(served))
    press = page.keyboard.press
    await focus_by_tab(page, "[name=source]")
    await press("ArrowLeft")  # around, to the last one
    async with run_origin(tmp_path) as origin:
        await focus_by_tab(page, "#url")
        await page.keyboard.type(origin.url("none.mp3"))
        await press("Enter")
        await page.keyboard.type(KEYS[0])  # the dialog has the focus
        await press("Enter")
        await wait_for_runs(page, 1)
    await expect(page.get_by_role("alert")).to_contain_text("Invalid stream")
    await expect(page.locator("#start")).to_be_focused()

    await focus_by_tab(page, "[name=source]", "Shift+Tab")
    await press("ArrowRight")
    await expect(page.get_by_role("radio", name="Microphone")).to_be_checked()
    await focus_by_tab(page, "#start")
    await press("Enter")
    await expect(page.locator("#state")).to_have_text(RUNS)
    await focus_by_tab(page, "#stop")
    await press("Enter")
    await wait_for_runs(page, 2)
    await expect(page.locator("#start")).to_be_focused()


async def test_the_large_captions_are_opened_and_set_with_the_keyboard_alone(
    visit: Visit, served: RunningServer
) -> None:
    page = await visit.open(address_of(served))
    await focus_by_tab(page, "#large")
    async with page.expect_popup() as opened:
        await page.keyboard.press("Enter")
    large = await opened.value
    for selector, key, value in (
        ("#size", "ArrowRight", "68"),
        ("#count", "ArrowDown", "3"),
        ("#colours", "ArrowDown", "yellow"),
    ):
        await focus_by_tab(large, selector)
        await large.keyboard.press(key)
        await expect(large.locator(selector)).to_have_value(value)
    await focus_by_tab(large, "#full")
    await large.keyboard.press("Enter")
    await expect(large.locator("#full")).to_have_text("Leave full screen")


async def test_a_file_and_all_options_are_chosen_with_the_keyboard_alone(
    visit: Visit, served: RunningServer
) -> None:
    page = await visit.open(address_of(served))
    press = page.keyboard.press
    await focus_by_tab(page, "[name=source]")
    await press("ArrowRight")
    await press("ArrowRight")
    await focus_by_tab(page, "#file")
    await page.locator("#file").set_input_files(BECKETT)  # the chooser is the browser's own
    await focus_by_tab(page, "summary")
    await press("Enter")
    await focus_by_tab(page, "#language")
    await press("e")
    await expect(page.locator("#language")).to_have_value("en")
    await focus_by_tab(page, "#mode")
    await press("ArrowDown")
    await expect(page.locator("#mode")).to_have_value("quality")
    await focus_by_tab(page, "#digits")
    await press("Space")
    await focus_by_tab(page, "#forget-key")
    await press("Enter")
    await page.keyboard.type(KEYS[0])  # the dialog has the focus
    await press("Enter")
    await expect(page.locator("#forget-key")).to_be_focused()
    await focus_by_tab(page, "#start")
    await press("Enter")
    await wait_for_runs(page, 1)
    await expect(page.locator("#start")).to_be_focused()


async def test_the_transcript_is_worked_on_with_the_keyboard_alone(
    visit: Visit, served: RunningServer
) -> None:
    page = await visit.open(address_of(served))
    await caption_file(page, BECKETT)
    press = page.keyboard.press
    await focus_by_tab(page, ".speaker")
    await press("Enter")
    await page.keyboard.type("Sam")
    await press("Enter")
    await expect(page.locator(".speaker").first).to_have_text("Sam")
    await expect(page.locator(".speaker").first).to_be_focused()
    await focus_by_tab(page, "#words", "Shift+Tab")
    await note_playing(page)
    await press("ArrowRight")
    await press("Enter")
    await expect_played(page)
    await press("F2")
    await page.keyboard.type("Never")
    await press("Enter")
    await expect(page.locator("#finals .word").first).to_have_text("Never")
    await expect(page.locator("#finals .word").first).to_be_focused()
    await press("End")
    await expect(page.locator("#finals .word").last).to_be_focused()
    await focus_by_tab(page, "#copy", "Shift+Tab")
    await press("Enter")
    assert "Never" in await copied(visit, served)
    await page.bring_to_front()
    await focus_by_tab(page, "#format")
    async with page.expect_download() as begun:
        await press("ArrowDown")
    assert (await begun.value).suggested_filename.endswith(".txt")
    await focus_by_tab(page, "#clear")
    await press("Enter")
    await press("Tab")
    await press("Enter")
    await expect(page.locator("#empty")).to_be_visible()

"""Whatever goes wrong is told in words, and there is a way on."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from scribewire.engines.engines import Engines
from scribewire.testing.running import RunningServer, run_server
from tests.parts.browser import Visit, open_context
from tests.parts.cutting_proxy import run_cutting_proxy
from tests.parts.origin import run_origin
from tests.parts.page_visit import (
    CITIES_SAID,
    RUNS,
    address_of,
    faults_in_both_schemes,
    give_key,
    shown,
    wait_for_runs,
    word_error,
)

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="package")]


async def test_a_key_that_is_wrong_is_asked_for_again(visit: Visit, served: RunningServer) -> None:
    visit.expected = ("401", "WebSocket connection")
    page = await visit.open(address_of(served))
    await page.get_by_role("button", name="Start").click()
    await give_key(page, "wrong-key")

    await expect(page.locator("#key-why")).to_contain_text("does not know this key")
    await expect(page.locator("#notice")).to_contain_text("refused")
    assert await faults_in_both_schemes(page) == []
    await give_key(page)
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    await expect(page.locator("#state")).to_have_text(RUNS)


async def test_what_is_missing_is_said_before_anything_is_sent(
    visit: Visit, served: RunningServer
) -> None:
    page = await visit.open(address_of(served))
    start = page.get_by_role("button", name="Start")
    await page.get_by_role("radio", name="Stream URL").check()
    await start.click()
    await expect(page.get_by_role("alert")).to_contain_text("address of the stream first")
    assert await faults_in_both_schemes(page) == []
    await page.get_by_role("radio", name="File").check()
    await start.click()
    await expect(page.get_by_role("alert")).to_contain_text("Choose a file first")
    assert await faults_in_both_schemes(page) == []
    await page.get_by_role("radio", name="Microphone").check()
    await start.click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#state")).to_have_text("Not connected")
    await expect(start).to_be_focused()


async def test_a_file_that_is_none_is_told(
    visit: Visit, served: RunningServer, tmp_path: Path
) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("no sound")
    page = await visit.open(address_of(served))
    await page.get_by_role("radio", name="File").check()
    await page.get_by_label("Audio or video file").set_input_files(path)
    await page.get_by_role("button", name="Start").click()
    await give_key(page)
    await expect(page.get_by_role("alert")).to_contain_text("cannot read the file as audio")
    assert await faults_in_both_schemes(page) == []


async def test_a_person_who_does_not_allow_the_microphone_is_told_how(
    browser: Browser, served: RunningServer
) -> None:
    async with open_context(browser, "clipboard-read") as visit:  # grants, and no microphone
        page = await visit.open(address_of(served))
        await page.get_by_role("button", name="Start").click()
        await give_key(page)

        await expect(page.get_by_role("alert")).to_contain_text("may not use the microphone")
        assert await faults_in_both_schemes(page) == []
        await expect(page.get_by_role("button", name="Start")).to_be_visible()


async def test_a_stream_that_cannot_be_fetched_is_told(
    visit: Visit, served: RunningServer, tmp_path: Path
) -> None:
    async with run_origin(tmp_path) as origin:
        page = await visit.open(address_of(served))
        await page.get_by_role("radio", name="Stream URL").check()
        await page.get_by_label("Address of the stream").fill(origin.url("none.mp3"))
        await page.get_by_role("button", name="Start").click()
        await give_key(page)

        await expect(page.get_by_role("alert")).to_contain_text("Invalid stream")
        await expect(page.locator("#state")).to_have_text("Stopped by a problem")
        assert await faults_in_both_schemes(page) == []


async def test_a_server_that_restarts_mid_sentence_goes_on_where_it_was(
    visit: Visit, engines: Engines
) -> None:
    visit.expected = ("WebSocket connection", "Failed to load resource")
    async with run_server(engines) as first:
        port = first.address.port
        page = await visit.open(address_of(first))
        await page.get_by_role("button", name="Start").click()
        await give_key(page)
        await expect(page.locator("#finals")).to_contain_text("worst of times")
    await expect(page.get_by_role("alert")).to_contain_text("Connecting again")
    await expect(page.locator("#state")).to_have_text("Connecting…")
    assert await faults_in_both_schemes(page) == []
    async with run_server(engines, port=port):
        await expect(page.locator("#finals")).to_contain_text("foolishness")
        await expect(page.get_by_role("alert")).to_be_empty()
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("button", name="Start")).to_be_visible()

    # A word where it was cut may be heard twice.
    assert word_error(await shown(page), CITIES_SAID) <= 0.1


async def test_a_network_that_breaks_mid_sentence_costs_no_word(
    visit: Visit, served: RunningServer
) -> None:
    visit.expected = ("WebSocket connection", "Failed to load resource")
    async with run_cutting_proxy(served.address.port) as proxy:
        page = await visit.open(f"http://127.0.0.1:{proxy.port}/")
        await page.get_by_role("button", name="Start").click()
        await give_key(page)
        await expect(page.locator("#partial")).to_contain_text("worst")
        async with proxy.refusing():
            proxy.cut_all()
            await expect(page.get_by_role("alert")).to_contain_text("Connecting again")
            await expect(page.locator("#state")).to_have_text("Connecting…")
        await expect(page.locator("#finals")).to_contain_text("foolishness")
        await expect(page.get_by_role("alert")).to_be_empty()
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("button", name="Start")).to_be_visible()

    assert word_error(await shown(page), CITIES_SAID) <= 0.05


async def test_a_server_that_is_gone_is_told(visit: Visit, engines: Engines) -> None:
    visit.expected = ("WebSocket connection", "Failed to load resource")
    async with run_server(engines) as server:
        page = await visit.open(address_of(server))
    await page.get_by_role("button", name="Start").click()
    await give_key(page)
    await expect(page.get_by_role("alert")).to_contain_text("is the server running there")
    assert await faults_in_both_schemes(page) == []
    await expect(page.get_by_role("button", name="Start")).to_be_visible()


async def test_who_will_not_wait_for_the_end_leaves_at_once(
    visit: Visit, served: RunningServer
) -> None:
    page = await visit.open(address_of(served))
    await page.get_by_role("button", name="Start").click()
    await give_key(page)
    await expect(page.locator("#state")).to_have_text(RUNS)
    said = await page.evaluate(
        """() => {
            const [start, stop] = ["start", "stop"].map((id) => document.getElementById(id));
            stop.click();
            const said = [stop.textContent, start.hidden];
            stop.dispatchEvent(new MouseEvent("click", { detail: 2 })); // of a double click
            said.push(start.hidden);
            stop.click();
            return [...said, start.hidden, document.body.dataset.runs];
        }"""
    )

    assert said == ["Finishing… (leave now)", True, True, False, "1"]
    await expect(page.locator("#state")).to_have_text("Not connected")
    await expect(page.get_by_role("alert")).to_be_empty()
    await page.get_by_role("button", name="Start").click()
    await page.get_by_role("button", name="Stop", exact=True).click()
    await wait_for_runs(page, 2)


async def test_a_browser_without_the_sound_of_tabs_says_so_before(
    visit: Visit, served: RunningServer
) -> None:
    page = await visit.open(address_of(served))
    tab = page.get_by_role("radio", name="Tab or screen")
    await tab.check()
    await expect(page.locator("#tab-hint")).to_contain_text("Tick “share audio”")
    assert await faults_in_both_schemes(page) == []
    add_script = visit.context.add_init_script
    await add_script("MediaDevices.prototype.getSupportedConstraints = () => ({})")
    await page.reload()
    await tab.check()
    await expect(page.locator("#tab-hint")).to_contain_text("may share no sound")
    assert await faults_in_both_schemes(page) == []
    await add_script("delete MediaDevices.prototype.getDisplayMedia")
    await page.reload()

    await expect(tab).to_be_hidden()
    await expect(page.get_by_role("radio", name="File")).to_be_visible()

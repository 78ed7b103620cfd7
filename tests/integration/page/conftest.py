from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from scribewire.engines.engines import Engines
from scribewire.testing.running import RunningServer, run_server
from tests.parts.browser import PATIENCE_MS, Visit, open_context, run_browser, write_beginning
from tests.parts.page_visit import ASSETS, CITIES_S


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def served(engines: Engines) -> AsyncIterator[RunningServer]:
    async with run_server(engines, allow_source=("127.0.0.1",)) as server:
        yield server


@pytest.fixture(scope="package")
def cities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphone hears, once."""
    path = tmp_path_factory.mktemp("microphone") / "cities.wav"
    return write_beginning(path, ASSETS / "two_cities.wav", CITIES_S)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser(cities: Path) -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    async with run_browser(microphone=cities) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    options = {"viewport": {"width": 1280, "height": 800}, "accept_downloads": True}
    async with open_context(
        browser, "microphone", "clipboard-read", "clipboard-write", **options
    ) as one:
        yield one

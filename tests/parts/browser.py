"""A real browser without a screen: Debian's Chromium, whose microphone plays a file.

Everything that a page writes to its console as a fault, and every exception of it, fails the test.
"""

from __future__ import annotations

import contextlib
import wave
from typing import TYPE_CHECKING, Final

from playwright.async_api import async_playwright

from tests.parts.installed import find_part, need_part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

BROWSER: Final = "chromium"
PATIENCE_MS: Final = 20_000.0  # on a machine that runs the other tests too
_LEAD_S: Final = 1.5  # a microphone plays before the page's audio thread listens


@contextlib.asynccontextmanager
async def run_browser(*, microphone: Path | None = None) -> AsyncIterator[Browser]:
    """Run a browser. Its microphone plays the WAV file once, as soon as a page listens; without one
    a page may ask for a microphone, and is refused."""
    need_part(BROWSER)
    heard = (
        ()
        if microphone is None
        else (
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
        )
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_part(BROWSER),
            args=["--no-sandbox", *heard],  # root, as in continuous integration, has no sandbox
        )
        try:
            yield browser
        finally:
            await browser.close()


def write_beginning(path: Path, recording: Path, length_s: float) -> Path:
    """Write the beginning of a recording for a microphone, after silence that a page may miss."""
    with wave.open(str(recording)) as whole, wave.open(str(path), "wb") as part:
        part.setparams(whole.getparams())
        frame_bytes = whole.getnchannels() * whole.getsampwidth()
        part.writeframes(bytes(round(_LEAD_S * whole.getframerate()) * frame_bytes))
        part.writeframes(whole.readframes(round(length_s * whole.getframerate())))
    return path


@contextlib.asynccontextmanager
async def open_context(browser: Browser, *granted: str, **options: object) -> AsyncIterator[Visit]:
    """A person's browser, who has granted these. At the end it raises AssertionError for what went
    wrong in its pages.
    """
    context = await browser.new_context(permissions=[*granted], **options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(context)
    try:
        yield visit
    finally:
        await context.close()
    if visit.found:
        raise AssertionError("the page did wrong: " + "; ".join(visit.found))


class Visit:
    """Pages of one person, and what goes wrong there."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.found: list[str] = []
        self.expected: tuple[str, ...] = ()
        """Parts of what may go wrong: a browser tells of every answer that is a refusal."""
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.found.append(str(error.error)))

    async def open(self, address: str) -> Page:
        """Open a page."""
        page = await self.context.new_page()
        await page.goto(address)
        return page

    def _note_console(self, message: ConsoleMessage) -> None:
        is_expected = any(part in message.text for part in self.expected)
        if message.type in ("error", "warning") and not is_expected:
            self.found.append(message.text)

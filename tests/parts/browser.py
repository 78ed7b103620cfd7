"""Chromium with a microphone that plays a file, and a page that reports what it sees."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any  # of JSON

from websockets.asyncio.server import Server, serve
from websockets.datastructures import Headers
from websockets.http11 import Response

from tests.parts.installed import find_part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request

PATIENCE_S = 60.0
# What a page's script calls `report` with comes to whoever opened it. Text in pages is not secret.
_PAGE = """<!doctype html><meta charset="utf-8"><script type="module">
const told = [], reports = new WebSocket(`ws://${location.host}/`);
reports.onopen = () => told.splice(0).forEach((text) => reports.send(text));
const report = (what) => {
  const text = JSON.stringify(what);
  if (reports.readyState === 1) reports.send(text); else told.push(text);
};
try {
  %s
} catch (error) {
  report({ thrown: String(error) });
}
</script>"""


@dataclass
class Page:
    """What a page has reported, in order."""

    origin: str
    """As its requests say it."""
    reports: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def next(self) -> dict[str, Any]:
        """Wait for its next report. Raises AssertionError for what its script throws."""
        async with asyncio.timeout(PATIENCE_S):
            report = await self.reports.get()
        assert "thrown" not in report, report["thrown"]
        return report


class PageServer:
    """Serves one page, and takes its reports."""

    def __init__(self) -> None:
        self.script = ""
        self.page = Page("")

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[Page]:
        """Serve while the context is open."""
        async with serve(self._take, "127.0.0.1", 0, process_request=self._answer) as server:
            self.page.origin = f"http://127.0.0.1:{_port_of(server)}"
            yield self.page

    def _answer(self, _: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Upgrade"):
            return None
        body = (_PAGE % self.script).encode()
        headers = Headers({"Content-Type": "text/html", "Content-Length": str(len(body))})
        return Response(200, "OK", headers, body)

    async def _take(self, websocket: ServerConnection) -> None:
        async for message in websocket:
            self.page.reports.put_nowait(json.loads(message))


def _port_of(server: Server) -> int:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


@contextlib.asynccontextmanager
async def run_chromium(url: str, microphone: Path) -> AsyncIterator[None]:
    """Open a page; what it records is the WAV file, once."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            find_part("chromium"),
            "--headless=new",
            "--no-sandbox",  # root has none
            "--disable-gpu",
            "--no-first-run",
            f"--user-data-dir={profile}",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
            url,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await process.wait()

"""The clients of the cuts drill: each says one clip through a proxy, and returns its finals.

`say_raw` holds to the wire alone (protocol/protocol.md, section 11); the others are what we give to
programs and pages, as they are used.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import WebSocketException

from scribewire.client import FinalResult, ResumePolicy, blocking, connect
from scribewire.protocol.resuming import ComeBack
from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM, client_url
from scribewire.types import PCM_BYTES_PER_S
from scribewire.wishes import Wishes
from tests.parts.browser import open_context, run_browser

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

    from tests.parts.browser import Visit

PIECE_BYTES: Final = PCM_BYTES_PER_S // 10
RETRY_S: Final = 0.2
MOST_ATTEMPTS: Final = 50
PAGES: Final = "http://drill.localhost"
_SDK: Final = Path(__file__).parents[1] / "sdk/browser/src"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What one client is to do."""

    url: str
    """Where the server is to be found: ws://host:port."""
    key: str = field(repr=False)
    wishes: Wishes
    pcm: bytes | None = field(repr=False)
    """What is pushed; None: the server pulls it."""
    piece_s: float
    """How long a tenth of a second of audio takes."""
    on_stop: Callable[[], None] = lambda: None
    """To be called when the client says that nothing more will come."""


Client: TypeAlias = Callable[[Saying], Awaitable[list[str]]]


class SayingFailedError(Exception):
    """A session that did not end well."""


# On the wire.


async def say_raw(saying: Saying) -> list[str]:
    """Say it, over as many connections as it takes."""
    session = _RawSession(saying)
    for _ in range(MOST_ATTEMPTS):
        with contextlib.suppress(OSError, WebSocketException):
            async with connect_websocket(session.address(), proxy=None, max_size=None) as wire:
                await session.use(wire)
        if session.is_over:
            return session.finals
        await asyncio.sleep(RETRY_S)
    raise SayingFailedError(f"not at its end after {MOST_ATTEMPTS} connections")


class _RawSession:
    """All that a client has to know of a session: its name, its finals, its audio."""

    def __init__(self, saying: Saying) -> None:
        self.finals: list[str] = []
        """Letter by letter, as they came."""
        self.is_over = False
        self._saying = saying
        self._back: ComeBack | None = None
        self._has_stopped = False
        self._began_at = asyncio.get_running_loop().time()

    def address(self) -> str:
        """Return where to connect to: for a session, or for the one there is."""
        saying = self._saying
        endpoint = MICROPHONE if saying.pcm is not None else STREAM
        resuming = self._back or True
        return client_url(saying.url, endpoint, saying.wishes, key=saying.key, resuming=resuming)

    async def use(self, wire: ClientConnection) -> None:
        """Talk over a connection for as long as it holds."""
        sending: asyncio.Task[None] | None = None
        try:
            if self._saying.pcm is not None:
                await wire.send('{"action":"start"}')
            while not self.is_over:
                text = await wire.recv(decode=True)
                message: dict[str, Any] = json.loads(text)
                self._note(str(text), message)
                if message.get("state") == "listening" and self._saying.pcm is not None:
                    rest = self._send(wire, self._saying.pcm, message["received_bytes"])
                    sending = asyncio.create_task(rest)
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    def _note(self, text: str, message: dict[str, Any]) -> None:
        if "error" in message:
            raise SayingFailedError(message["error"])
        if message.get("is_final"):
            self.finals.append(text)
            assert self._back is not None
            self._back = replace(self._back, finals=message["number"])
        match message.get("state"):
            case "listening":
                self._back = ComeBack(
                    session_id=message["session_id"],
                    epoch=message["epoch"],
                    finals=0 if self._back is None else self._back.finals,
                )
            case "stopped":
                self.is_over = True

    async def _send(self, wire: ClientConnection, pcm: bytes, position: int) -> None:
        while position < len(pcm):
            end = position - position % PIECE_BYTES + PIECE_BYTES
            await _sleep_until(self._began_at + end / PIECE_BYTES * self._saying.piece_s)
            await wire.send(pcm[position:end])
            position = end
        if not self._has_stopped:
            self._has_stopped = True
            self._saying.on_stop()
        await wire.send('{"action":"stop"}')


async def _sleep_until(due_at: float) -> None:
    await asyncio.sleep(max(0.0, due_at - asyncio.get_running_loop().time()))


# The Python clients.

_SOON: Final = ResumePolicy(first_delay_s=0.05, most_delay_s=0.5)


async def say_asyncio(saying: Saying) -> list[str]:
    """Say it with `scribewire.client`."""
    pcm = saying.pcm
    fields = saying.wishes.fields()
    async with connect(saying.url, key=saying.key, resume=_SOON, **fields) as client:

        async def send() -> None:
            began_at = asyncio.get_running_loop().time()
            for number, piece in enumerate(_pieces(pcm or b""), 1):
                await _sleep_until(began_at + number * saying.piece_s)
                await client.send_audio(piece)
            if pcm is not None:
                saying.on_stop()
                await client.stop()

        sending = asyncio.create_task(send())
        try:
            return [_as_json(one) async for one in client if isinstance(one, FinalResult)]
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def say_blocking(saying: Saying) -> list[str]:
    """Say it with `scribewire.client.blocking`, on threads."""
    loop = asyncio.get_running_loop()
    return await asyncio.to_thread(_say_blocking, saying, loop)


def _say_blocking(saying: Saying, loop: asyncio.AbstractEventLoop) -> list[str]:
    fields = saying.wishes.fields()
    with blocking.connect(saying.url, key=saying.key, resume=_SOON, **fields) as client:
        has_ended = threading.Event()

        def send(pcm: bytes) -> None:
            began_at = time.monotonic()
            for number, piece in enumerate(_pieces(pcm), 1):
                if has_ended.wait(max(0.0, began_at + number * saying.piece_s - time.monotonic())):
                    return
                client.send_audio(piece)
            loop.call_soon_threadsafe(saying.on_stop)
            client.stop()

        sending = threading.Thread(target=send, args=[saying.pcm or b""])
        if saying.pcm is not None:
            sending.start()
        try:
            return [_as_json(one) for one in client if isinstance(one, FinalResult)]
        finally:
            has_ended.set()
            if saying.pcm is not None:
                sending.join()


def _pieces(pcm: bytes) -> Iterator[bytes]:
    return (pcm[start : start + PIECE_BYTES] for start in range(0, len(pcm), PIECE_BYTES))


def _as_json(final: FinalResult) -> str:
    return json.dumps(asdict(final), sort_keys=True)


# The browser SDK.

_BEGIN: Final = """async ({ server, token, url, mode, language, endpointingMs, retry }) => {
  const { Transcription } = await import("/index.js");
  const captions = new Transcription({ server, token, url, mode, language, endpointingMs, retry });
  const told = { finals: [], failures: [] };
  captions.on("final", (final) => told.finals.push(JSON.stringify(final)));
  captions.on("error", ({ code, message }) => told.failures.push(`${code}: ${message}`));
  captions.on("gap", (gap) => told.failures.push(`gap: ${JSON.stringify(gap)}`));
  const ended = new Promise((resolve) => captions.on("end", resolve));
  Object.assign(window, { captions, told, ended });
  await captions.start().catch(() => {}); // "error" has told it
}"""
_SAY: Final = """async ({ audio, pieceBytes, pieceMs }) => {
  const pcm = Uint8Array.from(atob(audio), (letter) => letter.charCodeAt(0));
  const beganAt = performance.now();
  for (let start = 0, number = 1; start < pcm.length; start += pieceBytes, number += 1) {
    const due = beganAt + number * pieceMs - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due)));
    captions.sendAudio(pcm.slice(start, start + pieceBytes));
  }
}"""
_STOP: Final = "() => captions.stop()"
_END: Final = "async () => { await ended; return told; }"


@contextlib.asynccontextmanager
async def open_pages() -> AsyncIterator[Client]:
    """Give a client that says it in a page of Chromium, a page for each."""
    async with (
        run_browser() as browser,
        open_context(browser, "local-network-access") as visit,
    ):
        visit.expected = (  # of connections that are cut
            "WebSocket connection to",
            "Failed to load resource",
            "blocked by CORS policy",
        )
        await visit.context.route(f"{PAGES}/**", _serve_file)
        yield partial(_say_in_page, visit)


async def _say_in_page(visit: Visit, saying: Saying) -> list[str]:
    page = await visit.open(f"{PAGES}/page.html")
    try:
        return await _use_page(page, saying)
    finally:
        await page.close()


async def _use_page(page: Page, saying: Saying) -> list[str]:
    wishes = saying.wishes
    asked = {
        "server": saying.url,
        "token": saying.key,
        "url": wishes.url,
        "mode": wishes.mode,
        "language": wishes.language,
        "endpointingMs": wishes.endpointing_ms,
        "retry": {"attempts": MOST_ATTEMPTS, "firstDelayMs": 50, "longestDelayMs": 500},
    }
    await page.evaluate(_BEGIN, {name: value for name, value in asked.items() if value is not None})
    if saying.pcm is not None:
        audio = base64.b64encode(saying.pcm).decode()
        pieces = {"pieceBytes": PIECE_BYTES, "pieceMs": 1000 * saying.piece_s}
        await page.evaluate(_SAY, {"audio": audio, **pieces})
        saying.on_stop()
        await page.evaluate(_STOP)
    told = await page.evaluate(_END)
    if told["failures"]:
        raise SayingFailedError("; ".join(told["failures"]))
    return [str(final) for final in told["finals"]]


async def _serve_file(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    if name == "page.html":
        body = '<!doctype html><link rel="icon" href="data:,"><title>drill</title>'
        await route.fulfill(content_type="text/html", body=body)
    else:
        await route.fulfill(path=_SDK / name)

"""How a session of stream mode ends, whoever ends it: sources and clients from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from typing import Any

from scribewire.audio.container import AudioInfo, TrackWish
from scribewire.errors import CloseCode
from scribewire.server.app import make_app
from scribewire.sources.events import SourceAudio, SourceEvent, SourceGap, SourceOpened
from scribewire.sources.http.urls import HttpUrl
from scribewire.sources.pulled import Sources
from scribewire.testing.running import RunningServer, run_server

Events = Callable[[], AsyncGenerator[SourceEvent, None]]

OPENED = SourceOpened(
    AudioInfo(container="wav", codec="pcm_s16le", rate_hz=16_000, channels=1, duration_ms=None),
    is_live=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedSources(Sources):
    """Sources whose every address gives the same events."""

    events: Events

    def pull(
        self,
        url: str | HttpUrl,
        wish: TrackWish | None = None,
        may_reach: Callable[[str], bool] | None = None,
    ) -> AsyncGenerator[SourceEvent, None]:
        return self.events()


class QuietClient:
    """ASGI's side of a session whose client says nothing until it leaves."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.waiting.put_nowait({"type": "websocket.connect"})
        self.sent: list[dict[str, Any]] = []

    def leave(self) -> None:
        self.waiting.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        self.sent.append(message)


async def serve_stream(server: RunningServer, client: QuietClient, events: Events) -> None:
    known = server.services.sources
    scripted = ScriptedSources(
        fetcher=known.fetcher,
        decoders=known.decoders,
        retry=known.retry,
        open_timeout_s=1,
        events=events,
    )
    scope = {
        "type": "websocket",
        "path": "/v2/client/key-1",
        "query_string": b"url=http://a.example/",
        "headers": [],
    }
    app = make_app(replace(server.services, sources=scripted))
    await app(scope, client.waiting.get, client.send)


async def test_nothing_more_is_pulled_for_a_client_that_has_gone() -> None:
    client = QuietClient()
    told: list[str] = []

    async def events() -> AsyncGenerator[SourceEvent, None]:
        yield OPENED
        client.leave()
        yield SourceGap(3600.0)
        told.append("asked for more")

    async with run_server() as server:
        await serve_stream(server, client, events)

    assert told == []


async def test_a_fault_of_ours_at_the_end_of_a_source_ends_the_session_too() -> None:
    client = QuietClient()
    async with run_server() as server:

        async def events() -> AsyncGenerator[SourceEvent, None]:
            yield OPENED
            yield SourceAudio(bytes(640))
            await server.services.scheduler.aclose()

        async with asyncio.timeout(5):
            await serve_stream(server, client, events)

    assert client.sent[-1]["code"] == CloseCode.SERVER_FAULT

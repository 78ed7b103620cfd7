"""Servers of one cluster that hear the same radio: one of them is connected to it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from scribewire.audio.container import TrackWish
from scribewire.cluster.pulls.pulls import ClusterPulls
from scribewire.sources.events import SourceAudio, SourceEvent, SourceGap, SourceLost, SourceOpened
from scribewire.sources.shared.pulls import AskedPull
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.icecast import Icecast, run_icecast
from tests.parts.installed import need_part
from tests.parts.likeness import measure_likeness
from tests.parts.media import make_file
from tests.parts.raw_origin import HANG, Answer, live, run_raw_origin
from tests.parts.scripted_server import run_scripted_server
from tests.parts.wav import FOREVER, wav

if TYPE_CHECKING:
    from tests.parts.nats_server import NatsServer
    from tests.parts.raw_origin import RawOrigin

PATIENCE_S = 60.0
SPEECH = draw_pcm("." * 20 + "hello" * 3 + "." * 40 + "again" * 3 + "." * 40)
ON_AIR = "icy-name: Radio Example"


def radio(*steps: bytes | asyncio.Event) -> Answer:
    return (live(wav(b"", size=FOREVER), ON_AIR), *steps, HANG)


@contextlib.asynccontextmanager
async def run_member(nats: NatsServer) -> AsyncIterator[RunningServer]:
    async with run_server(cluster=(nats.url,), allow_source=("127.0.0.1",)) as server:
        yield server


@contextlib.asynccontextmanager
async def hearing(server: RunningServer, origin: RawOrigin) -> AsyncIterator[RawClient]:
    path = f"/v2/client/key-1?url={quote(origin.url('/live'), safe='')}"
    async with server.dial(path) as client:
        yield client


def count_listening(server: RunningServer) -> int:
    """Return how many servers hear what this one pulls."""
    elsewhere = server.services.pulls.elsewhere
    assert isinstance(elsewhere, ClusterPulls)
    return elsewhere.listening


async def until_finals(client: RawClient, count: int) -> list[tuple[str, int]]:
    """Return what was said, and where on the client's own clock."""
    while len(client.finals) < count:
        await client.next()
    return [(m["text"], m["offset_ms"]) for m in client.messages if m.get("is_final")]


@pytest.mark.slow
async def test_one_address_asked_for_at_three_servers_is_pulled_once(nats: NatsServer) -> None:
    may_speak = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(PATIENCE_S))
        origin = await stack.enter_async_context(run_raw_origin(radio(may_speak, SPEECH)))
        servers = [await stack.enter_async_context(run_member(nats)) for _ in range(3)]
        may_speak.set()
        async with (
            run_server(allow_source=("127.0.0.1",)) as without,
            hearing(without, origin) as alone,
        ):
            expected = await until_finals(alone, 2)
        may_speak.clear()
        before = origin.connections
        clients = [await stack.enter_async_context(hearing(one, origin)) for one in servers]
        while sum(count_listening(one) for one in servers) < 2:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        may_speak.set()
        found = await asyncio.gather(*(until_finals(one, 2) for one in clients))

    assert list(found) == [expected] * 3
    assert origin.connections == before + 1


DRAWN = "." * 30 + "hello" * 3 + "." * 60
PERIOD_MS = len(draw_pcm(DRAWN)) // 32
ALIVE = {"allow_source": ("127.0.0.1",)}


@pytest.fixture
async def icecast(tmp_path: Path) -> AsyncIterator[Icecast]:
    need_part("ffmpeg", "icecast2")
    folder = tmp_path / "icecast"
    folder.mkdir()
    async with run_icecast(folder) as running:
        await running.feed(make_file(tmp_path, draw_pcm(DRAWN), "ogg-flac"), "/live.ogg")
        yield running


def path_to(url: str) -> str:
    return f"/v2/client/key-1?url={quote(url, safe='')}"


async def until_listening(client: RawClient, times: int) -> None:
    while sum(m.get("state") == "listening" for m in client.messages) < times:
        await client.next()


@dataclass
class Listener:
    """What one server's sessions would hear, and when."""

    events: list[SourceEvent] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    has_news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, heard: AsyncGenerator[SourceEvent, None]) -> None:
        async with contextlib.aclosing(heard) as events:
            async for event in events:
                self.events.append(event)
                self.times_s.append(time.monotonic())
                self.has_news.set()

    async def until_heard(self, seconds: float, *, openings: int) -> None:
        """Wait for so much audio after the given opening."""
        while self.audio_s(openings) < seconds:
            self.has_news.clear()
            await self.has_news.wait()

    def audio_s(self, openings: int) -> float:
        heard_s = 0.0
        for event in self.events:
            openings -= isinstance(event, SourceOpened)
            heard_s += event.seconds if isinstance(event, SourceAudio) and openings == 0 else 0
        return heard_s

    @property
    def told(self) -> list[type[SourceEvent]]:
        return [type(x) for x in self.events if not isinstance(x, SourceAudio | SourceGap)]

    @property
    def pcm(self) -> bytes:
        return b"".join(x.pcm for x in self.events if isinstance(x, SourceAudio))

    @property
    def timeline_s(self) -> float:
        return sum(x.seconds for x in self.events if isinstance(x, SourceAudio | SourceGap))


@contextlib.asynccontextmanager
async def listening(heard: AsyncGenerator[SourceEvent, None]) -> AsyncIterator[Listener]:
    listener = Listener()
    task = asyncio.create_task(listener.listen(heard))
    try:
        yield listener
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.slow
async def test_a_server_that_is_killed_is_followed_within_ten_seconds_and_nothing_is_missing(
    nats: NatsServer, icecast: Icecast, tmp_path: Path, speech: bytes
) -> None:
    await icecast.feed(make_file(tmp_path, speech, "mp3"), "/speech.mp3")
    url = icecast.url("/speech.mp3")
    async with (
        asyncio.timeout(PATIENCE_S),
        run_scripted_server(tmp_path, cluster=(nats.url,), **ALIVE) as owner,
        run_member(nats) as server,
        owner.dial(path_to(url)) as there,
    ):
        await until_listening(there, 1)
        asked, sources = AskedPull(url=url, wish=TrackWish(language="en")), server.services.sources
        async with (
            listening(sources.pull(url)) as undisturbed,
            listening(server.services.pulls.hear(sources, asked)) as here,
        ):
            await here.until_heard(14.0, openings=1)  # more than a radio server sends at once
            ahead_s = here.timeline_s - here.times_s[-1]
            listeners = await icecast.listeners("/speech.mp3")
            await owner.program.kill()
            killed_at = time.monotonic()
            await here.until_heard(3.0, openings=2)
            listeners_after = await icecast.listeners("/speech.mp3")
            ahead_s_after = here.timeline_s - here.times_s[-1]

    opened = [i for i, event in enumerate(here.events) if isinstance(event, SourceOpened)]
    assert here.told == [SourceOpened, SourceLost, SourceOpened]
    assert here.times_s[opened[1]] - killed_at < 10
    assert (listeners, listeners_after) == (2, 2)  # one of them is undisturbed
    assert ahead_s_after == pytest.approx(ahead_s, abs=1.0)  # times stay true
    likeness = measure_likeness(here.pcm, undisturbed.pcm)
    assert likeness.correlation > 0.98  # nothing twice, nothing missing


@pytest.mark.slow
async def test_a_server_that_hangs_is_followed_and_neither_hears_two(
    nats: NatsServer, icecast: Icecast, tmp_path: Path
) -> None:
    url = icecast.url("/live.ogg")
    async with (
        asyncio.timeout(PATIENCE_S),
        run_scripted_server(tmp_path, cluster=(nats.url,), **ALIVE) as owner,
        run_member(nats) as server,
        owner.dial(path_to(url)) as there,
    ):
        first = await until_finals(there, 2)
        async with server.dial(path_to(url)) as here:
            heard = await until_finals(here, 2)
            owner.signal(signal.SIGSTOP)
            await until_listening(here, 2)
            owner.signal(signal.SIGCONT)
            woken = await until_finals(there, len(first) + 6)
            followed = await until_finals(here, len(heard) + 5)

    for finals in (woken, followed):
        offsets = [at_ms for _, at_ms in finals]
        assert offsets == sorted(offsets)
        apart_ms = [later - earlier for earlier, later in itertools.pairwise(offsets)]
        assert apart_ms.count(PERIOD_MS) >= len(apart_ms) - 1  # all but where it was followed
        assert {text for text, _ in finals} <= {"hello" * n for n in (1, 2, 3)}

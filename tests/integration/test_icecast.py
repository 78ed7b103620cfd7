"""A real radio: Icecast, fed by ffmpeg, listened to, restarted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceGap,
    SourceLost,
    SourceOpened,
)
from scribewire.sources.http.addresses import AddressPolicy, AddressRule
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules
from scribewire.testing.running import RawClient, run_server
from scribewire.testing.scripted import draw_pcm
from scribewire.types import PCM_BYTES_PER_S
from tests.parts.decoding import DECODERS
from tests.parts.icecast import Icecast, run_icecast
from tests.parts.installed import need_part
from tests.parts.likeness import measure_likeness
from tests.parts.media import make_file

HOME = AddressPolicy(named=(AddressRule(host="127.0.0.1"),))
SOON = RetryRules(first_wait_s=0.2, max_wait_s=0.4, give_up_after_s=30)
PATIENCE_S = 30.0
DRAWN = "." * 30 + "hello" * 3 + "." * 60
HASTE = 8.0  # as fast as it is played where nothing depends on the time
LESS_HASTE = 3.0  # several at once, and none shall come to the seam where its file begins again


@pytest.fixture
async def icecast(tmp_path: Path) -> AsyncIterator[Icecast]:
    need_part("ffmpeg", "icecast2")
    async with run_icecast(tmp_path) as running:
        yield running


@dataclass
class Listener:
    """What a pull has given so far, and when."""

    events: list[SourceEvent] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, url: str) -> None:
        async with GuardedFetcher(HOME) as fetcher:
            sources = Sources(fetcher=fetcher, decoders=DECODERS, retry=SOON, open_timeout_s=15)
            async with contextlib.aclosing(sources.pull(url)) as events:
                async for event in events:
                    self.events.append(event)
                    self.times_s.append(time.monotonic())
                    self.changed.set()

    async def until_heard(self, seconds: float, *, openings: int = 1) -> bytes:
        """Wait for so much audio after the given opening, and return it."""
        async with asyncio.timeout(PATIENCE_S):
            while len(pcm := self.pcm_after(openings)) < seconds * PCM_BYTES_PER_S:
                self.changed.clear()
                await self.changed.wait()
        return pcm

    def pcm_after(self, openings: int) -> bytes:
        pcm: list[bytes] = []
        for event in self.events:
            openings -= isinstance(event, SourceOpened)
            if isinstance(event, SourceAudio) and openings == 0:
                pcm.append(event.pcm)
        return b"".join(pcm)

    @property
    def told(self) -> list[type[SourceEvent]]:
        """What happened, without the audio and how long it was missed."""
        return [type(x) for x in self.events if not isinstance(x, SourceAudio | SourceGap)]


@contextlib.asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    listener = Listener()
    task = asyncio.create_task(listener.listen(url))
    try:
        yield listener
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def hear(icecast: Icecast, kind: str, codec: str, speech: bytes, file: Path) -> None:
    await icecast.feed(file, f"/{kind}", speed=LESS_HASTE)

    async with listening(icecast.url(f"/{kind}")) as listener:
        heard = await listener.until_heard(2.5)

    opened = listener.events[0]
    assert isinstance(opened, SourceOpened), kind
    assert (opened.is_live, opened.carrier, opened.info.codec) == (True, "a radio stream", codec)
    assert measure_likeness(heard, speech).correlation > 0.98, kind


@pytest.mark.slow
async def test_radio_streams_of_each_kind_are_heard(
    icecast: Icecast, speech: bytes, tmp_path: Path
) -> None:
    kinds = {
        "mp3": "mp3float",
        "aac": "aac",
        "ogg": "vorbis",
        "opus": "opus",
        "ogg-flac": "flac",
    }

    files = {kind: make_file(tmp_path, speech, kind) for kind in kinds}

    await asyncio.gather(
        *(hear(icecast, kind, codec, speech, files[kind]) for kind, codec in kinds.items())
    )


@pytest.mark.slow
async def test_titles_between_the_audio_are_not_heard(
    icecast: Icecast, speech: bytes, tmp_path: Path
) -> None:
    await icecast.feed(make_file(tmp_path, speech, "mp3"), "/live.mp3", speed=HASTE)
    await icecast.set_title("/live.mp3", "What is said and played " * 80)

    async with listening(icecast.url("/live.mp3")) as listener:
        heard = await listener.until_heard(4)  # there is room for a title every 2 s

    assert measure_likeness(heard, speech).correlation > 0.98


def timeline_s(events: Sequence[SourceEvent]) -> float:
    gaps_s = sum(event.seconds for event in events if isinstance(event, SourceGap))
    audio = (len(event.pcm) for event in events if isinstance(event, SourceAudio))
    return gaps_s + sum(audio) / PCM_BYTES_PER_S


def states_of(dialogue: RawClient) -> list[str]:
    return [m["state"] for m in dialogue.messages if "state" in m]


@pytest.mark.slow
async def test_a_restarted_radio_is_heard_again_by_a_session_too_and_the_gap_is_told(
    icecast: Icecast, speech: bytes, tmp_path: Path
) -> None:
    await icecast.feed(make_file(tmp_path, speech, "mp3"), "/live.mp3")
    await icecast.feed(make_file(tmp_path, draw_pcm(DRAWN), "ogg-flac"), "/live.ogg", speed=HASTE)
    path = f"/v2/client/key-1?url={quote(icecast.url('/live.ogg'), safe='')}"

    async with (
        asyncio.timeout(PATIENCE_S),
        run_server(allow_source=("127.0.0.1",), source_retry_ms=10_000) as server,
        server.dial(path) as dialogue,
    ):
        while not dialogue.finals:
            await dialogue.next()
        async with listening(icecast.url("/live.mp3")) as listener:
            await listener.until_heard(0.5)
            await icecast.restart()
            heard = await listener.until_heard(1.5, openings=2)
        while states_of(dialogue) != ["loading", "listening"] * 2:
            await dialogue.next()
        before = len(dialogue.finals)
        while len(dialogue.finals) == before:
            await dialogue.next()
        await dialogue.send('{"action":"stop"}')
        code = await dialogue.until_closed()

    check_pull(listener, heard, speech)
    offsets = [m["offset_ms"] for m in dialogue.messages if m.get("is_final")]
    assert (code, dialogue.errors) == (1000, [])
    assert states_of(dialogue) == [*["loading", "listening"] * 2, "stopped"]
    assert all(text in "hello" * 3 for text in dialogue.finals)  # it was lost within a word
    assert "hello" * 3 in dialogue.finals
    assert offsets == sorted(offsets)


def check_pull(listener: Listener, heard: bytes, speech: bytes) -> None:
    assert listener.told == [SourceOpened, SourceLost, SourceOpened]
    assert measure_likeness(heard, speech).correlation > 0.98
    lost = next(i for i, event in enumerate(listener.events) if isinstance(event, SourceLost))
    passed_s = listener.times_s[-1] - listener.times_s[lost - 1]  # since the last audio before
    assert timeline_s(listener.events[lost:]) == pytest.approx(passed_s, abs=1.0)

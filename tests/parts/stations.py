"""Sources that open no connection: each pull is a station that gives what the test says.

sources = sources_giving(RADIO)
... sources.pull(url) ... sources.stations[0].give(second(1), None)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scribewire.audio.container import AudioInfo, TrackWish
from scribewire.sources.events import SourceAudio, SourceEvent, SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules
from tests.parts.decoding import DECODERS

if TYPE_CHECKING:
    from scribewire.sources.http.urls import HttpUrl
    from scribewire.sources.shared.pulls import AskedPull, SharedPulls

INFO = AudioInfo(container="mp3", codec="mp3", rate_hz=44_100, channels=2, duration_ms=None)
RADIO = SourceOpened(INFO, is_live=True, says_live=True)
FILE = SourceOpened(INFO, is_live=False)
NEITHER = SourceOpened(INFO, is_live=True)
"""It has no length, and does not say that it is live."""


def second(number: int) -> SourceAudio:
    """Return a second of audio that is like no other."""
    return SourceAudio(bytes([number, 0]) * 16_000)


@dataclass
class Station:
    """One pull of it, told what to give by the test."""

    script: asyncio.Queue[SourceEvent | Exception | None] = field(default_factory=asyncio.Queue)
    is_closed: asyncio.Event = field(default_factory=asyncio.Event)

    def give(self, *events: SourceEvent | Exception | None) -> None:
        """None ends it."""
        for event in events:
            self.script.put_nowait(event)

    async def pull(self) -> AsyncGenerator[SourceEvent, None]:
        try:
            while (event := await self.script.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.is_closed.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSources(Sources):
    """Sources that open no connection: each pull is a `Station`."""

    stations: list[Station]
    opening: list[SourceEvent | Exception | None]
    """What each begins with."""

    def pull(
        self,
        url: str | HttpUrl,
        wish: TrackWish | None = None,
        may_reach: Callable[[str], bool] | None = None,
    ) -> AsyncGenerator[SourceEvent, None]:
        station = Station()
        station.give(*self.opening)
        self.stations.append(station)
        return station.pull()


def sources_giving(
    *opening: SourceEvent | Exception | None, open_timeout_s: float = 0.05
) -> StationSources:
    """Return sources whose every pull begins with this."""
    return StationSources(
        fetcher=GuardedFetcher(AddressPolicy()),
        decoders=DECODERS,
        retry=RetryRules(),
        open_timeout_s=open_timeout_s,
        stations=[],
        opening=list(opening),
    )


@dataclass
class Hearer:
    """One who hears, and how it ended for it."""

    heard: list[SourceEvent] = field(default_factory=list)
    fault: Exception | None = None
    may_take: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    has_news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, is_enough: Callable[[list[SourceEvent]], bool]) -> list[SourceEvent]:
        """Wait until it has heard what is enough, or it is over for it, and return that."""
        while not is_enough(self.heard) and not (self.task is not None and self.task.done()):
            self.has_news.clear()
            await self.has_news.wait()
        return self.heard

    async def hear(self, pulls: SharedPulls, sources: Sources, asked: AskedPull) -> None:
        try:
            async with contextlib.aclosing(pulls.hear(sources, asked)) as events:
                async for event in events:
                    self.heard.append(event)
                    self.has_news.set()
                    await self.may_take.wait()
        except SourceFault as fault:
            self.fault = fault
        finally:
            self.has_news.set()

    async def leave(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

"""HLS as audio: segment after segment through a decoder, for as long as the playlist goes on.

Theory of operation. One task brings the segments (`SegmentQueue`) and writes them to a decoder;
a second one takes the sound out; both put what there is to tell into one short queue, so that
whoever does not read holds all of it up. Segments that continue each other share a decoder; at a
discontinuity, behind a hole, or where the format changes, the sound is drained and another decoder
begins.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, TypeAlias

from scribewire.sources.decoder import DecoderProcess
from scribewire.sources.events import (
    SourceEvent,
    SourceGap,
    SourceLost,
    SourceOpened,
)
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.hls.playlist import MediaPlaylist
from scribewire.sources.hls.segment_queue import (
    LoadedSegment,
    PlaylistPage,
    SegmentQueue,
    read_page,
)
from scribewire.sources.http.azure import with_sas_of

if TYPE_CHECKING:
    from scribewire.audio.container import AudioInfo
    from scribewire.sources.http.fetcher import GuardedFetcher
    from scribewire.sources.retry import RetryRules

CARRIER = "an HLS playlist"
MAX_BROKEN_RUNS = 3
"""Decoders in a row that gave up without a sound: it is not only one broken segment."""
UNHEARD_SEGMENTS = 2
"""No more are on their way to a decoder and in it."""
MIN_RUN_S = 0.5
"""From one decoder's start to the next: a playlist cannot make us start processes all the time."""
_EVENTS_AHEAD = 4

_Told: TypeAlias = SourceEvent | Exception | None  # None at the end


async def read_hls(
    fetcher: GuardedFetcher, page: PlaylistPage, retry: RetryRules, opens_by: float
) -> AsyncGenerator[SourceEvent, None]:
    """Yield what the playlist in `page`, and those it leads to, give until they end.

    Raises TimeoutError when there is no audio by `opens_by`, in seconds of the loop's clock, and
    SourceFault, with close code 1011 for a source that was lost for longer than `retry` allows.
    """
    events: asyncio.Queue[_Told] = asyncio.Queue(_EVENTS_AHEAD)

    async with asyncio.timeout_at(opens_by):
        page, playlist = await _find_segments(fetcher, page)
    segments = SegmentQueue(fetcher, page, playlist, retry, events.put)
    playing = asyncio.create_task(_Playing(segments, events).run())
    try:
        event, missed_s = await _await_opening(events, segments, opens_by)
        is_open = False
        while event is not None:
            if isinstance(event, Exception):
                raise _as_told(event, is_live=segments.is_live)
            # What was lost and found before it ever opened is not told: it opens once.
            if not (is_open and isinstance(event, SourceOpened)):
                yield event
            if isinstance(event, SourceOpened | SourceLost):
                is_open = isinstance(event, SourceOpened)
            if missed_s:
                yield SourceGap(missed_s)
                missed_s = 0.0
            event = await events.get()
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


async def _await_opening(
    events: asyncio.Queue[_Told], segments: SegmentQueue, opens_by: float
) -> tuple[_Told, float]:
    """Return what comes first, and the seconds missed before it, to be told behind the opening."""
    missed_s = 0.0
    try:
        async with asyncio.timeout_at(opens_by):
            while isinstance(event := await events.get(), SourceGap | SourceLost):
                missed_s += event.seconds if isinstance(event, SourceGap) else 0.0
    except TimeoutError:
        raise segments.last_fault or TimeoutError from None
    return event, missed_s


def _as_told(error: Exception, *, is_live: bool) -> Exception:
    if isinstance(error, SourceFault) and not is_live:
        error.is_final = True  # opened again, it would begin at its beginning
    return error


async def _find_segments(
    fetcher: GuardedFetcher, page: PlaylistPage
) -> tuple[PlaylistPage, MediaPlaylist]:
    """Follow master playlists to one of segments."""
    for _ in range(fetcher.limits.playlist_nesting):
        found = page.parse()
        if isinstance(found, MediaPlaylist):
            return page, found
        url = with_sas_of(page.url, page.url.join(found.choices[0].uri))
        page = await read_page(fetcher, url, None, found.variables)
    raise invalid_stream("its playlists only lead to other playlists")


class _Broken(Exception):
    """A decoder gave up; the fault says why."""

    def __init__(self, fault: SourceFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Playing:
    """Segments to events."""

    def __init__(self, segments: SegmentQueue, events: asyncio.Queue[_Told]) -> None:
        self._segments = segments
        self._events = events
        self._clock = asyncio.get_running_loop().time
        self._info: AudioInfo | None = None
        self._broken_runs = 0  # in a row, without a sound
        self._heard_s = 0.0  # in the present run
        # What the playlist says of the last segments fed: the others have been heard.
        self._fed_s: deque[float] = deque(maxlen=UNHEARD_SEGMENTS)
        self._all_fed_s = 0.0  # in the present run

    async def run(self) -> None:
        """Put all events into the queue, and at last None or why it failed."""
        try:
            segment = await self._segments.next()
            while segment is not None:
                segment = await self._play_run(segment)
        except Exception as error:  # noqa: BLE001 - it is raised again where the events are read
            await self._events.put(error)
        else:
            await self._events.put(None)

    async def _play_run(self, first: LoadedSegment) -> LoadedSegment | None:
        """Play segments that continue each other; return the one behind them, None at the end."""
        if first.missed_s:
            await self._events.put(SourceGap(first.missed_s))
        begun_at = self._clock()
        self._heard_s = self._all_fed_s = 0.0
        self._fed_s.clear()
        async with DecoderProcess.start() as decoder:
            hearing = asyncio.create_task(self._hear(decoder))
            try:
                following = await self._feed(decoder, first, hearing)
            except _Broken as broken:
                await self._bear(broken.fault)
                following = await self._segments.next()
            except SourceFault:  # there is no more to be had, but what there was is to be heard
                with contextlib.suppress(SourceFault):
                    await self._drain(decoder, hearing)
                raise
            else:
                await self._drain(decoder, hearing)
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
        if following is not None:
            await asyncio.sleep(max(begun_at + MIN_RUN_S - self._clock(), 0.0))
        return following

    async def _feed(
        self, decoder: DecoderProcess, first: LoadedSegment, hearing: asyncio.Task[None]
    ) -> LoadedSegment | None:
        """Write a run of segments; return the one behind it."""
        segment: LoadedSegment | None = first
        data = first.data.initialization + first.data.media
        while segment is not None:
            if segment.follows_loss and self._info is not None:
                await self._events.put(self._opened(self._info))
            self._fed_s.append(segment.duration_s)
            self._all_fed_s += segment.duration_s
            try:
                await decoder.write(data)
            except SourceFault as fault:
                raise _Broken(fault) from fault
            segment = await self._next_while(hearing)
            if segment is None or not segment.is_continued or hearing.done():
                break
            data = segment.data.media
        return segment

    async def _next_while(self, hearing: asyncio.Task[None]) -> LoadedSegment | None:
        """Return the next segment, unless the decoder gives up before there is one."""
        coming = asyncio.create_task(self._segments.next())
        try:
            await asyncio.wait({coming, hearing}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done() and isinstance(fault := hearing.exception(), SourceFault):
                raise _Broken(fault)
            return await coming
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _drain(self, decoder: DecoderProcess, hearing: asyncio.Task[None]) -> None:
        """Let the decoder finish with what it has."""
        try:
            await decoder.end_input()
            await hearing
        except SourceFault as fault:
            await self._bear(fault)
        else:
            self._broken_runs = 0

    async def _hear(self, decoder: DecoderProcess) -> None:
        info = await decoder.info()
        if self._info is None:
            await self._events.put(self._opened(info))
        self._info = info
        async for piece in decoder.heard():
            self._heard_s += piece.seconds
            await self._events.put(piece)

    def _opened(self, info: AudioInfo) -> SourceOpened:
        return SourceOpened(info, self._segments.is_live, CARRIER, self._segments.duration_s)

    async def _bear(self, fault: SourceFault) -> None:
        """Go on behind what a decoder broke at, its time missed; raise where there is no use."""
        self._broken_runs = 1 if self._heard_s else self._broken_runs + 1
        if self._info is None or self._broken_runs > MAX_BROKEN_RUNS:
            raise fault
        # Durations are often rounded: over hours of a run they would not add up.
        missed_s = min(self._all_fed_s - self._heard_s, sum(self._fed_s))
        if missed_s > 0:
            await self._events.put(SourceGap(missed_s))

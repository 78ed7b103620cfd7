"""What a pull does: connections through the guarded fetcher, and a decoder.

Theory of operation. Each step of the core that takes time is a task, and there are three at most:
one for the connection, one that feeds the decoder, one that hears it. Each holds one piece, so
that whoever does not take facts holds everything up. To disconnect, or to stop the decoder, ends
its tasks first, so that nothing is told of what was let go.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from scribewire.audio.container import TrackWish
from scribewire.sources.faults import SourceFault
from scribewire.sources.hls.page import PlaylistPage
from scribewire.sources.hls.playlist import PLAYLIST_HEAD_BYTES, TURN_S, is_hls
from scribewire.sources.hls.segments import SegmentFetcher
from scribewire.sources.http.azure import is_azure
from scribewire.sources.steps import (
    BodyOver,
    Connect,
    Connected,
    DecoderOver,
    Disconnect,
    EndInput,
    Fact,
    Failed,
    Fed,
    Feed,
    FetchSegment,
    Hear,
    Heard,
    Known,
    PlaylistCame,
    ReadPlaylist,
    Receive,
    Received,
    SegmentCame,
    StartDecoder,
    Step,
    StopDecoder,
)

if TYPE_CHECKING:
    from scribewire.sources.decoder import DecoderProcess
    from scribewire.sources.decoders import Decoders
    from scribewire.sources.events import SourceAudio, SourceGap, SourceTrack
    from scribewire.sources.http.fetcher import GuardedFetcher, Response

_NETWORK: Final = "network"
_FEED: Final = "feed"
_HEAR: Final = "hear"
_ORDER: Final = (_HEAR, _FEED, _NETWORK)
_VALIDATORS: Final = ("etag", "last-modified")


class Hands:
    """Use as an async context manager: at its end nothing is left open, whatever happened."""

    def __init__(
        self, fetcher: GuardedFetcher, decoders: Decoders, wish: TrackWish | None = None
    ) -> None:
        self._fetcher, self._decoders, self._wish = fetcher, decoders, wish
        self._segments = SegmentFetcher(fetcher)
        self._doing: dict[str, asyncio.Task[Fact]] = {}
        self._connection = contextlib.AsyncExitStack()
        self._response: Response | None = None
        self._chunks: AsyncGenerator[bytes, None] | None = None
        self._decoding = contextlib.AsyncExitStack()
        self._decoder: DecoderProcess | None = None
        self._pieces: AsyncIterator[SourceAudio | SourceGap | SourceTrack] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # Each is done whatever becomes of the one before: who waits here may be cancelled too.
        async with self._connection, self._decoding:
            await self._end(*self._doing)

    async def do(self, step: Step) -> None:
        """Do what a step asks for, or begin to."""
        match step:
            case Disconnect():
                await self._disconnect()
            case StartDecoder():
                self._decoder = await self._decoding.enter_async_context(
                    self._decoders.start(wish=self._wish)
                )
            case EndInput():
                assert self._decoder is not None
                self._decoder.end_input()
            case StopDecoder():
                await self._stop_decoder()
            case _:
                name, work = self._task_for(step)
                assert name not in self._doing, f"there is one {name} at a time"
                self._doing[name] = asyncio.create_task(work)

    def _task_for(self, step: Step) -> tuple[str, Coroutine[None, None, Fact]]:
        match step:
            case Feed(data):
                return _FEED, self._feed(data)
            case Hear():
                return _HEAR, self._hear()
            case Connect():
                return _NETWORK, self._connect(step)
            case Receive():
                return _NETWORK, self._receive()
            case ReadPlaylist():
                return _NETWORK, self._read_playlist(step)
            case FetchSegment():
                return _NETWORK, self._fetch_segment(step)
        raise AssertionError(step)

    async def next_fact(self, within_s: float | None) -> Fact | None:
        """Return what happened next; None where nothing did in time."""
        if self._doing:
            await asyncio.wait(
                self._doing.values(), timeout=within_s, return_when=asyncio.FIRST_COMPLETED
            )
        else:
            assert within_s is not None, "there is nothing to wait for"
            await asyncio.sleep(within_s)
        for name in _ORDER:
            task = self._doing.get(name)
            if task is not None and task.done():
                del self._doing[name]
                return task.result()
        return None

    async def _end(self, *names: str) -> None:
        tasks = [self._doing.pop(name) for name in names if name in self._doing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # The connection

    async def _connect(self, step: Connect) -> Fact:
        try:
            opening = self._fetcher.open(
                step.url, start=step.start, end=step.end, accepts_icy=step.start is None
            )
            response = await self._connection.enter_async_context(opening)
            head = await response.peek(PLAYLIST_HEAD_BYTES)
        except SourceFault as fault:
            return Failed(fault)
        self._response = response
        self._chunks = response.chunks()
        self._connection.push_async_callback(self._chunks.aclose)
        return Connected(
            url=response.url,
            head=head,
            length=response.length,
            start=response.start,
            is_icy=response.is_icy,
            is_finite=response.is_finite,
            is_azure=is_azure(response.headers, response.url),
            validators={name: response.headers.get(name, "") for name in _VALIDATORS},
        )

    async def _receive(self) -> Fact:
        assert self._response is not None
        assert self._chunks is not None
        try:
            data = await anext(self._chunks, b"")
        except SourceFault as fault:
            return Failed(fault)
        if data:
            return Received(data)
        assert self._response.ended_by is not None
        return BodyOver(self._response.ended_by)

    async def _disconnect(self) -> None:
        await self._end(_NETWORK)
        await self._connection.aclose()
        self._response = self._chunks = None

    async def _read_playlist(self, step: ReadPlaylist) -> Fact:
        try:
            if step.is_connected:
                assert self._response is not None
                return await self._parse(step, self._response)
            async with self._fetcher.open(step.url) as response:
                return await self._parse(step, response)
        except SourceFault as fault:
            return Failed(fault)

    async def _parse(self, step: ReadPlaylist, response: Response) -> Fact:
        body = await response.read(self._fetcher.limits.playlist_bytes)
        text = body.decode("utf-8", errors="replace")
        page = PlaylistPage(text, step.url, response.url, step.imported)
        if not is_hls(text):
            return PlaylistCame(page, None)
        reader = page.reader()
        while (found := reader.read_on()) is None:
            await self._fetcher.spend(TURN_S)
        return PlaylistCame(page, found)

    async def _fetch_segment(self, step: FetchSegment) -> Fact:
        if step.is_of_another:
            self._segments = SegmentFetcher(self._fetcher)
        try:
            return SegmentCame(await self._segments.fetch(step.segment, step.base))
        except SourceFault as fault:
            return Failed(fault)

    # The decoder

    async def _stop_decoder(self) -> None:
        await self._end(_FEED, _HEAR)
        await self._decoding.aclose()
        if self._decoder is not None and self._decoder.settled is not None:
            # Who has spoken is not left for another track, be it the next decoder that hears it.
            self._wish = replace(self._wish or TrackWish(), settled=self._decoder.settled)
        self._decoder = self._pieces = None

    async def _feed(self, data: bytes) -> Fact:
        assert self._decoder is not None
        with contextlib.suppress(SourceFault):  # what it is told comes by its other end
            await self._decoder.write(data)
        return Fed()

    async def _hear(self) -> Fact:
        assert self._decoder is not None
        try:
            if self._pieces is None:
                info = await self._decoder.info()
                self._pieces = self._decoder.heard()
                return Known(info)
            piece = await anext(self._pieces, None)
        except SourceFault as fault:
            return DecoderOver(fault)
        return DecoderOver() if piece is None else Heard(piece)

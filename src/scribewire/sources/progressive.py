"""A file or a radio stream: fetched, decoded, and a file resumed where it broke off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any, TypeAlias

from scribewire.sources.decoder import DecoderProcess
from scribewire.sources.download import Download
from scribewire.sources.events import SourceAudio, SourceGap, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.http.azure import is_azure

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from scribewire.sources.http.fetcher import GuardedFetcher, Response
    from scribewire.sources.http.urls import HttpUrl
    from scribewire.sources.retry import RetryRules

ProgressiveEvent: TypeAlias = SourceOpened | SourceAudio | SourceLost | SourceGap

_Piece: TypeAlias = SourceAudio | SourceGap


async def read_progressive(
    fetcher: GuardedFetcher, url: HttpUrl, response: Response, opens_by: float, retry: RetryRules
) -> AsyncGenerator[ProgressiveEvent, None]:
    """Yield what comes over an opened connection to `url`, until a finite source is over.

    A finite source that breaks off is lost while it is waited for, and then opened again; none
    of its audio is missing. Raises TimeoutError when there is no audio by `opens_by`, in seconds
    of the loop's clock, and SourceFault, transient when a live source ends.
    """
    is_live = not response.is_finite
    can_resume = response.is_finite and response.length is not None
    download = _download(fetcher, url, response, retry) if can_resume else None
    async with contextlib.AsyncExitStack() as stack:
        decoder = await stack.enter_async_context(DecoderProcess.start())
        chunks = response.chunks() if download is None else download.chunks()
        feeding = asyncio.create_task(_feed(chunks, decoder))
        stack.push_async_callback(_end, feeding)
        try:
            async with asyncio.timeout_at(opens_by):
                info = await decoder.info()
            opened = SourceOpened(info, is_live, _carrier(response))
            yield opened
            hearing = _hear(decoder, download, opened)
            async for event in await stack.enter_async_context(contextlib.aclosing(hearing)):
                yield event
        except SourceFault:
            _raise_fault_of(feeding)  # it comes first: the decoder only missed the rest
            raise
        _raise_fault_of(feeding)
    if is_live:
        raise invalid_stream("the stream has ended", is_transient=True)


def _download(
    fetcher: GuardedFetcher, url: HttpUrl, response: Response, retry: RetryRules
) -> Download:
    def reopen(start: int, end: int) -> AbstractAsyncContextManager[Response]:
        # As at first: what it was redirected to may have expired, or lack the password. And up
        # to the end: old versions of Azure's service know no range that leaves it open.
        return fetcher.open(url, start=start, end=end)

    return Download(response, reopen, retry)


def _carrier(response: Response) -> str:
    if response.is_icy:
        return "a radio stream"
    return "an Azure blob" if is_azure(response.headers, response.url) else "a file"


async def _feed(chunks: AsyncGenerator[bytes, None], decoder: DecoderProcess) -> None:
    """Hand all that comes to the decoder."""
    try:
        async with contextlib.aclosing(chunks):
            async for data in chunks:
                await decoder.write(data)
    finally:
        with contextlib.suppress(SourceFault):  # the decoder has said so itself
            await decoder.end_input()


async def _hear(
    decoder: DecoderProcess, download: Download | None, opened: SourceOpened
) -> AsyncGenerator[ProgressiveEvent, None]:
    """Yield the audio, and what happens to the download meanwhile."""
    turned = asyncio.Event() if download is None else download.turned
    pieces = decoder.heard()
    is_lost = False
    turning = asyncio.create_task(turned.wait())
    hearing = asyncio.create_task(_next(pieces))
    try:
        while True:
            await asyncio.wait((hearing, turning), return_when=asyncio.FIRST_COMPLETED)
            told: list[ProgressiveEvent] = []
            if download is not None and turning.done():
                turned.clear()
                turning = asyncio.create_task(turned.wait())
                told, is_lost = _tell(download.interruption, is_lost=is_lost, opened=opened)
            for event in told:
                yield event
            if not hearing.done():
                continue
            if (piece := hearing.result()) is None:
                return
            yield piece
            hearing = asyncio.create_task(_next(pieces))
    finally:
        await _end(hearing, turning)


def _tell(
    interruption: str | None, *, is_lost: bool, opened: SourceOpened
) -> tuple[list[ProgressiveEvent], bool]:
    """Return what to tell of a download, nothing of what was told; and whether it is lost now."""
    if is_lost is (interruption is not None):
        return [], is_lost
    return [opened if interruption is None else SourceLost(interruption)], not is_lost


async def _next(pieces: AsyncIterator[_Piece]) -> _Piece | None:
    return await anext(pieces, None)


def _raise_fault_of(feeding: asyncio.Task[None]) -> None:
    """Raise what ended the fetch, if it is over; what comes after the audio is not waited for."""
    if feeding.done():
        feeding.result()


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

"""A file or a radio stream over one connection: fetched, decoded, resumed where it broke off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from scribewire.sources.decoder import DecoderProcess
from scribewire.sources.events import SourceAudio, SourceOpened
from scribewire.sources.faults import SourceFault, invalid_stream

if TYPE_CHECKING:
    from scribewire.sources.fetcher import GuardedFetcher, Response

PARTIAL_CONTENT = 206


async def read_progressive(
    fetcher: GuardedFetcher, url: str, response: Response, opens_by: float
) -> AsyncGenerator[SourceOpened | SourceAudio, None]:
    """Yield what comes over an opened connection to `url`, until a finite source is over.

    Raises TimeoutError when there is no audio by `opens_by`, in seconds of the loop's clock, and
    SourceFault, transient when a live source ends.
    """
    async with contextlib.AsyncExitStack() as stack:
        decoder = await stack.enter_async_context(DecoderProcess.start())
        feeding = asyncio.create_task(_feed(fetcher, url, response, decoder))
        stack.push_async_callback(_end, feeding)
        async with asyncio.timeout_at(opens_by):
            info = await decoder.info()
        is_live = response.is_icy or response.length is None
        yield SourceOpened(info, is_live, "a radio stream" if response.is_icy else "a file")
        async for pcm in decoder.pcm():
            yield SourceAudio(pcm)
        await feeding
    if is_live:
        raise invalid_stream("the stream has ended", is_transient=True)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _feed(
    fetcher: GuardedFetcher, url: str, response: Response, decoder: DecoderProcess
) -> None:
    """Hand all that comes to the decoder; a finite download that breaks off is resumed.

    It is asked for as at first: what it was redirected to may have expired, or lack the password.
    """
    try:
        received = await _hand_over(response, decoder)
        while response.length is not None and received < response.length:
            async with fetcher.open(url, start=received) as rest:
                if rest.status != PARTIAL_CONTENT:
                    raise invalid_stream("the download broke off, and cannot be resumed")
                more = await _hand_over(rest, decoder)
            if not more:
                raise invalid_stream("the download broke off", is_transient=True)
            received += more
    finally:
        with contextlib.suppress(SourceFault):  # the decoder has said so itself
            await decoder.end_input()


async def _hand_over(response: Response, decoder: DecoderProcess) -> int:
    """Return how many bytes came before the end; a finite download may break off."""
    received = 0
    try:
        async for data in response.chunks():
            await decoder.write(data)
            received += len(data)
    except SourceFault as fault:
        if response.length is None or not fault.is_transient:
            raise
    return received

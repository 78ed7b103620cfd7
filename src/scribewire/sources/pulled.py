"""One stream URL as audio, for as long as it lasts: fetched, decoded, and tried again.

Theory of operation. A finite source says how long it is; when its download breaks off, it goes on
from the byte where it stopped, and nothing is heard twice or missed. Everything else is live. A
live source that ends, stalls or is reset is connected to again, with growing waits, until
`RetryRules` give it up. What of it comes then is joined to what was heard (`loss.py`): what is
sent once more is left out, what was said meanwhile is gone and its time told as a gap. A source
that never gave any audio is not tried again: its address is wrong, and somebody waits for the
answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.sources.events import SourceEvent, SourceOpened
from scribewire.sources.faults import SourceFault, connection_timeout, invalid_stream
from scribewire.sources.hls import read_hls
from scribewire.sources.loss import Loss
from scribewire.sources.playlist import PLAYLIST_HEAD_BYTES, first_entry, is_hls, is_playlist
from scribewire.sources.progressive import read_progressive
from scribewire.sources.retry import Backoff, RetryRules
from scribewire.sources.segment_queue import read_page
from scribewire.sources.urls import check_url

if TYPE_CHECKING:
    from scribewire.sources.fetcher import GuardedFetcher
    from scribewire.sources.urls import HttpUrl

NOT_FOUND = 404
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """How this server pulls."""

    fetcher: GuardedFetcher
    retry: RetryRules
    open_timeout_s: float
    """From connecting to the first audio."""

    def pull(self, url: str) -> AsyncGenerator[SourceEvent, None]:
        """Yield what a source gives, until a finite one is over.

        Raises SourceFault: at once for a source that cannot be used, with close code 1011 for a
        live one that was lost for longer than `retry` allows.
        """
        return _pull(self.fetcher, url, self.retry, self.open_timeout_s)


async def _pull(
    fetcher: GuardedFetcher, url: str, retry: RetryRules, open_timeout_s: float
) -> AsyncGenerator[SourceEvent, None]:
    backoff = Backoff(retry, random.random)
    loss = Loss()
    was_live = False
    while True:
        try:
            async with contextlib.aclosing(_read(fetcher, url, retry, open_timeout_s)) as events:
                async for event in _with_time(events, loss):
                    if isinstance(event, SourceOpened):
                        was_live = event.is_live
                    yield event
            return
        except SourceFault as found:
            fault = found
        for event in loss.settle(time.monotonic()):
            yield event
        if loss.is_back:
            backoff.note_audio()
        if not (was_live and _may_pass(fault)):
            raise fault
        for event in loss.begin(fault.message, time.monotonic()):
            yield event
        wait_s = backoff.next_wait_or_raise(fault, time.monotonic())
        async for event in _wait(wait_s, loss):
            yield event


async def _with_time(
    events: AsyncGenerator[SourceEvent, None], loss: Loss
) -> AsyncGenerator[SourceEvent, None]:
    """Pass events on through `loss`, which may hold some back for a while."""
    while True:
        wait_s = loss.settles_in_s(time.monotonic())
        if wait_s is None:
            event = await anext(events, None)
        else:
            coming = asyncio.ensure_future(anext(events, None))
            try:
                await asyncio.wait({coming}, timeout=wait_s)
                if not coming.done():
                    for told in loss.settle(time.monotonic()):
                        yield told
                event = await coming
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
        if event is None:
            return
        for told in loss.receive(event, time.monotonic()):
            yield told


async def _wait(wait_s: float, loss: Loss) -> AsyncGenerator[SourceEvent, None]:
    next_try_at = time.monotonic() + wait_s
    while (left_s := next_try_at - time.monotonic()) > 0:
        await asyncio.sleep(min(left_s, LOOK_EVERY_S))
        for told in loss.look(time.monotonic()):
            yield told


def _may_pass(fault: SourceFault) -> bool:
    """Whether a live source may come back; a radio server that restarts says 404 at first.

    HLS has its own patience: what it gives up is over.
    """
    return not fault.is_final and (fault.is_transient or fault.status == NOT_FOUND)


async def _read(
    fetcher: GuardedFetcher, url: str, retry: RetryRules, open_timeout_s: float
) -> AsyncGenerator[SourceEvent, None]:
    """Yield what one connection gives, or the playlist behind it."""
    opens_by = asyncio.get_running_loop().time() + open_timeout_s
    try:
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout_at(opens_by):
                reading = await _open(fetcher, check_url(url), retry, opens_by, stack)
            async for event in await stack.enter_async_context(contextlib.aclosing(reading)):
                yield event
    except TimeoutError:
        raise connection_timeout(open_timeout_s) from None


async def _open(
    fetcher: GuardedFetcher,
    url: HttpUrl,
    retry: RetryRules,
    opens_by: float,
    stack: contextlib.AsyncExitStack,
) -> AsyncGenerator[SourceEvent, None]:
    """Find out what `url` is, and return what reads it; lists of stations lead elsewhere."""
    for _ in range(fetcher.limits.playlist_nesting):
        async with contextlib.AsyncExitStack() as opening:
            response = await opening.enter_async_context(fetcher.open(url, accepts_icy=True))
            if not is_playlist(await response.peek(PLAYLIST_HEAD_BYTES)):
                stack.push_async_exit(opening.pop_all())
                return read_progressive(fetcher, url, response, opens_by, retry)
            page = await read_page(fetcher, url, response)
        if is_hls(page.text):
            return read_hls(fetcher, page, retry, opens_by)
        url = page.url.join(first_entry(page.text))
    raise invalid_stream("its playlists only lead to other playlists")

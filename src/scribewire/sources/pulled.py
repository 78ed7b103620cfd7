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
from typing import TYPE_CHECKING, TypeAlias

from scribewire.sources.events import SourceEvent, SourceOpened
from scribewire.sources.faults import SourceFault, connection_timeout, invalid_stream
from scribewire.sources.hls.hls import read_hls
from scribewire.sources.hls.playlist import PLAYLIST_HEAD_BYTES, is_hls, is_playlist
from scribewire.sources.hls.segment_queue import read_page
from scribewire.sources.http.discretion import discreet
from scribewire.sources.http.urls import check_url
from scribewire.sources.loss import Loss
from scribewire.sources.progressive import read_progressive
from scribewire.sources.retry import Backoff, RetryRules
from scribewire.sources.stations import entries

if TYPE_CHECKING:
    from scribewire.sources.http.fetcher import GuardedFetcher
    from scribewire.sources.http.urls import HttpUrl

_Coming: TypeAlias = "asyncio.Future[SourceEvent | None]"
"""The next event, None at the end."""

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
        return discreet(_pull(self.fetcher.for_one_source(), url, self.retry, self.open_timeout_s))


async def _pull(
    fetcher: GuardedFetcher, url: str, retry: RetryRules, open_timeout_s: float
) -> AsyncGenerator[SourceEvent, None]:
    backoff = Backoff(retry, random.random)
    loss = Loss()
    attempt = _Attempt()
    while True:
        reading = _read(fetcher, url, retry, open_timeout_s)
        async with contextlib.aclosing(attempt.pass_on(reading, loss)) as events:
            async for event in events:
                yield event
        if (fault := attempt.fault) is None:
            return
        for event in loss.settle(time.monotonic()):
            yield event
        if loss.is_back:
            backoff.note_audio()
        if not (attempt.was_live and _may_pass(fault)):
            raise fault
        for event in loss.begin(fault.message, time.monotonic()):
            yield event
        wait_s = backoff.next_wait_or_raise(fault, time.monotonic())
        async for event in _wait(wait_s, loss):
            yield event


class _Attempt:
    """The present connection: what ended it, and whether it or one before it was live."""

    def __init__(self) -> None:
        self.fault: SourceFault | None = None
        self.was_live = False

    async def pass_on(
        self, events: AsyncGenerator[SourceEvent, None], loss: Loss
    ) -> AsyncGenerator[SourceEvent, None]:
        """Pass events on, and keep the fault that ends them."""
        self.fault = None
        try:
            # Whoever leaves may do so while the next event is being waited for: that ends first.
            async with (
                contextlib.aclosing(events),
                contextlib.aclosing(_with_time(events, loss)) as timed,
            ):
                async for event in timed:
                    self._note(event)
                    yield event
        except SourceFault as found:
            self.fault = found

    def _note(self, event: SourceEvent) -> None:
        if isinstance(event, SourceOpened):
            self.was_live = event.is_live


async def _with_time(
    events: AsyncGenerator[SourceEvent, None], loss: Loss
) -> AsyncGenerator[SourceEvent, None]:
    """Pass events on through `loss`, which may hold some back for a while."""
    coming: _Coming | None = None
    try:
        while True:
            coming = await _wait_to_settle(events, loss)
            is_late = coming is not None and not coming.done()
            for told in loss.settle(time.monotonic()) if is_late else ():
                yield told
            event = await (anext(events, None) if coming is None else coming)
            if event is None:
                return
            for told in loss.receive(event, time.monotonic()):
                yield told
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _wait_to_settle(events: AsyncGenerator[SourceEvent, None], loss: Loss) -> _Coming | None:
    """Ask for the next event and return when it is there or `loss` is to settle.

    None where `loss` holds nothing back: then a task for each piece of audio is saved.
    """
    wait_s = loss.settles_in_s(time.monotonic())
    if wait_s is None:
        return None
    coming = asyncio.ensure_future(anext(events, None))
    try:
        await asyncio.wait({coming}, timeout=wait_s)
    except asyncio.CancelledError:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        raise
    return coming


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
        url = page.url.join(entries(page.text)[0])
    raise invalid_stream("its playlists only lead to other playlists")

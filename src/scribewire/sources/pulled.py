"""One stream URL as audio, for as long as it lasts: fetched, decoded, and tried again.

Theory of operation. A finite source says how long it is; when its download breaks off, it goes on
from the byte where it stopped, and nothing is heard twice or missed. Everything else is live. A
live source that ends, stalls or is reset is connected to again, with growing waits, until
`RetryRules` give it up; what was said meanwhile is gone, so the time is told as a gap. A source
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

from scribewire.errors import CloseCode
from scribewire.sources.events import SourceEvent, SourceGap, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault, connection_timeout
from scribewire.sources.progressive import read_progressive
from scribewire.sources.retry import Backoff, RetryRules

if TYPE_CHECKING:
    from scribewire.sources.fetcher import GuardedFetcher

NOT_FOUND = 404
GAP_TOLD_S = 0.25  # how often: what was said before a loss becomes a final meanwhile


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
    lost_at: float | None = None  # up to when the time since the loss has been told
    was_live = False
    while True:
        try:
            async with contextlib.aclosing(_read(fetcher, url, open_timeout_s)) as events:
                async for event in events:
                    if isinstance(event, SourceOpened):
                        was_live = event.is_live
                        if lost_at is not None:
                            yield SourceGap(time.monotonic() - lost_at)
                            lost_at = None
                    else:
                        backoff.note_audio()
                    yield event
            return
        except SourceFault as found:
            fault = found
        if not (was_live and _may_pass(fault)):
            raise fault
        if lost_at is None:
            lost_at = time.monotonic()
            yield SourceLost(fault.message)
        async for seconds in _told_wait(_next_wait_s(backoff, fault), since=lost_at):
            lost_at += seconds
            yield SourceGap(seconds)


def _may_pass(fault: SourceFault) -> bool:
    """Whether a live source may come back; a radio server that restarts says 404 at first."""
    return fault.is_transient or fault.status == NOT_FOUND


def _next_wait_s(backoff: Backoff, fault: SourceFault) -> float:
    """Return how long to wait; raise `fault` as our failure when patience is used up."""
    wait_s = backoff.next_wait_s(time.monotonic())
    if wait_s is None:
        fault.close_code = CloseCode.SERVER_FAULT
        raise fault
    return wait_s


async def _told_wait(wait_s: float, *, since: float) -> AsyncGenerator[float, None]:
    """Wait, and yield piece by piece how much time has passed, from `since` on."""
    next_try_at = time.monotonic() + wait_s
    while (left_s := next_try_at - time.monotonic()) > 0:
        await asyncio.sleep(min(left_s, GAP_TOLD_S))
        now = time.monotonic()
        yield now - since
        since = now


async def _read(
    fetcher: GuardedFetcher, url: str, open_timeout_s: float
) -> AsyncGenerator[SourceEvent, None]:
    """Yield what one connection gives."""
    opens_by = asyncio.get_running_loop().time() + open_timeout_s
    try:
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout_at(opens_by):
                response = await stack.enter_async_context(fetcher.open(url, accepts_icy=True))
            reading = read_progressive(fetcher, url, response, opens_by)
            async for event in await stack.enter_async_context(contextlib.aclosing(reading)):
                yield event
    except TimeoutError:
        raise connection_timeout(open_timeout_s) from None

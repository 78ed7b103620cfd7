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
from typing import TYPE_CHECKING, TypeAlias

from scribewire.errors import CloseCode
from scribewire.sources.decoder import DecoderProcess
from scribewire.sources.faults import SourceFault, connection_timeout, invalid_stream
from scribewire.sources.retry import Backoff, RetryRules

if TYPE_CHECKING:
    from scribewire.audio.container import AudioInfo
    from scribewire.sources.fetcher import GuardedFetcher, Response

PARTIAL_CONTENT, NOT_FOUND = 206, 404
GAP_TOLD_S = 0.25  # how often: what was said before a loss becomes a final meanwhile


@dataclass(frozen=True, slots=True)
class SourceOpened:
    """Audio is being read, for the first time or again."""

    info: AudioInfo
    is_live: bool
    """Whether it comes as it is spoken; else it is finite and comes as fast as it is taken."""


@dataclass(frozen=True, slots=True)
class SourceAudio:
    """The next piece of audio."""

    pcm: bytes
    """16-bit little-endian, 16 kHz, mono."""


@dataclass(frozen=True, slots=True)
class SourceLost:
    """A live source has stopped giving audio; it is being connected to again."""

    cause: str
    """For a log: no query string, no user info."""


@dataclass(frozen=True, slots=True)
class SourceGap:
    """So long nothing was heard of a lost source; told piece by piece, while it is lost."""

    seconds: float


SourceEvent: TypeAlias = SourceOpened | SourceAudio | SourceLost | SourceGap


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
    has_opened = False
    while True:
        fault = invalid_stream("the stream has ended", is_transient=True)
        is_live = True
        try:
            async with contextlib.aclosing(_read(fetcher, url, open_timeout_s)) as events:
                async for event in events:
                    if isinstance(event, SourceOpened):
                        has_opened, is_live = True, event.is_live
                        if lost_at is not None:
                            yield SourceGap(time.monotonic() - lost_at)
                            lost_at = None
                    else:
                        backoff.note_audio()
                    yield event
            if not is_live:
                return
        except SourceFault as found:
            fault = found
        if not (has_opened and is_live and _may_pass(fault)):
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
) -> AsyncGenerator[SourceOpened | SourceAudio, None]:
    """Yield what one connection gives."""
    async with contextlib.AsyncExitStack() as stack:
        feeding: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(open_timeout_s):
                response = await stack.enter_async_context(fetcher.open(url, accepts_icy=True))
                decoder = await stack.enter_async_context(DecoderProcess.start())
                feeding = asyncio.create_task(_feed(fetcher, url, response, decoder))
                info = await decoder.info()
        except TimeoutError:
            raise connection_timeout(open_timeout_s) from None
        finally:
            if feeding is not None:
                stack.push_async_callback(_end, feeding)
        is_live = response.is_icy or response.length is None
        yield SourceOpened(info, is_live)
        async for pcm in decoder.pcm():
            yield SourceAudio(pcm)
        await feeding


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

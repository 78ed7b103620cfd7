"""The segments of an HLS source in order, each once, for as long as there are any.

Theory of operation. One loop: whenever a new version of the playlist is due, fetch it; else fetch
the segment that is next. What fails is tried again, with growing waits, and the playlist is looked
at in between, for a live one moves on. A segment is given up when it is nowhere to be had: its
time is told as missed. Everything else is given up by `RetryRules`.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scribewire.sources.events import SourceEvent, SourceGap, SourceLost
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.hls.playhead import Playhead
from scribewire.sources.hls.playlist import MediaPlaylist, Playlist, parse_playlist
from scribewire.sources.hls.segments import SegmentBytes, SegmentFetcher
from scribewire.sources.hls.variables import NO_VARIABLES
from scribewire.sources.retry import Backoff, RetryRules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from scribewire.sources.hls.playlist import Segment
    from scribewire.sources.http.fetcher import GuardedFetcher, Response
    from scribewire.sources.http.urls import HttpUrl

NOT_FOUND = 404
MISSING = frozenset({403, NOT_FOUND, 410})
"""What storage answers for a segment that is not there; some say 403 so as not to tell."""
MAX_TRIES = 4
"""Of a segment that may be gone: with the usual waits some 5 s."""
MAX_MISSING_IN_A_ROW = 3
"""In a finite playlist: then it is not the playlist of what is there."""
FAILURES_TOLD = 2
"""In a row, before the client hears of it: one failed request is nothing."""
MAX_MISSED_S = 3600.0
"""Told at once: a hostile playlist has no other way to make silence of nothing."""
BREAK_AFTER_S = 5.0
"""Lost for so long, what was being said gets its final; sooner, it goes on as if nothing was."""
STALE_TARGETS = 3
"""A live playlist that adds nothing for so many target durations has stalled."""
READING_REST = 20
"""So many times as long as reading a playlist took, no other version of it is read."""
MIN_RELOAD_S = 0.25
"""However short a playlist says that its segments are."""


@dataclass(frozen=True, slots=True)
class PlaylistPage:
    """A version of a playlist as it came."""

    text: str
    asked: HttpUrl
    """Where it was asked for, and later versions are: a redirect may be good only once."""
    url: HttpUrl
    """Where it came from at last: addresses in it are relative to this."""
    imported: Mapping[str, str] = field(default_factory=dict)
    """What the playlist that led here has defined."""

    def parse(self) -> Playlist:
        """Read it. Raises SourceFault."""
        return parse_playlist(self.text, self.url.target.partition("?")[2], self.imported)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSegment:
    """A segment, and how it follows the one before it."""

    data: SegmentBytes
    duration_s: float
    missed_s: float
    """So much media time before it was not to be had."""
    is_continued: bool
    """Whether a decoder may go on with it where the one before it ended."""
    follows_loss: bool
    """Whether it was told before it that nothing comes."""


async def read_page(
    fetcher: GuardedFetcher,
    url: HttpUrl,
    opened: Response | None = None,
    imported: Mapping[str, str] = NO_VARIABLES,
) -> PlaylistPage:
    """Return the playlist at `url`, which may have been opened already."""
    if opened is None:
        async with fetcher.open(url) as response:
            return await read_page(fetcher, url, response, imported)
    body = await opened.read(fetcher.limits.playlist_bytes)
    return PlaylistPage(body.decode("utf-8", errors="replace"), url, opened.url, imported)


class SegmentQueue:
    """Give the segments of the media playlist that came in `page`. One task uses it."""

    def __init__(
        self,
        fetcher: GuardedFetcher,
        page: PlaylistPage,
        playlist: MediaPlaylist,
        retry: RetryRules,
        tell: Callable[[SourceEvent], Awaitable[None]],
    ) -> None:
        self._fetcher = fetcher
        self._tell = tell
        self._segments = SegmentFetcher(fetcher)
        self._backoff = Backoff(retry, random.random)
        self._clock = asyncio.get_running_loop().time
        self._playhead = Playhead()
        self._last_run: tuple[str, bytes] | None = None  # format and head of what came last
        self._failures = 0  # in a row
        self._tries = 0  # of the current segment, failed
        self._missing_in_a_row = 0
        self._lost_at: float | None = None  # when it was told that nothing comes
        self._has_broken_off = False  # and that has been told too
        self.last_fault: SourceFault | None = None
        """Why there is nothing yet."""
        self._receive(page, playlist)

    @property
    def is_live(self) -> bool:
        """Whether segments are still being added."""
        return self._playhead.is_live

    @property
    def duration_s(self) -> float | None:
        """Return how long a finite source is."""
        return None if self.is_live else self._playlist.duration_s

    def _receive(self, page: PlaylistPage, playlist: MediaPlaylist) -> None:
        """Take in a version of the playlist that was just fetched."""
        now = self._clock()
        is_new = self._playhead.receive(playlist, now)
        self._page, self._playlist = page, playlist
        # As RFC 8216 asks of clients, section 6.3.4.
        wait_s = playlist.target_s if is_new else playlist.target_s / 2
        self._reload_at = now + max(wait_s, MIN_RELOAD_S)

    async def next(self) -> LoadedSegment | None:
        """Return the next segment, once there is one; None at the end. Raises SourceFault."""
        while True:
            if self.is_live and self._clock() >= self._reload_at:
                await self._reload()
            segment = self._playhead.current
            if segment is not None:
                loaded = await self._load(segment)
                if loaded is not None:
                    return loaded
            elif self._playhead.has_ended:
                if not self._has_begun:  # there was nothing, or nothing but what is missing
                    raise self.last_fault or invalid_stream("its playlist has no segments")
                return None
            else:
                await self._wait_for_more()

    async def _load(self, segment: Segment) -> LoadedSegment | None:
        """Return a segment; None where it must be tried again, or was given up."""
        if segment.is_missing:
            self._playhead.skip()
            return None
        if self._playhead.is_restarting:  # its heads and keys may have the addresses of others
            self._segments = SegmentFetcher(self._fetcher)
        try:
            data = await self._segments.fetch(segment, self._page.url)
        except SourceFault as fault:
            await self._bear(fault, segment)
            return None
        missed_s = self._playhead.take_missed_s()
        run = (data.format, data.initialization)
        has_broken_off = self._playhead.is_restarting or segment.is_discontinuity or missed_s > 0
        is_continued = run == self._last_run and not has_broken_off
        self._last_run = run
        self._playhead.advance()
        follows_loss = self._lost_at is not None
        self._note_success()
        return LoadedSegment(
            data=data,
            duration_s=segment.duration_s,
            missed_s=min(missed_s, MAX_MISSED_S),
            is_continued=is_continued,
            follows_loss=follows_loss,
        )

    async def _reload(self) -> None:
        began_at = parsed_at = self._clock()
        try:
            page = await read_page(self._fetcher, self._page.asked, None, self._page.imported)
            parsed_at = self._clock()
            playlist = self._playlist if page == self._page else _parse_again(page)
        except SourceFault as fault:
            self._reload_at = began_at + self._target_s / 2
            await self._bear(fault, None)
            return
        self._receive(page, playlist)
        # Reading a playlist of hours holds up everybody else.
        busy_s = self._clock() - parsed_at
        self._reload_at = max(self._reload_at, self._clock() + READING_REST * busy_s)

    async def _bear(self, fault: SourceFault, segment: Segment | None) -> None:
        """Wait until a failed request may be tried again; raise where there is no use."""
        self.last_fault = fault
        if segment is not None and self._give_up(segment, fault):
            return
        may_pass = fault.is_transient and (self._has_begun or fault.status is not None)
        if segment is not None:  # before the first one, the time to open is the limit
            may_come = may_pass or fault.status in MISSING
        else:
            may_come = self._has_begun and (may_pass or fault.status == NOT_FOUND)
        if not may_come:
            raise fault
        self._failures += 1
        if self._failures >= FAILURES_TOLD:
            await self._note_loss(fault)
        wait_s = self._backoff.next_wait_or_raise(fault, self._clock())
        if segment is not None or self._playhead.current is None:
            await asyncio.sleep(wait_s)

    def _give_up(self, segment: Segment, fault: SourceFault) -> bool:
        """Skip a segment that will not come any more; tell whether that was so."""
        self._tries += 1
        has_waited = self._tries >= MAX_TRIES
        if self.is_live:
            is_gone = self._playhead.has_left(segment) and (has_waited or fault.status in MISSING)
        else:
            is_gone = fault.status in MISSING and has_waited
        if is_gone:
            self._tries = 0
            self._missing_in_a_row += 1
            if not self.is_live and self._missing_in_a_row >= MAX_MISSING_IN_A_ROW:
                raise fault
            self._playhead.skip()
        return is_gone

    async def _wait_for_more(self) -> None:
        """Wait until the playlist is to be looked at again; one that stalls is a loss."""
        unchanged_s = self._clock() - self._playhead.changed_at
        if not self._has_begun:
            self.last_fault = invalid_stream("its playlist has no segments", is_transient=True)
        elif unchanged_s >= max(self._fetcher.limits.stall_s, STALE_TARGETS * self._target_s):
            cause = f"its playlist has not moved on for {unchanged_s:.0f} s"
            fault = invalid_stream(cause, is_transient=True)
            await self._note_loss(fault)
            self._backoff.next_wait_or_raise(fault, self._clock())
        await asyncio.sleep(max(self._reload_at - self._clock(), 0.0))

    async def _note_loss(self, fault: SourceFault) -> None:
        if not self._has_begun:
            return
        if self._lost_at is None:
            self._lost_at = self._clock()
            await self._tell(SourceLost(fault.message))
        if not self._has_broken_off and self._clock() - self._lost_at >= BREAK_AFTER_S:
            self._has_broken_off = True
            await self._tell(SourceGap(0.0))

    def _note_success(self) -> None:
        self._backoff.note_audio()
        self._failures = self._tries = self._missing_in_a_row = 0
        self._lost_at, self._has_broken_off, self.last_fault = None, False, None

    @property
    def _has_begun(self) -> bool:
        return self._last_run is not None

    @property
    def _target_s(self) -> float:
        return max(self._playlist.target_s, MIN_RELOAD_S)


def _parse_again(page: PlaylistPage) -> MediaPlaylist:
    """Read a later version."""
    playlist = page.parse()
    if not isinstance(playlist, MediaPlaylist):
        raise invalid_stream("its playlist has become one of another kind", is_transient=True)
    return playlist

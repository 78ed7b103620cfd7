"""A playlist is heard: segment after segment through a decoder, for as long as it goes on.

Theory of operation. One request at a time: whenever a new version of the playlist is due it is
fetched, else the segment that is next (`Playhead`). What fails is tried again, or given up, by
`Patience`. A segment is given to the decoder before the next one is fetched, so that whoever does
not listen holds all of it up. Segments that continue each other share a decoder (`Run`); at a
discontinuity, behind a hole, where the format changes, or where each is a file by itself, it is let
finish and another begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceGap,
    SourceLost,
    SourceOpened,
    SourceTrack,
)
from scribewire.sources.faults import SourceFault, invalid_stream, unsupported_format
from scribewire.sources.hls.patience import Again, Asked, GiveUp, Patience, Skip
from scribewire.sources.hls.playhead import Playhead
from scribewire.sources.hls.playlist import MediaPlaylist, Segment
from scribewire.sources.hls.run import Run
from scribewire.sources.steps import (
    DecoderOver,
    Disconnect,
    EndInput,
    Failed,
    Fed,
    Feed,
    FetchSegment,
    Hear,
    Heard,
    Known,
    Over,
    PlaylistCame,
    ReadPlaylist,
    SegmentCame,
    StartDecoder,
    StopDecoder,
    Tell,
)

if TYPE_CHECKING:
    from scribewire.audio.container import AudioInfo
    from scribewire.sources.hls.page import PlaylistPage
    from scribewire.sources.hls.segments import SegmentBytes
    from scribewire.sources.rules import PullRules
    from scribewire.sources.steps import Fact, Step

CARRIER = "an HLS playlist"
MAX_BROKEN_RUNS = 3
"""Decoders in a row that gave up without a sound: it is not only one broken segment."""
MAX_MISSED_S = 3600.0
"""Told at once: a hostile playlist has no other way to make silence of nothing."""
MIN_RUN_S = 0.5
"""From one decoder's start to the next: a playlist cannot make us start processes all the time."""
STALE_TARGETS = 3
"""A live playlist that adds nothing for so many target durations has stalled."""
MIN_RELOAD_S = 0.25
"""However short a playlist says that its segments are."""


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


class Reading:
    """One media playlist, which came as `page`."""

    def __init__(
        self,
        page: PlaylistPage,
        playlist: MediaPlaylist,
        rules: PullRules,
        now: float,
    ) -> None:
        self._rules = rules
        self._playhead = Playhead()
        self._patience = Patience(rules)
        self._next_at = now  # before that, nothing is asked for
        self._run_at = now  # before that, no decoder is started
        self._asked: Segment | PlaylistPage | None = None  # what is being fetched
        self._loaded: LoadedSegment | None = None  # for which there is no room yet
        self._last_kind: tuple[str, bytes] | None = None  # format and head of what came last
        self._run: Run | None = None
        self._is_feeding = self._is_draining = False
        self._broken_runs = 0  # in a row, without a sound
        self._info: AudioInfo | None = None
        self._is_told_open = False
        self._is_silent = False  # whether there were segments without sound
        self._missed_before_s = 0.0  # to be told behind the opening
        self._ending: Over | None = None  # once no more segments come
        self.heard_s = 0.0
        """How far it was heard, with what is missing in it."""
        self._note_page(page, playlist, now)

    @property
    def is_live(self) -> bool:
        """Whether segments are still being added."""
        return self._playhead.is_live

    @property
    def wake_at(self) -> float | None:
        """When to `look`, if at all."""
        if self._is_busy:
            return None
        return self._run_at if self._loaded is not None else self._next_at

    @property
    def why_not(self) -> SourceFault | None:
        """Why there is nothing yet, if that is known."""
        return self._patience.last_fault or (_no_sound() if self._is_silent else None)

    def begin(self, now: float) -> Iterator[Step]:
        """Start."""
        yield from self._go_on(now)

    def look(self, now: float) -> Iterator[Step]:
        """Do what is due."""
        yield from self._go_on(now)

    def receive(self, fact: Fact, now: float) -> Iterator[Step]:
        """Take in what happened."""
        match fact:
            case PlaylistCame(page, MediaPlaylist() as playlist):
                self._asked = None
                self._note_page(page, playlist, now)
            case PlaylistCame():
                cause = "its playlist has become one of another kind"
                yield from self._fail(invalid_stream(cause, is_transient=True), now)
            case SegmentCame(data):
                self._note_segment(data)
            case Failed(fault):
                yield from self._fail(fault, now)
            case Fed():
                self._is_feeding = False
            case Known(info):
                yield from self._open(info)
                yield Hear()
            case Heard(SourceTrack(info) as piece):
                self._info = info
                yield from self._tell(piece)
                yield Hear()
            case Heard(SourceAudio() | SourceGap() as piece):
                yield from self._hear(piece)
                yield Hear()
            case DecoderOver(fault):
                yield from self._end_run(fault)
            case _:
                raise AssertionError(fact)
        yield from self._go_on(now)

    def _go_on(self, now: float) -> Iterator[Step]:
        """Do what is next, until there is something to wait for."""
        while not self._is_busy:
            if self._loaded is not None:
                if self._run is None and self._loaded.data.has_sound and now < self._run_at:
                    return
                yield from self._place(self._loaded, now)
            elif self._ending is None:
                if now < self._next_at:
                    return
                yield from self._ask(now)
            elif self._run is not None:
                yield from self._drain()
            else:
                yield from self._finish(self._ending.fault)
                return

    @property
    def _is_busy(self) -> bool:
        return self._asked is not None or self._is_feeding or self._is_draining

    # Playlist and segments

    def _note_page(self, page: PlaylistPage, playlist: MediaPlaylist, now: float) -> None:
        is_new = self._playhead.receive(playlist, now)
        self._page, self._playlist = page, playlist
        # As RFC 8216 asks of clients, section 6.3.4.
        wait_s = playlist.target_s if is_new else playlist.target_s / 2
        self._reload_at = now + max(wait_s, MIN_RELOAD_S)

    def _ask(self, now: float) -> Iterator[Step]:
        """Ask for the playlist or the next segment; or wait, or note that there are no more."""
        while (segment := self._playhead.current) is not None and segment.is_missing:
            self._playhead.skip()
        if self.is_live and now >= self._reload_at:
            self._asked = self._page
            yield ReadPlaylist(self._page.asked, imported=self._page.imported)
        elif segment is not None:
            self._asked = segment
            is_of_another = self._playhead.is_restarting or not self._patience.has_begun
            yield FetchSegment(segment, self._page.url, is_of_another)
        elif self._playhead.has_ended:
            self._note_end()
        else:
            yield from self._wait_for_more(now)

    def _note_end(self) -> None:
        if self._patience.has_begun:
            self._ending = Over()
        else:  # there was nothing, or nothing but what is missing
            nothing = invalid_stream("its playlist has no segments")
            self._ending = Over(self._patience.last_fault or nothing)

    def _wait_for_more(self, now: float) -> Iterator[Step]:
        """Wait until the playlist is to be looked at again; one that stalls is a loss."""
        self._next_at = self._reload_at
        unchanged_s = now - self._playhead.changed_at
        if not self._patience.has_begun:
            nothing = invalid_stream("its playlist has no segments", is_transient=True)
            self._patience.last_fault = nothing
        elif unchanged_s >= max(self._rules.stall_s, STALE_TARGETS * self._target_s):
            cause = f"its playlist has not moved on for {unchanged_s:.0f} s"
            fault = invalid_stream(cause, is_transient=True)
            for event in self._patience.news(fault.message, now, is_sure=True):
                yield from self._tell(event)
            if isinstance(verdict := self._patience.wait(fault, now), GiveUp):
                self._ending = Over(verdict.fault)

    def _fail(self, fault: SourceFault, now: float) -> Iterator[Step]:
        """Bear a failed request: try it again, skip the segment, or give up."""
        segment = self._asked if isinstance(self._asked, Segment) else None
        self._asked = None
        asked = Asked(
            is_segment=segment is not None,
            is_live=self.is_live,
            has_left=segment is not None and self._playhead.has_left(segment),
        )
        match self._patience.judge(fault, asked, now):
            case GiveUp(final):
                self._ending = Over(final)
            case Skip():
                self._playhead.skip()
            case Again(wait_s):
                for event in self._patience.news(fault.message, now):
                    yield from self._tell(event)
                if segment is None:
                    self._reload_at = now + self._target_s / 2
                if segment is not None or self._playhead.current is None:
                    self._next_at = now + wait_s

    def _note_segment(self, data: SegmentBytes) -> None:
        segment = self._playhead.current
        assert segment is not None
        self._asked = None
        is_restarting = self._playhead.is_restarting
        missed_s = self._take_missed_s()
        kind = (data.format, data.initialization)
        begins_anew = is_restarting or segment.is_discontinuity or data.is_whole
        self._playhead.advance()
        self._loaded = LoadedSegment(
            data=data,
            duration_s=segment.duration_s,
            missed_s=missed_s,
            is_continued=kind == self._last_kind and not begins_anew and not missed_s,
            follows_loss=self._patience.is_lost,
        )
        self._last_kind = kind
        self._patience.note_success()

    def _take_missed_s(self) -> float:
        return min(self._playhead.take_missed_s(), MAX_MISSED_S)

    @property
    def _target_s(self) -> float:
        return max(self._playlist.target_s, MIN_RELOAD_S)

    # Decoders

    def _place(self, segment: LoadedSegment, now: float) -> Iterator[Step]:
        """Give a segment to the decoder that it belongs to, as soon as that may be."""
        if self._run is not None and not (segment.is_continued and segment.data.has_sound):
            yield from self._drain()
            return
        self._loaded = None
        if segment.follows_loss and self._info is not None:
            yield from self._tell(self._opened(self._info))
        if not segment.data.has_sound:
            self._is_silent = True
            yield from self._miss(segment.missed_s + segment.duration_s)
            return
        data = segment.data.media
        if self._run is None:
            yield from self._miss(segment.missed_s)
            self._run, self._run_at = Run(), now + MIN_RUN_S
            data = segment.data.initialization + data
            yield StartDecoder()
            yield Hear()
        self._run.note_fed(segment.duration_s)
        self._is_feeding = True
        yield Feed(data)

    def _drain(self) -> Iterator[Step]:
        """Let the decoder finish with what it has."""
        self._is_draining = True
        yield EndInput()

    def _end_run(self, fault: SourceFault | None) -> Iterator[Step]:
        """Let go of a decoder, which has ended as it should, or can make nothing of what it has."""
        run, self._run = self._run, None
        assert run is not None
        self._is_feeding = self._is_draining = False
        yield StopDecoder()
        if fault is None:
            self._broken_runs = 0
            return
        self._broken_runs = 1 if run.heard_s else self._broken_runs + 1
        if self._info is None or self._broken_runs > MAX_BROKEN_RUNS:
            yield Disconnect()
            self._asked = self._loaded = None
            if self._ending is None or self._ending.fault is None:
                self._ending = Over(fault)
        else:  # it goes on behind what the decoder broke at
            yield from self._miss(run.missed_s)

    def _hear(self, piece: SourceAudio | SourceGap) -> Iterator[Step]:
        assert self._run is not None
        self._run.heard_s += piece.seconds
        yield from self._tell(piece)

    # What is told

    def _open(self, info: AudioInfo) -> Iterator[Step]:
        if self._info is None:
            self._info = info
            yield from self._tell(self._opened(info))
            yield from self._miss(self._missed_before_s)
        self._info = info

    def _opened(self, info: AudioInfo) -> SourceOpened:
        duration_s = None if self.is_live else self._playlist.duration_s
        return SourceOpened(info, self.is_live, CARRIER, duration_s, says_live=self.is_live)

    def _tell(self, event: SourceEvent) -> Iterator[Step]:
        """Tell it once; what was lost and found before it ever opened is not told."""
        if isinstance(event, SourceOpened):
            if self._is_told_open:
                return
            self._is_told_open = True
        elif self._info is None:
            self._missed_before_s += event.seconds if isinstance(event, SourceGap) else 0.0
            return
        elif isinstance(event, SourceLost):
            self._is_told_open = False
        elif not isinstance(event, SourceTrack):
            self.heard_s += event.seconds
        yield Tell(event)

    def _miss(self, seconds: float) -> Iterator[Step]:
        if seconds:
            yield from self._tell(SourceGap(seconds))

    def _finish(self, fault: SourceFault | None) -> Iterator[Step]:
        if fault is None:
            yield from self._miss(self._take_missed_s())
        yield StopDecoder()
        yield Disconnect()
        if fault is None and self._info is None:
            fault = _no_sound()
        if fault is not None and not self.is_live:
            fault = fault.as_final()  # opened again, it would begin at its beginning
            if self.heard_s:
                fault = fault.from_second(self.heard_s)
        yield Over(fault)


def _no_sound() -> SourceFault:
    return unsupported_format("an HLS stream without an audio track")

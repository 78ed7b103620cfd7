"""One stream URL heard for as long as it lasts: what is to be done next, without doing it.

Theory of operation. Facts come in with the time, steps go out (`steps.py`); `Hands` take them. A
URL is followed to what has sound (`Finding`), which is then heard: a `ProgressiveStream`, or a
`Reading` of a playlist. A finite source is heard once. Everything else is live: when it ends,
stalls or is reset, it is looked for again, with growing waits, until `RetryRules` give it up. What
comes of it then is joined to what was heard (`Loss`): what is sent once more is left out, what was
said meanwhile is gone and its time told as a gap. A source that never gave any audio is not tried
again: its address is wrong, and somebody waits for the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from scribewire.sources.events import SourceOpened
from scribewire.sources.faults import SourceFault, connection_timeout
from scribewire.sources.finding import Finding, Place
from scribewire.sources.hls.master import MasterPlaylist
from scribewire.sources.hls.playlist import (
    PLAYLIST_HEAD_BYTES,
    MediaPlaylist,
    is_playlist,
)
from scribewire.sources.hls.reading import Reading
from scribewire.sources.loss import Loss
from scribewire.sources.progressive import ProgressiveStream
from scribewire.sources.retry import Backoff
from scribewire.sources.stations import entries
from scribewire.sources.steps import (
    Connect,
    Connected,
    Disconnect,
    Failed,
    Over,
    PlaylistCame,
    ReadPlaylist,
    StopDecoder,
    Tell,
)

if TYPE_CHECKING:
    from scribewire.sources.events import SourceEvent
    from scribewire.sources.http.urls import HttpUrl
    from scribewire.sources.rules import PullRules
    from scribewire.sources.steps import Fact, Step

LOOK_EVERY_S = 1.0
"""While it is away, its time is told so often."""

_Inner: TypeAlias = ProgressiveStream | Reading


class Pull:
    """One source. Times are seconds of one monotonic clock."""

    def __init__(self, url: HttpUrl, rules: PullRules) -> None:
        self._url, self._rules = url, rules
        self._backoff = Backoff(rules.retry, rules.random)
        self._loss = Loss()
        self._finding = Finding(url, rules.nesting, rules.language)
        self._place = Place(url)  # that is being tried
        self._place_by = self._opens_by = 0.0
        self._inner: _Inner | None = None  # what is heard
        self._is_heard = False  # whether it has opened
        self._may_return = False  # whether what opened last may be tried again
        self._retry_at: float | None = None  # while it is away
        # All that was heard until now, if it may be a file.
        self._first: ProgressiveStream | None = None
        self._is_first = True

    @property
    def wake_at(self) -> float | None:
        """When to `look`, if nothing happens before; None: there is nothing to wait for."""
        due: list[float | None] = [self._loss.settles_at]
        if self._retry_at is not None:
            due.append(self._next_look_at)
        elif self._inner is None:
            due.append(self._place_by)
        else:
            due.append(self._inner.wake_at)
            if not self._is_heard:
                due.append(self._place_by)
        return min((at for at in due if at is not None), default=None)

    def begin(self, now: float) -> Iterator[Step]:
        """Start."""
        self._retry_at = None
        self._opens_by = now + self._rules.open_timeout_s
        self._finding = Finding(self._url, self._rules.nesting, self._rules.language)
        yield from self._try_next(now)

    def receive(self, fact: Fact, now: float) -> Iterator[Step]:
        """Take in what happened."""
        if self._inner is not None:
            was_comparing = self._is_comparing
            yield from self._pass_on(self._inner.receive(fact, now), now)
            if was_comparing and not self._is_comparing:
                self._place_by = now + self._rules.open_timeout_s
            return
        match fact:
            case Connected():
                yield from self._note_answer(fact, now)
            case PlaylistCame(page, None):
                try:
                    stations = entries(page.text)
                except SourceFault as fault:
                    yield from self._fail(fault, now)
                else:
                    self._finding.add_stations(self._place, page, stations)
                    yield from self._lead_on(now)
            case PlaylistCame(page, MasterPlaylist() as master):
                self._finding.add_choices(self._place, page, master)
                yield from self._lead_on(now)
            case PlaylistCame(page, MediaPlaylist() as playlist):
                yield Disconnect()
                yield from self._hear(Reading(page, playlist, self._rules, now), now)
            case Failed(fault):
                yield from self._fail(fault, now)
            case _:
                raise AssertionError(fact)

    def look(self, now: float) -> Iterator[Step]:
        """Do what is due."""
        settles_at = self._loss.settles_at
        if settles_at is not None and now >= settles_at:
            yield from map(Tell, self._loss.settle(now))
        if self._retry_at is not None:
            yield from self._look_while_away(now)
        elif not self._is_heard and now >= self._place_by:
            yield from self._give_up_place(now)
        elif self._inner is not None:
            wake_at = self._inner.wake_at
            if wake_at is not None and now >= wake_at:
                yield from self._pass_on(self._inner.look(now), now)

    # Finding it

    def _try_next(self, now: float) -> Iterator[Step]:
        self._place = self._finding.next()
        self._place_by = self._finding.try_until(now, self._opens_by)
        yield Connect(self._place.url)

    def _note_answer(self, answer: Connected, now: float) -> Iterator[Step]:
        if is_playlist(answer.head[:PLAYLIST_HEAD_BYTES]):
            yield ReadPlaylist(self._place.url, is_connected=True, imported=self._place.imported)
            return
        beginning, heard_s = None, 0.0
        if self._first is not None:
            beginning, heard_s = self._first.beginning, self._first.heard_until_s
        stream = ProgressiveStream(self._place.url, answer, self._rules, beginning, heard_s)
        yield from self._hear(stream, now)

    def _give_up_place(self, now: float) -> Iterator[Step]:
        """Let go of the present place, which takes too long."""
        if self._is_comparing:  # it comes, but slowly; who is silent is found out elsewhere
            self._place_by = now + self._rules.open_timeout_s
            return
        cause = self._inner.why_not if self._inner is not None else None
        yield StopDecoder()
        yield from self._fail(cause or connection_timeout(self._rules.open_timeout_s), now)

    def _lead_on(self, now: float) -> Iterator[Step]:
        yield Disconnect()
        if self._finding.has_more:
            yield from self._try_next(now)
        else:
            yield from self._end_search(now)

    def _fail(self, fault: SourceFault, now: float) -> Iterator[Step]:
        """Let go of the present place, which has no sound, and try the next."""
        self._finding.note(fault)
        self._inner = None
        yield Disconnect()
        if self._finding.has_more and now < self._opens_by:
            yield from self._try_next(now)
        else:
            yield from self._end_search(now)

    def _end_search(self, now: float) -> Iterator[Step]:
        """Nothing has sound; what had some, and may again, is waited for whatever others say."""
        passing = self._finding.passing_fault if self._may_return else None
        yield from self._end_attempt(passing or self._finding.fault, now)

    # Hearing it

    def _hear(self, inner: _Inner, now: float) -> Iterator[Step]:
        self._inner, self._is_heard = inner, False
        yield from self._pass_on(inner.begin(now), now)

    def _pass_on(self, steps: Iterator[Step], now: float) -> Iterator[Step]:
        for step in steps:
            match step:
                case Tell(event):
                    yield from map(Tell, self._note(event, now))
                case Over(fault):
                    yield from self._end_inner(fault, now)
                case _:
                    yield step

    def _note(self, event: SourceEvent, now: float) -> Iterator[SourceEvent]:
        inner = self._inner
        if isinstance(event, SourceOpened):
            stream = inner if isinstance(inner, ProgressiveStream) else None
            is_again = stream is not None and stream.is_again
            self._is_heard, self._may_return = True, event.is_live or is_again
            if is_again:
                self._loss.forget()
            self._first = stream if self._is_first or is_again else None
            self._is_first = False
        yield from self._loss.receive(event, now)

    @property
    def _is_comparing(self) -> bool:
        return isinstance(self._inner, ProgressiveStream) and self._inner.is_undecided

    def _end_inner(self, fault: SourceFault | None, now: float) -> Iterator[Step]:
        """Let go of what was heard, or never was."""
        self._inner, is_heard = None, self._is_heard
        self._is_heard = False
        if fault is not None and not is_heard:
            yield from self._fail(fault, now)
        else:
            yield from self._end_attempt(fault, now)

    def _end_attempt(self, fault: SourceFault | None, now: float) -> Iterator[Step]:
        """Nothing more comes: that was all, or it is waited for, or given up."""
        yield from map(Tell, self._loss.settle(now))
        if self._loss.is_back:
            self._backoff.note_audio()
        if fault is None or not (self._may_return and fault.may_pass):
            yield Over(fault)
            return
        yield from map(Tell, self._loss.begin(fault.message, now))
        wait_s = self._backoff.next_wait_s(now)
        if wait_s is None:
            yield Over(fault.given_up())
            return
        self._retry_at = now + wait_s
        self._next_look_at = min(self._retry_at, now + LOOK_EVERY_S)

    def _look_while_away(self, now: float) -> Iterator[Step]:
        assert self._retry_at is not None
        if now < self._next_look_at:
            return
        yield from map(Tell, self._loss.look(now))
        if now >= self._retry_at:
            yield from self.begin(now)
        else:
            self._next_look_at = min(self._retry_at, now + LOOK_EVERY_S)

"""What comes over a connection is heard: a file to its end, a station for as long as it lasts.

Theory of operation. Bytes go to the decoder one piece after the other, and the next one is taken
when it has room. A body of a known length is a `Download`, which goes on where it broke off. What
ends without having said so was a file if its end was marked, or its container has told how long
it is and all of it was heard, or what is sent next time is the same once more (`Replay`); else it
is a station, and its end is a loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from scribewire.sources.download import Download
from scribewire.sources.events import SourceAudio, SourceGap, SourceLost, SourceOpened, SourceTrack
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.http.bodies import BodyEnd
from scribewire.sources.replay import Beginning, Likeness, Replay
from scribewire.sources.steps import (
    BodyOver,
    Connect,
    Connected,
    DecoderOver,
    Disconnect,
    EndInput,
    Failed,
    Fed,
    Feed,
    Hear,
    Heard,
    Known,
    Over,
    Receive,
    Received,
    StartDecoder,
    StopDecoder,
    Tell,
)

if TYPE_CHECKING:
    from scribewire.audio.container import AudioInfo
    from scribewire.sources.http.urls import HttpUrl
    from scribewire.sources.rules import PullRules
    from scribewire.sources.steps import Fact, Step

ROUNDED_S: Final = 1.0
"""So much less or more may be heard than a container says that it lasts: encoders pad, and round.
With much more it is a station, which passes on what its first piece says of itself."""


class ProgressiveStream:
    """One answer, and those that a finite one takes to be complete."""

    def __init__(
        self,
        url: HttpUrl,
        answer: Connected,
        rules: PullRules,
        first: Beginning | None = None,
        heard_s: float = 0.0,
    ) -> None:
        """`first` and `heard_s`: what came last time, and was heard of it, if it broke off."""
        self._url, self._answer, self._rules = url, answer, rules
        can_resume = answer.is_finite and answer.length is not None
        self._download = Download(answer, rules) if can_resume else None
        self._is_finite = answer.is_finite
        self._replay = None if first is None or answer.is_finite else Replay(first)
        self._first, self._before_s = first, heard_s
        self._skip_s = 0.0  # of what is heard, still to be left out
        self._retry_at: float | None = None
        self._info: AudioInfo | None = None
        self._lost: str | None = None  # what was told that nothing comes for
        self._body_end: BodyEnd | None = None
        self._body_fault: SourceFault | None = None
        self._has_body = True
        self._beginning = Beginning()
        self.heard_s = 0.0
        """How far it was heard, with what is missing in it."""

    @property
    def is_again(self) -> bool:
        """Whether it is what was heard before, from its beginning."""
        return self._replay is not None and self._replay.likeness is Likeness.SAME

    @property
    def is_undecided(self) -> bool:
        """Whether that cannot be told yet."""
        return self._replay is not None and self._replay.likeness is Likeness.OPEN

    @property
    def is_live(self) -> bool:
        """Whether it may have no end."""
        return not (self._is_finite or self.is_again)

    @property
    def beginning(self) -> Beginning:
        """What came first, this time or before: as much of it as there ever was."""
        first = self._first if self.is_again else None
        return self._beginning if first is None or first.size < self._beginning.size else first

    @property
    def heard_until_s(self) -> float:
        """How far it was ever heard."""
        return max(self.heard_s, self._before_s if self.is_again else 0.0)

    @property
    def wake_at(self) -> float | None:
        """When to `look`, if at all."""
        return self._retry_at

    @property
    def why_not(self) -> SourceFault | None:
        """Why there is nothing yet, if that is known."""
        return self._body_fault

    def begin(self, now: float) -> Iterator[Step]:
        """Start."""
        yield StartDecoder()
        yield Hear()
        yield Receive()

    def receive(self, fact: Fact, now: float) -> Iterator[Step]:
        """Take in what happened."""
        match fact:
            case Received(data):
                yield from self._take(data, now)
            case Fed():
                yield from self._receive_more(now)
            case BodyOver(ended_by):
                self._body_end = ended_by
                yield from self._end_body(None, now)
            case Failed(fault):
                yield from self._end_body(fault, now)
            case Connected():
                yield from self._resume(fact, now)
            case Known(info):
                yield from self._open(info)
            case Heard(SourceTrack(info) as piece):
                self._info = info
                yield Tell(piece)
                yield Hear()
            case Heard(SourceAudio() | SourceGap() as piece):
                yield from self._hear(piece)
            case DecoderOver(fault):
                yield from self._finish(self._judge(fault))
            case _:
                raise AssertionError(fact)

    def look(self, now: float) -> Iterator[Step]:
        """Do what is due."""
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            assert self._download is not None
            # As at first: what it was redirected to may have expired, or lack the password. And up
            # to the end: old versions of Azure's service know no range that leaves it open.
            yield Connect(self._url, self._download.received, self._download.length)

    def _take(self, data: bytes, now: float) -> Iterator[Step]:
        if self._download is not None:
            data = self._download.take(data)
        else:
            self._beginning.note(data)
        if data and self._lost is not None and self._info is not None:
            self._lost = None
            yield Tell(self._opened(self._info))
        if self._replay is not None and self.is_undecided:
            data = self._replay.receive(data)
            if self.is_again:
                self._skip_s = self._before_s
        if data:
            yield Feed(data)
        else:
            yield from self._receive_more(now)

    def _receive_more(self, now: float) -> Iterator[Step]:
        """Take the next bytes, or none where all have come."""
        if self._download is not None and self._download.is_complete:  # whatever else is sent
            yield from self._end_body(None, now)
        else:
            yield Receive()

    def _end_body(self, fault: SourceFault | None, now: float) -> Iterator[Step]:
        """Ask for the rest of what a connection brought, or let the decoder finish."""
        yield Disconnect()
        if self._download is not None and not self._download.is_complete:
            fault = fault or invalid_stream("the download broke off", is_transient=True)
            wait = self._download.wait_s(fault, now)
            if not isinstance(wait, SourceFault):
                yield from self._wait_for_rest(wait, fault, now)
                return
            fault = wait
        self._body_fault = fault
        self._has_body = False
        if self._replay is not None and self.is_undecided:  # nothing of it is new
            has_ended = fault is None and self._replay.has_ended_alike()
            yield from self._finish(None if has_ended else fault or _ended())
        else:
            yield EndInput()

    def _wait_for_rest(self, wait_s: float, fault: SourceFault, now: float) -> Iterator[Step]:
        self._retry_at = now + wait_s
        if wait_s and self._lost is None:
            self._lost = fault.message
            if self._info is not None:
                yield Tell(SourceLost(fault.message))

    def _resume(self, answer: Connected, now: float) -> Iterator[Step]:
        assert self._download is not None
        fault = self._download.resume(answer)
        if fault is None:
            yield Receive()
        else:
            yield from self._end_body(fault, now)

    def _open(self, info: AudioInfo) -> Iterator[Step]:
        self._info = info
        yield Tell(self._opened(info))
        if self._lost is not None:
            yield Tell(SourceLost(self._lost))
        yield Hear()

    def _opened(self, info: AudioInfo) -> SourceOpened:
        says_live = self.is_live and self._answer.is_icy and self._answer.length is None
        return SourceOpened(info, self.is_live, _carrier(self._answer), says_live=says_live)

    def _hear(self, piece: SourceAudio | SourceGap) -> Iterator[Step]:
        self.heard_s += piece.seconds
        if self._skip_s > 0:
            new = piece.without_start(self._skip_s)
            self._skip_s -= piece.seconds
            if new is not None:
                yield Tell(new)
        else:
            yield Tell(piece)
        yield Hear()

    def _judge(self, fault: SourceFault | None) -> SourceFault | None:
        """Return what the end of the decoder means: None where all is heard."""
        found = self._body_fault or fault  # the decoder only missed the rest
        if self.is_live and found is None:
            return None if self._is_file() else _ended()
        if found is None and self.heard_s < self.heard_until_s - ROUNDED_S:  # there was more of it
            found = _ended()
        if found is None or not self.heard_s or (self.is_live and found.may_pass):
            return found
        found = found.from_second(self.heard_until_s)
        return found if self.is_again else found.as_final()

    def _is_file(self) -> bool:
        """Tell whether what has ended without a word was meant to."""
        if self._has_body:  # the decoder has ended by itself: more would follow
            return False
        if self._body_end is BodyEnd.LENGTH:
            return True
        if self._body_end is BodyEnd.MARK and not self._answer.is_icy:
            return True
        said_ms = self._info.duration_ms if self._info is not None else None
        return said_ms is not None and abs(self.heard_s - said_ms / 1000) <= ROUNDED_S

    def _finish(self, fault: SourceFault | None) -> Iterator[Step]:
        yield StopDecoder()
        yield Disconnect()
        yield Over(fault)


def _ended() -> SourceFault:
    return invalid_stream("the stream has ended", is_transient=True)


def _carrier(answer: Connected) -> str:
    if answer.is_icy:
        return "a radio stream"
    return "an Azure blob" if answer.is_azure else "a file"

"""What was missed while a live source was away, and how what comes of it later follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceGap,
    SourceLost,
    SourceOpened,
    SourceTrack,
)
from scribewire.sources.splice import Splice
from scribewire.types import PCM_BYTES_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTLE_S = 1.0
"""What is sent once more has come by then, after a loss, and can be told from what is new."""
ENOUGH_BYTES = PCM_BYTES_PER_S // 2
"""A source that gives less than half a second each time is not back."""
MOST_SENT_AGAIN_S = 30.0
"""No radio server sends more: 64 KiB are usual, which is 22 s of 24 kbit/s."""


class Loss:
    """Follows one live source. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._splice = Splice()
        self._heard_at = 0.0  # when the last audio came, or could have
        self._heard_bytes = 0  # since it was lost
        self._since: float | None = None  # what that was when it was lost
        self._told_s = 0.0  # of the time since then, as gaps
        self._opened: SourceOpened | None = None  # held back, with the audio behind it
        self._settles_at = 0.0
        self._fresh = bytearray()
        self._fresh_at = 0.0  # when the last of it came

    @property
    def settles_at(self) -> float | None:
        """When `settle` is due, if it is."""
        return None if self._opened is None else self._settles_at

    @property
    def is_back(self) -> bool:
        """Whether so much was heard since the last loss that the next one is a new one."""
        return self._heard_bytes >= ENOUGH_BYTES

    def receive(self, event: SourceEvent, now: float) -> Iterator[SourceEvent]:
        """Pass an event on; the first audio after a loss once it is clear how it follows."""
        if isinstance(event, SourceTrack):  # it has no time of its own
            yield event
        elif self._since is not None and isinstance(event, SourceOpened):
            self._opened, self._settles_at, self._fresh_at = event, now + SETTLE_S, now
        elif self._opened is not None and isinstance(event, SourceAudio):
            self._fresh += event.pcm
            self._fresh_at = now
            if now >= self._settles_at or len(self._fresh) >= MOST_SENT_AGAIN_S * PCM_BYTES_PER_S:
                yield from self.settle(now)
        elif self._opened is not None and isinstance(event, SourceGap) and not self._fresh:
            pass  # the time that passed covers it
        else:
            yield from self.settle(now)
            if isinstance(event, SourceAudio):
                self._note_heard(event.pcm)
            self._heard_at = now
            yield event

    def begin(self, cause: str, now: float) -> Iterator[SourceEvent]:
        """Yield what to tell when the connection is lost, perhaps again."""
        self._opened = None
        self._heard_bytes = 0
        if self._since is None:
            self._since, self._told_s = self._heard_at, 0.0
            yield SourceLost(cause)
            yield SourceGap(0.0)
        yield from self.look(now)

    def look(self, now: float) -> Iterator[SourceEvent]:
        """Yield what to tell while it is away: the time that no later audio can fill."""
        assert self._since is not None
        gap_s = now - self._since - MOST_SENT_AGAIN_S - self._told_s
        if gap_s > 0:
            self._told_s += gap_s
            yield SourceGap(gap_s)

    def settle(self, now: float) -> Iterator[SourceEvent]:
        """Yield what was held back, as it follows what was heard."""
        if self._opened is None or self._since is None:
            return
        # What is said since the last piece came is on its way.
        until = self._fresh_at if self._fresh else now
        joint = self._splice.join(bytes(self._fresh), until - self._since - self._told_s)
        if joint.gap_s:
            yield SourceGap(joint.gap_s)
        yield self._opened
        self._since, self._opened = None, None
        self._fresh.clear()
        self._heard_at = until
        if joint.pcm:
            self._note_heard(joint.pcm)
            yield SourceAudio(joint.pcm)

    def forget(self) -> None:
        """Nothing was lost: what comes is a file from its beginning, heard on where it stopped."""
        self._since, self._opened = None, None
        self._fresh.clear()

    def _note_heard(self, pcm: bytes) -> None:
        self._heard_bytes += len(pcm)
        self._splice.note_heard(pcm)

"""Which segments of a playlist that moves on are to be heard next, each of them once.

Theory of operation. A segment is known by its number, which counts on from one version of the
playlist to the next. What was once seen stays to be heard, even when a later version has left it
behind: servers keep a file longer than its entry. A playlist that begins again (its encoder was
restarted) is told from an old version (another cache answered) by time: the old one soon catches
up with what was heard, the new one does not.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.sources.hls.playlist import MediaPlaylist, Segment

LIVE_SEGMENTS = 3
"""A live playlist is entered so many segments before its end, as RFC 8216 advises players."""
MAX_WAITING = 30_000
"""Segments not yet heard: all of the longest playlist that is read; more would fill the memory."""
RESTART_TARGETS = 3
"""A playlist that stays behind what was heard for so many target durations has begun again."""


class Playhead:
    """The place in one playlist. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._waiting: deque[Segment] = deque()
        self._next_number: int | None = None  # after all that was ever seen
        self._playlist: MediaPlaylist | None = None
        self._behind_since: float | None = None
        self._behind_number = 0  # where it stood then
        self._holes_s: dict[int, float] = {}  # by the number of the segment behind
        self._skipped_s = 0.0
        self._begins_at: int | None = None  # the first segment after a restart
        self.changed_at = 0.0
        """When the playlist last brought something new."""

    @property
    def current(self) -> Segment | None:
        """The segment to be heard next; None while there is no new one."""
        return self._waiting[0] if self._waiting else None

    @property
    def is_live(self) -> bool:
        """Whether segments may still be added: no version that counts has said it is the last."""
        return self._playlist is None or not self._playlist.has_ended

    @property
    def has_ended(self) -> bool:
        """Whether everything was heard and nothing will be added."""
        return not self.is_live and not self._waiting

    def has_left(self, segment: Segment) -> bool:
        """Tell whether the latest version of the playlist has moved on past a segment."""
        segments = self._playlist.segments if self._playlist else ()
        return bool(segments) and segments[0].number > segment.number

    def receive(self, playlist: MediaPlaylist, now: float) -> bool:
        """Take in a version of the playlist; tell whether it brought something new."""
        if not playlist.segments:
            self._playlist = playlist
            return False
        last_number = playlist.segments[-1].number
        if self._next_number is None:
            first = _entry_number(playlist)
        elif self._has_begun_again(playlist, now):
            first = self._begins_at = playlist.segments[0].number
            self._waiting.clear()
            self._holes_s.clear()
        else:
            first = self._next_number
            self._note_hole(playlist, now)
            self._renew(playlist)
        if self._behind_since is None or first == self._begins_at:
            self._playlist, self._behind_since = playlist, None
        fresh = [segment for segment in playlist.segments if segment.number >= first]
        if not fresh:
            return False
        self._waiting.extend(fresh)
        while len(self._waiting) > MAX_WAITING:
            self.skip()
        self._next_number = last_number + 1
        self.changed_at = now
        return True

    def advance(self) -> None:
        """Count the current segment as heard."""
        if self._waiting.popleft().number == self._begins_at:
            self._begins_at = None

    def skip(self) -> None:
        """Give the current segment up: its time is missed."""
        segment = self._waiting.popleft()
        self._skipped_s += segment.duration_s + self._holes_s.pop(segment.number, 0.0)
        if segment.number == self._begins_at:
            self._begins_at = self._waiting[0].number if self._waiting else None

    def take_missed_s(self) -> float:
        """Return the media time that was never to be had before the current segment, once."""
        missed_s, self._skipped_s = self._skipped_s, 0.0
        if self._waiting:
            missed_s += self._holes_s.pop(self._waiting[0].number, 0.0)
        return missed_s

    @property
    def is_restarting(self) -> bool:
        """Whether the current segment is the first of a playlist that has begun again."""
        return bool(self._waiting) and self._waiting[0].number == self._begins_at

    def _note_hole(self, playlist: MediaPlaylist, now: float) -> None:
        """Note what left the playlist before we ever saw it; no more than the time that passed."""
        assert self._next_number is not None
        first = playlist.segments[0].number
        count = first - self._next_number
        if count > 0:
            mean_s = playlist.duration_s / len(playlist.segments)
            passed_s = now - self.changed_at + playlist.target_s
            self._holes_s[first] = min(count * mean_s, passed_s)

    def _renew(self, playlist: MediaPlaylist) -> None:
        """Use the latest entry of what still waits: its address may be signed anew."""
        latest = {segment.number: segment for segment in playlist.segments}
        self._waiting = deque(latest.get(segment.number, segment) for segment in self._waiting)

    def _has_begun_again(self, playlist: MediaPlaylist, now: float) -> bool:
        """Tell whether the numbers went back because they are counted from anew."""
        assert self._playlist is not None
        assert self._next_number is not None
        if playlist.segments[-1].number + 1 >= self._next_number:
            self._behind_since = None
            return False
        if self._behind_since is None:
            self._behind_since, self._behind_number = now, playlist.segments[-1].number
        has_moved = playlist.segments[-1].number > self._behind_number
        patience_s = RESTART_TARGETS * playlist.target_s
        return _is_other(playlist, self._playlist) or (
            has_moved and now - self._behind_since > patience_s
        )


def _entry_number(playlist: MediaPlaylist) -> int:
    """Return where to enter: a finite playlist at its beginning, a live one near its end."""
    segments = playlist.segments
    if playlist.has_ended:
        return segments[0].number
    if playlist.start_s is None:
        return segments[-LIVE_SEGMENTS:][0].number
    start_s = playlist.start_s
    if start_s < 0:
        start_s += playlist.duration_s
    for segment in segments:
        start_s -= segment.duration_s
        if start_s < 0:
            return segment.number
    return segments[-1].number


def _is_other(playlist: MediaPlaylist, known: MediaPlaylist) -> bool:
    """Tell whether two versions have nothing but different segments under the same numbers."""
    names = {segment.number: _name(segment) for segment in known.segments}
    common = [segment for segment in playlist.segments if segment.number in names]
    return bool(common) and all(names[segment.number] != _name(segment) for segment in common)


def _name(segment: Segment) -> tuple[str, float, int | None]:
    """Return what stays the same in every version; the query and folder of an address may not."""
    path = segment.media.uri.partition("?")[0]
    return path.rpartition("/")[2], segment.duration_s, segment.media.start

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
        self._passed_at_s: float | None = None  # when the last one heard or skipped ended, as dated
        self._seen_until_s: float | None = None  # when the last one ever seen ended
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
        if self._next_number is None:
            first = _entry_number(playlist)
        elif self._has_begun_again(playlist, now):
            first = self._begin_again(playlist, now)
        else:
            first = self._next_number
            self._note_hole(playlist, now)
            self._renew(playlist)
        if self._behind_since is None or first == self._begins_at:
            self._playlist, self._behind_since = playlist, None
        fresh = playlist.segments[max(first - playlist.segments[0].number, 0) :]
        if not fresh:
            return False
        self._waiting.extend(fresh)
        while len(self._waiting) > MAX_WAITING:
            self.skip()
        self._next_number = fresh[-1].number + 1
        self._seen_until_s = _end_s(fresh[-1])
        self.changed_at = now
        return True

    def advance(self) -> None:
        """Count the current segment as heard."""
        segment = self._waiting.popleft()
        self._passed_at_s = _end_s(segment)
        if segment.number == self._begins_at:
            self._begins_at = None

    def skip(self) -> None:
        """Give the current segment up: its time is missed."""
        segment = self._waiting.popleft()
        self._passed_at_s = _end_s(segment)
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
        first = playlist.segments[0]
        count = first.number - self._next_number
        if count > 0:
            hole_s = _between_s(self._seen_until_s, first.program_time_s)
            if hole_s is None:
                hole_s = count * playlist.duration_s / len(playlist.segments)
            self._holes_s[first.number] = min(hole_s, self._passed_s(playlist, now))

    def _begin_again(self, playlist: MediaPlaylist, now: float) -> int:
        """Let go of what waits of the playlist before; return where the new one is entered.

        Where both are dated, what has been heard is not heard again, and what lies between is
        missed; where not, what waited is.
        """
        waited_s = sum(one.duration_s for one in self._waiting) + sum(self._holes_s.values())
        self._waiting.clear()
        self._holes_s.clear()
        heard = _count_heard(playlist, self._passed_at_s)
        first = playlist.segments[0].number + heard
        # When all of it was heard, the next one begins where the last one ends.
        if heard == len(playlist.segments):
            begun_s = _end_s(playlist.segments[-1])
        else:
            begun_s = playlist.segments[heard].program_time_s
        between_s = _between_s(self._passed_at_s, begun_s)
        if between_s is None:
            self._skipped_s += waited_s
        else:
            self._skipped_s += min(between_s, waited_s + self._passed_s(playlist, now))
        self._begins_at = self._next_number = first
        return first

    def _passed_s(self, playlist: MediaPlaylist, now: float) -> float:
        """Return how much can have been said since the playlist last brought something new."""
        return now - self.changed_at + playlist.target_s

    def _renew(self, playlist: MediaPlaylist) -> None:
        """Use the latest entry of what still waits: its address may be signed anew."""
        latest, first = playlist.segments, playlist.segments[0].number
        self._waiting = deque(
            latest[one.number - first] if 0 <= one.number - first < len(latest) else one
            for one in self._waiting
        )

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


def _end_s(segment: Segment) -> float | None:
    """Return when a segment ended, if it is dated."""
    begun_s = segment.program_time_s
    return None if begun_s is None else begun_s + segment.duration_s


def _between_s(until_s: float | None, begun_s: float | None) -> float | None:
    """Return the time from one date to another; None where one of them is not known."""
    return None if until_s is None or begun_s is None else max(begun_s - until_s, 0.0)


def _count_heard(playlist: MediaPlaylist, until_s: float | None) -> int:
    """Return how many segments of a new playlist were said before `until_s`.

    None of them, where it does not reach so far: its clock is another one.
    """
    last_end_s = _end_s(playlist.segments[-1])
    if until_s is None or last_end_s is None or last_end_s < until_s - 2 * playlist.target_s:
        return 0
    count = 0
    for segment in playlist.segments:
        begun_s = segment.program_time_s
        if begun_s is None or begun_s + segment.duration_s / 2 > until_s:
            break
        count += 1
    return count


def _is_other(playlist: MediaPlaylist, known: MediaPlaylist) -> bool:
    """Tell whether two versions have nothing but different segments under the same numbers."""
    names = {segment.number: _name(segment) for segment in known.segments}
    common = [segment for segment in playlist.segments if segment.number in names]
    return bool(common) and all(names[segment.number] != _name(segment) for segment in common)


def _name(segment: Segment) -> tuple[str, float, int | None]:
    """Return what stays the same in every version; the query and folder of an address may not."""
    path = segment.media.uri.partition("?")[0]
    return path.rpartition("/")[2], segment.duration_s, segment.media.start

"""Read an HLS playlist (RFC 8216): which segments there are, or which playlists to go on with.

Theory of operation. A playlist comes from strangers, and what is read of it is limited in every
way that costs time or memory. A long one is read in turns of `LINES_A_TURN` lines, so that whoever
reads it can let others go on in between. What stands in a tag is checked only when a segment needs
it: a live playlist may be half written, and its last line cut off anywhere. URIs stay as they stand
until they are fetched, since a long playlist has thousands and a listener needs few.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from scribewire.sources.faults import SourceFault, invalid_stream, unsupported_format
from scribewire.sources.hls.master import ListedVariant, MasterPlaylist, order_choices
from scribewire.sources.hls.tags import finite, read_attributes, read_date
from scribewire.sources.hls.variables import NO_VARIABLES, Variables
from scribewire.sources.stations import is_stations

if TYPE_CHECKING:
    from collections.abc import Mapping

LINES_A_TURN = 2000
TURN_S = 0.003
"""What so many take at most to read."""
MAX_SEGMENTS = 30_000
"""Twelve hours in segments of 2 s have 21,600."""
MAX_LINES = 240_000
"""Of segments with dates and marks, and a good many that say nothing to us."""
MAX_ATTRIBUTES = 1 << 20
"""Characters of lists of attributes: a key for each segment of those twelve hours."""
MAX_SEGMENT_S = 3600.0
"""Longer is a mistake; the media itself may still be shorter or longer than it says."""
MAX_NUMBER = 1 << 64
"""Of a segment, as RFC 8216 limits it."""
KEY_BYTES = 16  # of AES-128

_BOM: Final = "\ufeff"
_BYTE_RANGE: Final = re.compile(r"(\d{1,15})(?:@(\d{1,15}))?", re.ASCII)
_IV: Final = re.compile(r"0[xX]([0-9A-Fa-f]{1,32})")
_IDENTITY: Final = "identity"  # the key format that is a key, and no matter of a rights system
_OF_PLAYLIST: Final = frozenset({"#EXT-X-TARGETDURATION", "#EXT-X-ENDLIST"})
_OF_SEGMENT: Final = frozenset(
    {
        "#EXTINF",
        "#EXT-X-BYTERANGE",
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-GAP",
        "#EXT-X-PROGRAM-DATE-TIME",
    }
)
_WITH_ATTRIBUTES: Final = frozenset(
    {
        "#EXT-X-DEFINE",
        "#EXT-X-KEY",
        "#EXT-X-MAP",
        "#EXT-X-START",
        "#EXT-X-MEDIA",
        "#EXT-X-STREAM-INF",
    }
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A file that a playlist names, or a part of one."""

    uri: str
    """As it stands there: relative to the playlist."""
    start: int | None = None
    """First byte, with `end`; None for the whole file."""
    end: int | None = None


@dataclass(frozen=True, slots=True)
class SegmentKey:
    """What a segment is encrypted with: AES-128 in CBC mode."""

    uri: str
    iv: bytes | None
    """Sixteen bytes; None stands for the segment's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Some seconds of media."""

    number: int
    """Its media sequence number, by which it is known in the next version of the playlist."""
    duration_s: float
    media: Resource
    initialization: Resource | None
    """What comes before it, once: the head of a fragmented MP4."""
    key: SegmentKey | None
    is_discontinuity: bool
    """Its encoding or its times have nothing to do with those before it."""
    is_missing: bool
    """The server says itself that it has not got it."""
    program_time_s: float | None = None
    """When it was said, in seconds since 1970, if the playlist dates it or one before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPlaylist:
    """One version of a list of segments."""

    segments: tuple[Segment, ...]
    target_s: float
    """No segment is longer, give or take half a second."""
    has_ended: bool
    """Nothing will be added."""
    start_s: float | None
    """Where to begin, if it says so: from the first segment on, or back from the end."""

    @property
    def duration_s(self) -> float:
        """Return how long all segments are together."""
        return sum(segment.duration_s for segment in self.segments)


Playlist: TypeAlias = MediaPlaylist | MasterPlaylist

PLAYLIST_HEAD_BYTES = 16
"""So many first bytes tell whether something is a playlist."""


def is_playlist(head: bytes) -> bool:
    """Tell by its first bytes whether something is a playlist: of segments, or of stations."""
    start = head.removeprefix(_BOM.encode()).lstrip().lower()
    return start.startswith(b"#extm3u") or is_stations(head)


def is_hls(text: str) -> bool:
    """Tell whether a playlist is one of HLS."""
    return "#EXT-X-" in text


def parse_playlist(
    text: str, query: str = "", imported: Mapping[str, str] = NO_VARIABLES
) -> Playlist:
    """Return the segments, or what a master playlist leads to. Raises SourceFault.

    `query` is that of its address, `imported` are the variables of the playlist that led here.
    """
    reader = PlaylistReader(text, query, imported)
    while (found := reader.read_on()) is None:
        pass
    return found


class PlaylistReader:
    """Read one playlist, some lines at a time."""

    def __init__(
        self, text: str, query: str = "", imported: Mapping[str, str] = NO_VARIABLES
    ) -> None:
        # One line too many, so that it is seen that there are more.
        self._lines = text.removeprefix(_BOM).replace("\r", "\n").split("\n", MAX_LINES)
        self._next_line = 0
        self._attributes = 0  # characters of them
        self._variables = Variables(query, imported)
        self._of_playlist: dict[str, str] = {}
        self._start: dict[str, str] = {}
        self._first_number = 0
        # A master playlist:
        self._is_master = False
        self._variants: list[ListedVariant] = []
        self._renditions: list[dict[str, str]] = []
        self._variant: dict[str, str] | None = None  # whose address is the next line
        # The segments, and what the next one is:
        self._segments: list[Segment] = []
        self._is_renumbered = False
        self._of_segment: dict[str, str] = {}
        self._range_end: dict[str, int] = {}  # where the next part of each file begins
        # What holds for all that follow:
        self._keys: dict[str, dict[str, str]] = {}  # by their format: one set for each player
        self._key: SegmentKey | None = None
        self._is_key_read = True
        self._map: dict[str, str] | None = None
        self._initialization: Resource | None = None
        self._program_time_s: float | None = None  # of the next one, counted on from the last date

    def read_on(self) -> Playlist | None:
        """Read no more than `LINES_A_TURN` lines; return the playlist when it is at its end.

        Raises SourceFault.
        """
        first, self._next_line = self._next_line, self._next_line + LINES_A_TURN
        for raw in self._lines[first : self._next_line]:
            line = raw.strip()
            if line.startswith("#"):
                self._read_tag(line)
            elif line:
                self._read_uri(self._variables.fill(line))
        if self._next_line > MAX_LINES:
            raise _too_long()
        return self._finish() if self._next_line >= len(self._lines) else None

    def _finish(self) -> Playlist:
        if self._is_master:
            choices = order_choices(self._variants, self._renditions)
            return MasterPlaylist(choices, self._variables.values)
        target_s = finite(self._of_playlist.get("#EXT-X-TARGETDURATION"))
        if target_s is None:
            if not self._segments:
                raise _unreadable("has no target duration")
            target_s = math.ceil(max(segment.duration_s for segment in self._segments))
        segments = tuple(self._segments)
        if self._is_renumbered:  # it stood behind segments
            numbers = range(self._first_number, self._first_number + len(segments))
            segments = tuple(
                replace(one, number=number) for one, number in zip(segments, numbers, strict=True)
            )
        return MediaPlaylist(
            segments=segments,
            target_s=min(max(target_s, 0.1), MAX_SEGMENT_S),
            has_ended="#EXT-X-ENDLIST" in self._of_playlist,
            start_s=finite(self._start.get("TIME-OFFSET")),
        )

    def _read_tag(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name in _OF_SEGMENT:
            self._of_segment[name] = value
        elif name in _OF_PLAYLIST:
            self._of_playlist[name] = value
        elif name in _WITH_ATTRIBUTES:
            self._read_attributes(name, value)
        elif name == "#EXT-X-MEDIA-SEQUENCE":
            self._first_number = _read_number(value)
            self._is_renumbered = bool(self._segments)
        elif name == "#EXT-X-SKIP":  # only who asks for it may get such a version
            raise _unreadable("leaves segments out that an earlier version had")

    def _read_attributes(self, name: str, value: str) -> None:
        """Read a tag with a list of attributes."""
        self._attributes += len(name) + len(value)
        if self._attributes > MAX_ATTRIBUTES:
            raise _too_long()
        attributes = self._variables.fill_all(read_attributes(value))
        match name:
            case "#EXT-X-DEFINE":
                self._variables.define(attributes)
            case "#EXT-X-KEY":
                self._note_key(attributes)
            case "#EXT-X-MAP":
                self._map, self._initialization = attributes, None
            case "#EXT-X-START":
                self._start = attributes
            case "#EXT-X-MEDIA":
                self._renditions.append(attributes)
                self._is_master = True
            case "#EXT-X-STREAM-INF":
                self._variant = attributes
                self._is_master = True

    def _read_uri(self, uri: str) -> None:
        if self._variant is not None:
            self._variants.append(ListedVariant(uri, self._variant))
            self._variant = None
        elif "#EXTINF" in self._of_segment or "#EXT-X-BYTERANGE" in self._of_segment:
            self._segments.append(self._read_segment(uri))
            if len(self._segments) > MAX_SEGMENTS:
                raise _too_long()
            self._of_segment = {}

    def _read_segment(self, uri: str) -> Segment:
        if not self._is_key_read:
            self._key, self._is_key_read = _read_key(self._keys), True
        if self._map is not None and self._initialization is None:
            self._initialization = _read_initialization(self._map)
        tags = self._of_segment
        duration_s = _read_duration(tags.get("#EXTINF"))
        program_time_s = self._date_segment(tags)
        if program_time_s is not None:
            self._program_time_s = program_time_s + duration_s
        return Segment(
            number=self._first_number + len(self._segments),
            duration_s=duration_s,
            media=_read_resource(uri, tags.get("#EXT-X-BYTERANGE"), self._range_end),
            initialization=self._initialization,
            key=self._key,
            is_discontinuity="#EXT-X-DISCONTINUITY" in tags,
            is_missing="#EXT-X-GAP" in tags,
            program_time_s=program_time_s,
        )

    def _date_segment(self, tags: dict[str, str]) -> float | None:
        """Return when the next segment was said: its own date, or counted on from the last."""
        if "#EXT-X-DISCONTINUITY" in tags:  # what comes may have been said at any time
            self._program_time_s = None
        date = tags.get("#EXT-X-PROGRAM-DATE-TIME")
        dated_s = None if date is None else read_date(date)
        return self._program_time_s if dated_s is None else dated_s

    def _note_key(self, key: dict[str, str]) -> None:
        """Note a key: it holds until another one of its format comes, or none at all."""
        if key.get("METHOD", "NONE") == "NONE":
            self._keys.clear()
        else:
            self._keys[key.get("KEYFORMAT", _IDENTITY)] = key
        self._is_key_read = False


def _too_long() -> SourceFault:
    return invalid_stream("its playlist is too long")


def _unreadable(words: str) -> SourceFault:
    """Say that it makes no sense; a live one may be half written, and its next version good."""
    return invalid_stream(f"its playlist {words}", is_transient=True)


def _read_number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = MAX_NUMBER
    if abs(number) >= MAX_NUMBER:
        raise _unreadable("has an impossible media sequence number")
    return number


def _read_duration(text: str | None) -> float:
    if text is None:
        return 0.0
    duration_s = finite(text.partition(",")[0])  # a title may follow
    if duration_s is None or not 0 <= duration_s <= MAX_SEGMENT_S:
        raise _unreadable("has a segment of an impossible duration")
    return duration_s


def _read_resource(uri: str, byte_range: str | None, range_end: dict[str, int]) -> Resource:
    if byte_range is None:
        return Resource(uri)
    found = _BYTE_RANGE.fullmatch(byte_range.strip().strip('"'))
    if found is None or not int(found[1]):
        raise _unreadable("has a broken byte range")
    start = range_end.get(uri, 0) if found[2] is None else int(found[2])
    range_end[uri] = start + int(found[1])
    return Resource(uri, start, range_end[uri])


def _read_initialization(head: dict[str, str]) -> Resource:
    if not head.get("URI"):
        raise _unreadable("has a map without an address")
    return _read_resource(head["URI"], head.get("BYTERANGE"), {})


def _read_key(keys: dict[str, dict[str, str]]) -> SegmentKey | None:
    if not keys:
        return None
    key = keys.get(_IDENTITY) or next(iter(keys.values()))
    if key["METHOD"] != "AES-128" or _IDENTITY not in keys:
        method = re.sub(r"[^A-Za-z0-9-]", "?", key["METHOD"][:20])
        raise unsupported_format(f"an HLS stream that is protected ({method})")
    if not key.get("URI"):
        raise _unreadable("has a key without an address")
    iv = key.get("IV")
    if iv is None:
        return SegmentKey(key["URI"], None)
    digits = _IV.fullmatch(iv)
    if digits is None:
        raise _unreadable("has a broken IV")
    return SegmentKey(key["URI"], int(digits[1], 16).to_bytes(KEY_BYTES, "big"))

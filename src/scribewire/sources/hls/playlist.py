"""Read an HLS playlist (RFC 8216): which segments there are, or which playlists to go on with.

Theory of operation. m3u8 reads the tags; it is given only those that matter here, for it refuses
a whole playlist for one bad date in a tag that nobody asked about. Some it leaves to `_read_tag`:
it compares each key with all before it, and refuses a master playlist for one bad attribute. What
is left is checked: a playlist comes from strangers, and no other session goes on while it is read,
so its length is limited in every way that costs time. URIs stay as they stand until they are
fetched, since a long playlist has thousands and a listener needs few.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

import m3u8

from scribewire.sources.faults import SourceFault, invalid_stream, unsupported_format
from scribewire.sources.hls.master import ListedVariant, MasterPlaylist, order_choices
from scribewire.sources.hls.tags import finite, read_attributes
from scribewire.sources.stations import is_stations

MAX_LINES = 60_000
"""That matter: twelve hours in segments of 2 s have 43,000. Takes a quarter of a second to read."""
MAX_ALL_LINES = 4 * MAX_LINES
"""With those that do not matter."""
MAX_ATTRIBUTES = 1 << 20
"""Characters of lists of attributes: a key for each segment of those twelve hours."""
MAX_SEGMENT_S = 3600.0
"""Longer is a mistake; the media itself may still be shorter or longer than it says."""
MAX_NUMBER = 1 << 64
"""Of a segment, as RFC 8216 limits it."""
KEY_BYTES = 16  # of AES-128

_BOM: Final = "\ufeff"
_KEPT: Final = (
    "#EXTINF:",
    "#EXT-X-BYTERANGE:",
    "#EXT-X-TARGETDURATION:",
    "#EXT-X-MEDIA-SEQUENCE:",
    "#EXT-X-KEY:",
    "#EXT-X-MAP:",
    "#EXT-X-STREAM-INF:",
    "#EXT-X-MEDIA:",
    "#EXT-X-START:",
)
_KEPT_WHOLE: Final = ("#EXT-X-DISCONTINUITY", "#EXT-X-ENDLIST", "#EXT-X-GAP")
_WITH_ATTRIBUTES: Final = (
    "#EXT-X-KEY:",
    "#EXT-X-MAP:",
    "#EXT-X-STREAM-INF:",
    "#EXT-X-MEDIA:",
    "#EXT-X-START:",
)
_BYTE_RANGE: Final = re.compile(r"(\d{1,15})(?:@(\d{1,15}))?", re.ASCII)
_IV: Final = re.compile(r"0[xX]([0-9A-Fa-f]{1,32})")


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


PLAYLIST_HEAD_BYTES = 16
"""So many first bytes tell whether something is a playlist."""


def is_playlist(head: bytes) -> bool:
    """Tell by its first bytes whether something is a playlist: of segments, or of stations."""
    start = head.removeprefix(_BOM.encode()).lstrip().lower()
    return start.startswith(b"#extm3u") or is_stations(head)


def is_hls(text: str) -> bool:
    """Tell whether a playlist is one of HLS."""
    return "#EXT-X-" in text


def parse_playlist(text: str) -> MediaPlaylist | MasterPlaylist:
    """Return the segments, or what a master playlist leads to. Raises SourceFault."""
    data = _parse_tags(text)
    if data["is_variant"] or data["media"]:
        variants = [ListedVariant(one["uri"], one["stream_info"]) for one in data["playlists"]]
        return order_choices(variants, data["media"])
    target_s = finite(data.get("targetduration"))
    if target_s is None:
        raise _unreadable("has no target duration")
    return MediaPlaylist(
        segments=_read_segments(data),
        target_s=min(max(target_s, 0.1), MAX_SEGMENT_S),
        has_ended=data["is_endlist"],
        start_s=finite(data.get("start", {}).get("TIME-OFFSET")),
    )


def _split_lines(text: str) -> list[str]:
    return text.removeprefix(_BOM).replace("\r", "\n").split("\n", MAX_ALL_LINES)


def _unreadable(words: str) -> SourceFault:
    """Say that it makes no sense; a live one may be half written, and its next version good."""
    return invalid_stream(f"its playlist {words}", is_transient=True)


def _parse_tags(text: str) -> dict[str, Any]:
    lines: list[str] = []
    attributes = 0
    for number, raw in enumerate(_split_lines(text)):
        line = raw.strip()
        if line.startswith("#EXTINF:"):
            line = line.partition(",")[0]  # titles may have what m3u8 takes for the end of a line
        elif line.startswith(_WITH_ATTRIBUTES):
            attributes += len(line)
        if line and (not line.startswith("#") or line.startswith(_KEPT) or line in _KEPT_WHOLE):
            lines.append(line)
        if number == MAX_ALL_LINES or len(lines) > MAX_LINES or attributes > MAX_ATTRIBUTES:
            raise invalid_stream("its playlist is too long")
    try:
        data: dict[str, Any] = m3u8.parse("\n".join(lines), custom_tags_parser=_read_tag)
    except Exception as error:
        # A stranger's text: what m3u8 trips over is no mistake of ours.
        raise _unreadable("cannot be read") from error
    return data


def _read_tag(line: str, _number: int, data: dict[str, Any], state: dict[str, Any]) -> bool:
    """Read one of the tags that m3u8 leaves to us; return whether it was one."""
    name, _, value = line.partition(":")
    match name:
        case "#EXT-X-KEY":
            state["current_key"] = read_attributes(value)
        case "#EXT-X-STREAM-INF":
            state["stream_info"], state["expect_playlist"] = read_attributes(value), True
            data["is_variant"] = True
        case "#EXT-X-MEDIA":
            data["media"].append(read_attributes(value))
        case "#EXT-X-START":
            data["start"] = read_attributes(value)
        case "#EXT-X-TARGETDURATION":
            data["targetduration"] = value
        case _:
            return False
    return True


def _read_segments(data: dict[str, Any]) -> tuple[Segment, ...]:
    first_number: int = data["media_sequence"]
    if abs(first_number) >= MAX_NUMBER:
        raise _unreadable("has an impossible media sequence number")
    segments: list[Segment] = []
    range_end: dict[str, int] = {}  # where the next part of each file begins
    # One dictionary of m3u8 stands for many segments.
    keys: dict[int, SegmentKey | None] = {}
    heads: dict[int, Resource | None] = {}
    for entry in data["segments"]:
        uri = entry.get("uri")
        if not uri:
            continue  # a tag at the end whose line is still to come
        key, head = entry.get("key"), entry.get("init_section")
        if id(key) not in keys:
            keys[id(key)] = _read_key(key)
        if id(head) not in heads:
            heads[id(head)] = _read_initialization(head)
        segments.append(
            Segment(
                number=first_number + len(segments),
                duration_s=_read_duration(entry.get("duration", 0.0)),
                media=_read_resource(uri, entry.get("byterange"), range_end),
                initialization=heads[id(head)],
                key=keys[id(key)],
                is_discontinuity=entry["discontinuity"],
                is_missing=bool(entry["gap_tag"]),
            )
        )
    return tuple(segments)


def _read_duration(value: float) -> float:
    if not math.isfinite(value) or not 0 <= value <= MAX_SEGMENT_S:
        raise _unreadable("has a segment of an impossible duration")
    return value


def _read_resource(uri: str, byte_range: str | None, range_end: dict[str, int]) -> Resource:
    if byte_range is None:
        return Resource(uri)
    found = _BYTE_RANGE.fullmatch(byte_range.strip().strip('"'))
    if found is None or not int(found[1]):
        raise _unreadable("has a broken byte range")
    start = range_end.get(uri, 0) if found[2] is None else int(found[2])
    range_end[uri] = start + int(found[1])
    return Resource(uri, start, range_end[uri])


def _read_initialization(head: dict[str, str] | None) -> Resource | None:
    if not head:
        return None
    if not head.get("uri"):
        raise _unreadable("has a map without an address")
    return _read_resource(head["uri"], head.get("byterange"), {})


def _read_key(key: dict[str, str] | None) -> SegmentKey | None:
    if not key or key.get("METHOD", "NONE") == "NONE":
        return None
    if key["METHOD"] != "AES-128" or key.get("KEYFORMAT", "identity") != "identity":
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

"""HLS playlists to serve: joined, live, growing and master ones, of segments made beforehand."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DISCONTINUITY: Final = "#EXT-X-DISCONTINUITY"
_DURATION: Final = "#EXTINF:"
_BYTE_RANGE: Final = "#EXT-X-BYTERANGE:"
# These hold for every segment that follows, until the next of their kind.
_KEY: Final = "#EXT-X-KEY:"
_LASTING: Final = (_KEY, "#EXT-X-MAP:")
_NO_KEY: Final = _KEY + "METHOD=NONE"
_VERSION = 7  # of fMP4 without a picture; whoever reads this one reads the earlier ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment with the tags that a playlist gives it."""

    uri: str
    duration_s: float
    is_discontinuous: bool = False
    """Whether it has nothing to do with the segment before it."""
    lasting: tuple[str, ...] = ()
    """The key and the map that hold for it, as tags."""
    byte_range: str = ""
    """Its part of the file, as a tag."""


def read_segments(playlist: str) -> tuple[Segment, ...]:
    """Return the segments of a media playlist as ffmpeg writes it; it is not checked."""
    segments: list[Segment] = []
    lasting: dict[str, str] = {}
    duration_s, byte_range, is_discontinuous = 0.0, "", False
    for line in playlist.splitlines():
        if line == _NO_KEY:
            lasting.pop(_KEY.removesuffix(":"), None)
        elif line.startswith(_LASTING):
            lasting[line.partition(":")[0]] = line
        elif line.startswith(_DURATION):
            duration_s = float(line.removeprefix(_DURATION).partition(",")[0])
        elif line.startswith(_BYTE_RANGE):
            byte_range = line
        elif line == DISCONTINUITY:
            is_discontinuous = True
        elif line and not line.startswith("#"):
            one = Segment(
                uri=line,
                duration_s=duration_s,
                is_discontinuous=is_discontinuous,
                lasting=tuple(sorted(lasting.values())),
                byte_range=byte_range,
            )
            segments.append(one)
            byte_range, is_discontinuous = "", False
    return tuple(segments)


def write_playlist(
    segments: Sequence[Segment],
    *,
    first_sequence: int = 0,
    first_discontinuity: int = 0,
    kind: str = "",
    is_ended: bool = True,
    target_s: int | None = None,
) -> str:
    """Return a media playlist. `kind` is VOD, EVENT or nothing; `target_s` the longest segment."""
    longest_s = max((segment.duration_s for segment in segments), default=1.0)
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}"]
    lines.append(f"#EXT-X-TARGETDURATION:{math.ceil(longest_s) if target_s is None else target_s}")
    lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first_sequence}")
    if first_discontinuity:
        lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{first_discontinuity}")
    if kind:
        lines.append(f"#EXT-X-PLAYLIST-TYPE:{kind}")
    lasting: tuple[str, ...] = ()
    for segment in segments:
        if segment.is_discontinuous:
            lines.append(DISCONTINUITY)
        lines += _changed(lasting, segment.lasting)
        lasting = segment.lasting
        lines.append(f"{_DURATION}{segment.duration_s:.6f},")
        if segment.byte_range:
            lines.append(segment.byte_range)
        lines.append(segment.uri)
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if is_ended else []), ""])


def _changed(before: tuple[str, ...], now: tuple[str, ...]) -> list[str]:
    """Return the lasting tags to write: those that are new, and the end of a key."""
    lines = [tag for tag in now if tag not in before]
    had_key, has_key = (any(tag.startswith(_KEY) for tag in tags) for tags in (before, now))
    return [*([_NO_KEY] if had_key and not has_key else []), *lines]


def join_playlists(playlists: Sequence[str]) -> str:
    """Return one finite playlist of several, with a discontinuity where each begins."""
    joined: list[Segment] = []
    for playlist in playlists:
        first, *rest = read_segments(playlist)
        joined.append(
            Segment(
                uri=first.uri,
                duration_s=first.duration_s,
                is_discontinuous=bool(joined),
                lasting=first.lasting,
                byte_range=first.byte_range,
            )
        )
        joined += rest
    return write_playlist(joined, kind="VOD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to have the whole presentation."""

    uri: str
    bandwidth: int
    """Bits in a second."""
    codecs: str = "mp4a.40.2"
    audio_group: str = ""
    """Where its sound is, when not in itself."""
    resolution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """The sound of a presentation, beside the picture."""

    uri: str
    group: str
    name: str = "speech"
    language: str = ""
    is_default: bool = True


def write_master(variants: Sequence[Variant], renditions: Sequence[Rendition] = ()) -> str:
    """Return a master playlist."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}"]
    for one in renditions:
        default = "YES" if one.is_default else "NO"
        media = f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{one.group}",NAME="{one.name}"'
        language = f',LANGUAGE="{one.language}"' if one.language else ""
        lines.append(f'{media}{language},DEFAULT={default},AUTOSELECT=YES,URI="{one.uri}"')
    for variant in variants:
        stream = f'#EXT-X-STREAM-INF:BANDWIDTH={variant.bandwidth},CODECS="{variant.codecs}"'
        resolution = f",RESOLUTION={variant.resolution}" if variant.resolution else ""
        audio = f',AUDIO="{variant.audio_group}"' if variant.audio_group else ""
        lines += [stream + resolution + audio, variant.uri]
    return "\n".join([*lines, ""])


class RollingPlaylist:
    """A live playlist: a window over `segments` that moves on as they would be recorded.

    It shows the first `window` segments when it is asked for the first time, and one more whenever
    the time of that one has passed, `speed` times as fast as it plays; with `speed=0` only when
    `advance` is called. `window=None` is an event playlist: it only grows, from `first_segments`
    on. What has left the window can be had for `grace` segments more, what is still to come not
    at all: `serves` tells. At the end the playlist says so, unless `ends` is false. How long
    its longest segment is, and so how often it is to be read, it says in the time that passes.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        *,
        window: int | None = 5,
        first_segments: int | None = None,
        grace: int = 2,
        speed: float = 1.0,
        ends: bool = True,
        first_sequence: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._segments = tuple(segments)
        self._window = window
        self._shown = min(first_segments or window or 1, len(self._segments))
        self._grace = grace
        self._speed = speed
        self._ends = ends
        self._first_sequence = first_sequence
        self._clock = clock
        self._begun_at: float | None = None  # when it was asked for the first time
        following = self._segments[self._shown :]
        # When each following segment has been recorded, in seconds of media after the beginning.
        self._recorded_s = tuple(accumulate(segment.duration_s for segment in following))
        self._first_shown = self._shown
        longest_s = math.ceil(max(segment.duration_s for segment in self._segments))
        self._target_s = int(longest_s / speed) if speed else 0

    @property
    def shown(self) -> int:
        """How many segments have been shown so far, those that have left the window with them."""
        if self._speed and self._begun_at is not None:
            played_s = (self._clock() - self._begun_at) * self._speed
            recorded = sum(end_s <= played_s for end_s in self._recorded_s)
            self._shown = max(self._shown, self._first_shown + recorded)
        return self._shown

    @property
    def is_over(self) -> bool:
        """Whether the last segment has been shown."""
        return self.shown == len(self._segments)

    def advance(self, count: int = 1) -> None:
        """Show so many segments more, without waiting for their time."""
        self._shown = min(self.shown + count, len(self._segments))

    def text(self) -> str:
        """Return the playlist as it is now; the first time, its clock starts."""
        if self._begun_at is None:
            self._begun_at = self._clock()
        last = self.shown
        first = self._first_of(last)
        gone = self._segments[:first]
        return write_playlist(
            self._segments[first:last],
            first_sequence=self._first_sequence + first,
            first_discontinuity=sum(segment.is_discontinuous for segment in gone),
            kind="EVENT" if self._window is None else "",
            is_ended=self._ends and last == len(self._segments),
            target_s=self._target_s,
        )

    def serves(self, uri: str) -> bool:
        """Whether a file that the playlist names, or will, can be had now."""
        last = self.shown
        first = max(self._first_of(last) - self._grace, 0)
        is_named = any(segment.uri == uri for segment in self._segments)
        return not is_named or any(segment.uri == uri for segment in self._segments[first:last])

    def _first_of(self, last: int) -> int:
        return 0 if self._window is None else max(last - self._window, 0)

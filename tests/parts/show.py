"""A playlist in the time of a `World`: what it lists, and what fails; segments are PCM as it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.hls.page import PlaylistPage
from scribewire.sources.hls.playlist import MediaPlaylist, Resource, Segment
from scribewire.sources.hls.segments import SegmentBytes
from scribewire.sources.steps import (
    Connect,
    Failed,
    FetchSegment,
    PlaylistCame,
    ReadPlaylist,
    SegmentCame,
)
from tests.parts.world import URL, Answered

SEGMENT_S: Final = 2.0
PAGE: Final = PlaylistPage("", URL, URL)


def status(code: int) -> SourceFault:
    """Return what a request fails with."""
    return invalid_stream(f"HTTP {code}", is_transient=code >= 500, status=code)


def content(number: int) -> bytes:
    """Return the media of a segment, unlike that of any other."""
    return number.to_bytes(4, "big") * round(SEGMENT_S * 32_000 / 4)


def segment(number: int, **others: object) -> Segment:
    """Return an entry of a playlist."""
    plain = Segment(
        number=number,
        duration_s=SEGMENT_S,
        media=Resource(f"{number}.ts"),
        initialization=None,
        key=None,
        is_discontinuity=False,
        is_missing=False,
    )
    return replace(plain, **others)  # type: ignore[arg-type]  # as each test has it


@dataclass
class Show:
    """Segments, of which a window is listed: it moves on with time, unless all are there."""

    segments: list[Segment]
    window: int | None = None
    """So many are listed at a time; None: all, and it has ended."""
    failures: dict[int | str, list[SourceFault]] = field(default_factory=dict)
    """Of a segment, or of the playlist, one after the other."""
    media: dict[int, bytes] = field(default_factory=dict)
    """Of some segments, instead of their content."""
    formats: dict[int, str] = field(default_factory=dict)
    heads: dict[int, bytes] = field(default_factory=dict)
    silent: set[int] = field(default_factory=set)
    """Segments without sound."""
    stands_from: float = float("inf")
    """The window does not move on after that."""
    fetch_s: float = 0.05

    def listed(self, now: float) -> MediaPlaylist:
        """Return the playlist as it is then."""
        segments = self.segments
        if self.window is not None:
            count = self.window + int(min(now, self.stands_from) / SEGMENT_S)
            segments = segments[max(count - self.window, 0) : count]
            has_ended = count >= len(self.segments)
        else:
            has_ended = True
        return MediaPlaylist(
            segments=tuple(segments), target_s=SEGMENT_S, has_ended=has_ended, start_s=None
        )

    def connect(self, step: Connect, now: float) -> Answered:
        """Never asked."""
        raise AssertionError(step)

    def playlist(self, step: ReadPlaylist, now: float) -> tuple[float, PlaylistCame | Failed]:
        """Return it, or fail."""
        if faults := self.failures.get("playlist"):
            return now + self.fetch_s, Failed(faults.pop(0))
        return now + self.fetch_s, PlaylistCame(PAGE, self.listed(now))

    def segment(self, step: FetchSegment, now: float) -> tuple[float, SegmentCame | Failed]:
        """Return it, or fail."""
        number = step.segment.number
        if faults := self.failures.get(number):
            return now + self.fetch_s, Failed(faults.pop(0))
        data = SegmentBytes(
            media=self.media.get(number, content(number)),
            initialization=self.heads.get(number, b""),
            format=self.formats.get(number, "ts"),
            has_sound=number not in self.silent,
        )
        return now + self.fetch_s, SegmentCame(data)

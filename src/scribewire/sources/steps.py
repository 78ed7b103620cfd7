"""What the core of a pull asks to be done, and what it is told of it: values only.

There is one connection at a time and one decoder. Each step is answered by one of the facts that
its docstring names, unless the connection or the decoder is let go of before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from scribewire.sources.hls.variables import NO_VARIABLES

if TYPE_CHECKING:
    from scribewire.audio.container import AudioInfo
    from scribewire.sources.events import SourceAudio, SourceEvent, SourceGap, SourceTrack
    from scribewire.sources.faults import SourceFault
    from scribewire.sources.hls.page import PlaylistPage
    from scribewire.sources.hls.playlist import Playlist, Segment
    from scribewire.sources.hls.segments import SegmentBytes
    from scribewire.sources.http.bodies import BodyEnd
    from scribewire.sources.http.urls import HttpUrl


@dataclass(frozen=True, slots=True)
class Connect:
    """Ask for what is at an address: `Connected` or `Failed`."""

    url: HttpUrl
    start: int | None = None
    """First byte that is wanted, with `end`; None for all."""
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Receive:
    """Take more of the body: `Received`, `BodyOver` or `Failed`."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Let go of the connection, or of what is being fetched."""


@dataclass(frozen=True, slots=True)
class ReadPlaylist:
    """Read a playlist from the connection, or from `url` anew: `PlaylistCame` or `Failed`."""

    url: HttpUrl
    is_connected: bool = False
    imported: Mapping[str, str] = field(default_factory=lambda: NO_VARIABLES)
    """What the playlist that led here has defined."""


@dataclass(frozen=True, slots=True)
class FetchSegment:
    """Fetch a segment of the playlist at `base`: `SegmentCame` or `Failed`."""

    segment: Segment
    base: HttpUrl
    is_of_another: bool = False
    """The playlist is another one, or has begun again: its heads and keys may have the addresses of
    those before."""


@dataclass(frozen=True, slots=True)
class StartDecoder:
    """Start one; what it finds comes with `Hear`."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Give the decoder media: `Fed`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EndInput:
    """Tell the decoder that there is no more."""


@dataclass(frozen=True, slots=True)
class Hear:
    """Wait for what the decoder has next: `Known` once, then `Heard`, at last `DecoderOver`."""


@dataclass(frozen=True, slots=True)
class StopDecoder:
    """Let go of the decoder."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell whoever pulls."""

    event: SourceEvent


@dataclass(frozen=True, slots=True)
class Over:
    """That was the last step."""

    fault: SourceFault | None = None
    """Why; None where the source is over."""


Step: TypeAlias = (
    Connect
    | Receive
    | Disconnect
    | ReadPlaylist
    | FetchSegment
    | StartDecoder
    | Feed
    | EndInput
    | Hear
    | StopDecoder
    | Tell
    | Over
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """An answer has begun."""

    url: HttpUrl
    """Where it comes from at last."""
    head: bytes
    """What its body begins with; it comes with `Received` too."""
    length: int | None
    """Bytes of the whole resource; None where that is not known, or they come compressed."""
    start: int
    """Which byte of the resource comes first."""
    is_icy: bool
    """It says of itself that it is a radio stream."""
    is_finite: bool
    """It says that it has an end."""
    is_azure: bool
    validators: Mapping[str, str]
    """What a changed resource would say otherwise: `etag` and `last-modified`."""


@dataclass(frozen=True, slots=True)
class Received:
    """Some of the body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyOver:
    """The body has come to its end."""

    ended_by: BodyEnd


@dataclass(frozen=True, slots=True)
class PlaylistCame:
    """A playlist was read."""

    page: PlaylistPage
    found: Playlist | None
    """None where it is a list of stations."""


@dataclass(frozen=True, slots=True)
class SegmentCame:
    """A segment was fetched."""

    data: SegmentBytes


@dataclass(frozen=True, slots=True)
class Failed:
    """What was asked of the other server has failed."""

    fault: SourceFault


@dataclass(frozen=True, slots=True)
class Fed:
    """The decoder has taken its media, or has given up."""


@dataclass(frozen=True, slots=True)
class Known:
    """The decoder knows what it hears."""

    info: AudioInfo


@dataclass(frozen=True, slots=True)
class Heard:
    """The decoder has heard something, or goes on with another track."""

    piece: SourceAudio | SourceGap | SourceTrack


@dataclass(frozen=True, slots=True)
class DecoderOver:
    """The decoder has ended."""

    fault: SourceFault | None = None


Fact: TypeAlias = (
    Connected
    | Received
    | BodyOver
    | PlaylistCame
    | SegmentCame
    | Failed
    | Fed
    | Known
    | Heard
    | DecoderOver
)

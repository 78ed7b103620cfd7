"""What a pulled source gives: audio, and what happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from scribewire.types import PCM_BYTES_PER_S, SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.audio.container import AudioInfo


@dataclass(frozen=True, slots=True)
class SourceOpened:
    """Audio is being read, for the first time or again."""

    info: AudioInfo
    is_live: bool
    """Whether it comes as it is spoken; else it is finite and comes as fast as it is taken."""
    carrier: str = "a file"
    """What brings it, in words: a file, a radio stream, an HLS playlist, ..."""
    duration_s: float | None = None
    """Where the source says so."""
    says_live: bool = False
    """It says of itself that it is live, as radio does: it is no file whose end was not told."""


@dataclass(frozen=True, slots=True)
class SourceAudio:
    """The next piece of audio."""

    pcm: bytes
    """16-bit little-endian, 16 kHz, mono."""

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.pcm) / PCM_BYTES_PER_S

    def without_start(self, seconds: float) -> SourceAudio | None:
        """Return what of it is behind its first seconds; None: nothing."""
        rest = self.pcm[2 * round(seconds * SAMPLE_RATE) :]
        return SourceAudio(rest) if rest else None


@dataclass(frozen=True, slots=True)
class SourceLost:
    """A source has stopped giving audio; it is asked again, and nothing need be missing."""

    cause: str
    """For a log: no query string, no user info."""


@dataclass(frozen=True, slots=True)
class SourceGap:
    """The audio has broken off: what follows does not continue what came before."""

    seconds: float
    """So long nothing was heard; 0 where nothing is missing, or it is not known yet how much."""

    def without_start(self, seconds: float) -> SourceGap | None:
        """Return what of it is behind its first seconds; None: nothing."""
        return SourceGap(self.seconds - seconds) if self.seconds > seconds else None


@dataclass(frozen=True, slots=True)
class SourceTrack:
    """What was heard until here is silent while another track has sound: that one follows."""

    info: AudioInfo


SourceEvent: TypeAlias = SourceOpened | SourceAudio | SourceLost | SourceGap | SourceTrack

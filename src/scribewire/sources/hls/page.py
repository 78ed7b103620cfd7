"""One version of a playlist as it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scribewire.sources.hls.playlist import PlaylistReader
from scribewire.sources.hls.variables import NO_VARIABLES

if TYPE_CHECKING:
    from scribewire.sources.http.urls import HttpUrl


@dataclass(frozen=True, slots=True)
class PlaylistPage:
    """Its text, and where it is from."""

    text: str
    asked: HttpUrl
    """Where it was asked for, and later versions are: a redirect may be good only once."""
    url: HttpUrl
    """Where it came from at last: addresses in it are relative to this."""
    imported: Mapping[str, str] = field(default_factory=lambda: NO_VARIABLES)
    """What the playlist that led here has defined."""

    def reader(self) -> PlaylistReader:
        """Return what reads it."""
        return PlaylistReader(self.text, self.url.target.partition("?")[2], self.imported)

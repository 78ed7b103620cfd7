"""Which addresses may have the sound of a source, and which of them is tried next.

Theory of operation. A list of stations, or a master playlist, names several places, of which any
may be down. They are tried in order, each until it gives sound or fails, or has taken half of the
time that was left. What a place leads to takes its turn at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.hls.variables import NO_VARIABLES
from scribewire.sources.http.azure import with_sas_of

if TYPE_CHECKING:
    from scribewire.sources.hls.master import MasterPlaylist
    from scribewire.sources.hls.page import PlaylistPage
    from scribewire.sources.http.urls import HttpUrl

MAX_TRIED: Final = 50
"""For one search: real lists name a dozen; a hostile one would have us ask others without end."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address that is to be tried."""

    url: HttpUrl
    depth: int = 0
    """So many playlists led to it."""
    imported: Mapping[str, str] = field(default_factory=lambda: NO_VARIABLES)
    """What they have defined."""


class Finding:
    """The search for one source, until there is sound."""

    def __init__(self, url: HttpUrl, max_depth: int, language: str | None = None) -> None:
        """`language` is preferred where a playlist offers several: an ISO 639-1 code."""
        self._left: list[Place | SourceFault] = [Place(url)]
        self._tried = 0
        self._max_depth, self._language = max_depth, language
        self._fault: SourceFault | None = None
        self.passing_fault: SourceFault | None = None
        """The first of those that may pass."""

    @property
    def has_more(self) -> bool:
        """Whether there is another place to try."""
        while self._left and isinstance(self._left[0], SourceFault):
            self.note(self._left[0])
            del self._left[0]
        return bool(self._left) and self._tried < MAX_TRIED

    @property
    def fault(self) -> SourceFault:
        """Why there is no sound: what failed first, since that place was meant to have it."""
        return self._fault or invalid_stream("it leads nowhere")

    def next(self) -> Place:
        """Return what is to be tried now, if there `has_more`."""
        self._tried += 1
        place = self._left.pop(0)
        assert isinstance(place, Place)
        return place

    def try_until(self, now: float, opens_by: float) -> float:
        """Return how long the present place may take."""
        is_last = not any(isinstance(one, Place) for one in self._left)
        return opens_by if is_last else now + (opens_by - now) / 2

    def note(self, fault: SourceFault) -> None:
        """Note that a place has failed."""
        self._fault = self._fault or fault
        if fault.may_pass:
            self.passing_fault = self.passing_fault or fault

    def add_stations(self, place: Place, page: PlaylistPage, entries: Sequence[str]) -> None:
        """Go on with what a list of stations names; what is no good URL has failed."""
        self._add(place, page, entries, NO_VARIABLES)

    def add_choices(self, place: Place, page: PlaylistPage, master: MasterPlaylist) -> None:
        """Go on with what a master playlist names."""
        choices = master.choices_for(self._language)
        self._add(place, page, [choice.uri for choice in choices], master.variables)

    def _add(
        self,
        place: Place,
        page: PlaylistPage,
        addresses: Sequence[str],
        variables: Mapping[str, str],
    ) -> None:
        if place.depth >= self._max_depth:
            self.note(invalid_stream("its playlists only lead to other playlists"))
            return
        places: list[Place | SourceFault] = []
        for address in addresses:
            try:
                url = page.url.join(address)
            except SourceFault as fault:
                places.append(fault)
            else:
                places.append(Place(with_sas_of(page.url, url), place.depth + 1, variables))
        self._left[:0] = places

"""A track, and those of the links behind it where media are chained, as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scribewire.audio.frames import Missing
from scribewire.audio.track import TrackBreak, TrackReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

    from scribewire.audio.ogg import OggLinks

_MAX_SILENT_LINKS: Final = 20
"""In a row: whoever sends so many of which nothing can be heard sends no audio."""
_ROUNDED_S: Final = 0.1
"""Less than that is what encoders add and leave out."""


class ChainReader:
    """Reads an opened container, and what `links` has behind it. What cannot be heard is told.

    `streams` are the tracks of the first that may be heard (`TrackReader`), if it is not its first
    one, and `on_settled` is told which it is. `open_next` opens the link that has begun; it returns
    None where there is no sound in it.
    """

    def __init__(
        self,
        container: InputContainer,
        links: OggLinks | None = None,
        open_next: Callable[[], InputContainer | None] | None = None,
        *,
        streams: Sequence[AudioStream] = (),
        on_settled: Callable[[AudioStream], None] | None = None,
    ) -> None:
        self._first, self._streams, self._on_settled = container, streams, on_settled
        self._links, self._open_next = links, open_next
        self._at_s = 0.0  # of what was yielded
        self._silent_links = 0  # in a row
        self.is_heard = False
        self.broken_packets = 0
        """Packets that were left out."""
        self.missing_s = 0.0
        """Time of which nothing was heard."""

    def frames(self) -> Iterator[AudioFrame | Missing]:
        """Yield all that can be heard. Raises TrackBreak and MemoryError."""
        container: InputContainer | None = self._first
        while True:
            begun_at_s = self._at_s
            found: TrackBreak | None = None
            try:
                if container is not None:
                    yield from self._read(container)
            except TrackBreak as error:
                found = error
            if self._links is not None and self._open_next is not None:
                self._links.drain()
                yield from self._miss_rest(begun_at_s)
                if self._links.next_link():
                    container = self._open_next()
                    continue
            if found is not None:
                raise found
            return

    def _read(self, container: InputContainer) -> Iterator[AudioFrame | Missing]:
        streams = self._streams if container is self._first else ()
        track = TrackReader(container, streams, at_s=self._at_s, on_settled=self._on_settled)
        try:
            for frame in track.frames():
                self._at_s = track.at_s
                self.is_heard = self.is_heard or track.is_heard
                yield frame
        finally:
            self.broken_packets += track.broken_packets
            self.missing_s += track.missing_s
            if container is not self._first:
                container.close()

    def _miss_rest(self, begun_at_s: float) -> Iterator[Missing]:
        """Tell what of a link was not heard."""
        assert self._links is not None
        heard_s = self._at_s - begun_at_s
        self._silent_links = 0 if heard_s else self._silent_links + 1
        if self._silent_links >= _MAX_SILENT_LINKS:
            raise TrackBreak(f"from second {self._at_s:.1f} on it cannot be decoded")
        missing_s = (self._links.seconds or 0.0) - heard_s
        if missing_s > _ROUNDED_S:
            self.missing_s += missing_s
            self._at_s += missing_s
            yield Missing(missing_s)

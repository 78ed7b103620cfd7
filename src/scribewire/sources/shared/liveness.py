"""Whether what one server sends may be heard by who comes later, from then on."""

from __future__ import annotations

from typing import Final

from scribewire.sources.events import SourceAudio, SourceEvent, SourceOpened

WATCHED_S: Final = 60.0
"""Longer than any server sends ahead of the time."""
AHEAD_S: Final = 30.0
"""Most that radio servers send at once to who connects."""
HASTE: Final = 1.1
"""Clocks differ by far less, files come as fast as they are taken."""
WAITED_SHARE: Final = 0.8
"""Of the time, we waited for the source: else it may be us who are as slow as speech."""


class Liveness:
    """Finds out if a source is live. Times are seconds of one monotonic clock.

    Radio and live playlists say so. Of what says nothing, and has no length, the end alone shows
    whether it was a file; who comes later would miss its beginning. But a source that gives as much
    as is spoken, minute by minute, while we wait for it, is none.
    """

    def __init__(self) -> None:
        self._opened: SourceOpened | None = None
        self._opened_at = 0.0
        self._heard_s = 0.0
        self._waited_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it was opened."""
        return self._opened is not None

    def note(self, event: SourceEvent, waited_s: float, now: float) -> None:
        """Note what came after we had waited for it."""
        if isinstance(event, SourceOpened):
            if self._opened is None:
                self._opened_at = now
            self._opened = event
        elif self._opened is not None:
            self._waited_s += waited_s
            if isinstance(event, SourceAudio):
                self._heard_s += event.seconds

    def is_certain(self, now: float) -> bool:
        """Tell whether whoever comes now may hear what comes from now on, and be content."""
        if self._opened is None or not self._opened.is_live:
            return False
        passed_s = now - self._opened_at
        return self._opened.says_live or (
            passed_s >= WATCHED_S
            and self._waited_s >= WAITED_SHARE * passed_s
            and self._heard_s <= AHEAD_S + HASTE * passed_s
        )

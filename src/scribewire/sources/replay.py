"""Whether what is sent after a break is a file from its beginning: then it is no radio station.

Theory of operation. Some servers do not say how long a file is, and end it by hanging up, as a
station does that is restarted. Asked again, the server of a file begins with the same bytes; a
station has gone on. An opening jingle is the same for everybody too, so that only more than what
one lasts tells: or that it ends where it ended before.
"""

from __future__ import annotations

from enum import Enum, auto

WINDOW_BYTES = 512 * 1024
"""32 s at 128 kbit/s; a jingle lasts some seconds, and the heads of Ogg have no more."""
ENOUGH_BYTES = 64 * 1024
"""So much alike tells it where the first one broke off before that; Ogg's heads have less."""


class Likeness(Enum):
    """What is known of it."""

    OPEN = auto()
    SAME = auto()
    OTHER = auto()


class Beginning:
    """The first bytes of a body, and how many there were."""

    def __init__(self) -> None:
        self.head = bytearray()
        self.size = 0

    def note(self, data: bytes) -> None:
        """Take note of the next bytes."""
        self.head += data[: WINDOW_BYTES - len(self.head)]
        self.size += len(data)


class Replay:
    """A body that is compared with `first`, and held back until that is decided."""

    def __init__(self, first: Beginning) -> None:
        self._first = first
        self._held = bytearray()
        self.likeness = Likeness.OPEN

    def receive(self, data: bytes) -> bytes:
        """Return what may be heard of it by now."""
        if self.likeness is not Likeness.OPEN:
            return data
        self._held += data
        head = self._first.head
        count = min(len(self._held), len(head))
        if self._held[:count] != head[:count]:
            self.likeness = Likeness.OTHER
        elif len(self._held) >= WINDOW_BYTES <= self._first.size:
            self.likeness = Likeness.SAME
        elif len(self._held) > self._first.size:  # which had broken off
            self.likeness = Likeness.SAME if count >= ENOUGH_BYTES else Likeness.OTHER
        return self.release() if self.likeness is not Likeness.OPEN else b""

    def release(self) -> bytes:
        """Return what is held back."""
        held = bytes(self._held)
        self._held.clear()
        return held

    def has_ended_alike(self) -> bool:
        """Tell, at the end of the body, whether all of it came once more and no more than it."""
        return self.likeness is Likeness.OPEN and len(self._held) == self._first.size > 0

"""The audio of a session from where it may be asked for again, and how far it was sent."""

from __future__ import annotations

from typing import Final

from scribewire.client.opening import AUDIO_PIECE_BYTES
from scribewire.client.pushed_format import HEAD_BYTES, PushedFormat, read_format

# 5 minutes, far more than is ever under way or waits for a final. What is let go of when there is
# more was sent long ago, so it is most unlikely that the server has not received it.
MOST_HELD_BYTES: Final = 10_000_000

# How much audio waits for a connection before its sender does. As long as somebody receives, and so
# connects again, 5 MB: longer than attempts are made, so that who speaks is not kept waiting. Where
# nobody does, 10 s of it: then the sender has to.
_MOST_WAITING_BYTES: Final = 5_000_000
_MOST_UNATTENDED_BYTES: Final = 320_000


class ReplayBuffer:
    """Bytes of audio, counted from the first of the session.

    `take` gives them piece by piece; `go_back_to` has them taken again on another connection.
    """

    def __init__(self, most_bytes: int = MOST_HELD_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held = bytearray()
        self._start = 0  # where in the audio `_held` begins
        self._next = 0  # where in the audio goes on what `take` gives
        self._head = b""  # how the audio begins
        self._format = PushedFormat()

    @property
    def start(self) -> int:
        """The oldest byte that is held."""
        return self._start

    @property
    def end(self) -> int:
        """How many there have been."""
        return self._start + len(self._held)

    @property
    def waiting_bytes(self) -> int:
        """How many were not taken yet on this connection."""
        return self.end - self._next

    def is_crowded(self, *, is_attended: bool) -> bool:
        """Tell whether so much waits that its sender has to wait too.

        `is_attended`: somebody receives, and so connects again.
        """
        return self.waiting_bytes > (_MOST_WAITING_BYTES if is_attended else _MOST_UNATTENDED_BYTES)

    @property
    def format(self) -> PushedFormat:
        """How it is counted in time."""
        return self._format

    def add(self, piece: bytes) -> None:
        """Append audio; where it is too much, the oldest that was taken is let go of."""
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + piece)[:HEAD_BYTES]
            self._format = read_format(self._head)
        self._held += piece
        self.let_go(min(self._next, self.end - self._most_bytes))

    def take(self) -> bytes:
        """Return the next piece to send; empty if there is none."""
        at = self._next - self._start
        piece = bytes(self._held[at : at + AUDIO_PIECE_BYTES])
        self._next += len(piece)
        return piece

    def let_go(self, before: int) -> None:
        """Forget the bytes before this one, which nobody will ask for, if they were taken."""
        count = min(before, self._next) - self._start
        if count > 0:
            del self._held[:count]
            self._start += count

    def go_back_to(self, byte: int) -> bool:
        """Have `take` go on from this byte; return False, and change nothing, if it is not held."""
        if not self._start <= byte <= self.end:
            return False
        self._next = byte
        return True

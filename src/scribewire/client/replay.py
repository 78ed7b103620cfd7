"""The audio of a session from where it may be asked for again, and how far it was sent."""

from __future__ import annotations

from typing import Final

from scribewire.client.opening import AUDIO_PIECE_BYTES
from scribewire.types import PCM_BYTES_PER_S

# 5 minutes, far more than is ever under way or waits for a final. What is let go of when there is
# more was sent long ago, so it is most unlikely that the server has not received it.
MOST_HELD_BYTES: Final = 10_000_000

_WAV_HEAD_BYTES = 32  # up to and with the byte rate of a plain WAV header


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

    def add(self, piece: bytes) -> None:
        """Append audio; where it is too much, the oldest that was taken is let go of."""
        if len(self._head) < _WAV_HEAD_BYTES:
            self._head = (self._head + piece)[:_WAV_HEAD_BYTES]
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

    def ms_until(self, byte: int) -> int:
        """Return how much audio there is before this byte, in ms."""
        return byte * 1000 // self._bytes_per_s

    @property
    def _bytes_per_s(self) -> int:
        """How many bytes a second has: a WAV header says it, without one it is PCM of the wire."""
        head = self._head
        if len(head) < _WAV_HEAD_BYTES or (head[:4], head[8:16]) != (b"RIFF", b"WAVEfmt "):
            return PCM_BYTES_PER_S
        return int.from_bytes(head[28:32], "little") or PCM_BYTES_PER_S

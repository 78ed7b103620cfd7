"""An Ogg stream cut into its links: a station begins a new one with each song, of any codec.

A link is what lies between two groups of pages that begin a logical stream (RFC 3533, section 6).
FFmpeg follows a chain only where nothing changes, so that each link is opened by itself. How long
one is say the positions of its pages, in samples of the rate that its first page states: RFC 7845
(Opus), the Vorbis I specification (4.2.2), RFC 9639 (FLAC, appendix D), and Speex's manual.
"""

from __future__ import annotations

from typing import Final, Protocol

OGG_MAGIC: Final = b"OggS"
_HEAD_BYTES: Final = 27  # before the lengths of the page's segments
_BEGINS: Final = 2  # a bit of a page's flags
_NOWHERE: Final = (1 << 64) - 1  # the position of a page on which no packet ends
_PASSED_BYTES: Final = 1 << 16
_STARTS_AT_ONCE_S: Final = 10.0  # a link whose first position is later is entered in its middle
_OPUS_HZ: Final = 48_000


class Readable(Protocol):
    """Something that gives bytes, as few as it likes, and none at the end."""

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes."""


def is_ogg(head: bytes) -> bool:
    """Tell whether something begins as Ogg does."""
    return head.startswith(OGG_MAGIC)


class OggLinks:
    """Gives one link after the other: `read` ends where a link does, `next_link` goes on."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._held = bytearray()
        self._left = 0  # bytes that may be passed on: of a page, or of what is none
        self._has_ended = False
        self._is_at_border = False
        self._begin()

    def _begin(self) -> None:
        self._has_data = False  # whether there was a page that begins nothing
        self._rates: dict[int, int] = {}  # of each logical stream that is audio
        self._first: dict[int, int] = {}  # the first position of each
        self._last: dict[int, int] = {}

    @property
    def seconds(self) -> float | None:
        """How long the link is as far as it was read; None where it does not say."""
        for serial, rate_hz in self._rates.items():
            if serial in self._last:
                start = self._first[serial]
                start = 0 if start < _STARTS_AT_ONCE_S * rate_hz else start
                return (self._last[serial] - start) / rate_hz
        return None

    def drain(self) -> None:
        """Pass over what was not read of the present link."""
        while self.read(_PASSED_BYTES):
            pass

    def next_link(self) -> bool:
        """Go on to the next link; False: there is none."""
        self.drain()
        if not self._is_at_border:
            return False
        self._is_at_border = False
        self._begin()
        return True

    def read(self, size: int) -> bytes:
        """Return bytes of the present link, none at its end."""
        while not self._left:
            if self._is_at_border or not self._find_page():
                return b""
        if not self._held:
            self._fill(1)
        piece = bytes(self._held[: min(size, self._left)])
        del self._held[: len(piece)]
        self._left = self._left - len(piece) if piece else 0
        return piece

    def _find_page(self) -> bool:
        """Allow what comes next to be passed on; False at the end of everything."""
        if not self._fill(_HEAD_BYTES) or self._held[:4] != OGG_MAGIC:
            at = self._held.find(OGG_MAGIC, 1)
            self._left = at if at > 0 else max(len(self._held) - len(OGG_MAGIC) + 1, 1)
            if self._has_ended and at < 0:
                self._left = len(self._held)
            return self._left > 0
        count = self._held[_HEAD_BYTES - 1]
        if not self._fill(_HEAD_BYTES + count):
            self._left = len(self._held)
            return True
        head = bytes(self._held[: _HEAD_BYTES + count])
        begins = bool(head[5] & _BEGINS)
        if begins and self._has_data:
            self._is_at_border = True
            return False
        body_bytes = sum(head[_HEAD_BYTES:])
        if begins:
            self._fill(len(head) + body_bytes)
        self._note_page(head, bytes(self._held[len(head) : len(head) + body_bytes]))
        self._left = len(head) + body_bytes
        return True

    def _note_page(self, head: bytes, body: bytes) -> None:
        serial = int.from_bytes(head[14:18], "little")
        if head[5] & _BEGINS:
            if rate_hz := _rate_of(body):
                self._rates[serial] = rate_hz
            return
        self._has_data = True
        position = int.from_bytes(head[6:14], "little")
        if 0 < position < _NOWHERE >> 1:
            self._first.setdefault(serial, position)
            self._last[serial] = position

    def _fill(self, count: int) -> bool:
        """Hold at least `count` bytes; False where there are no more."""
        while len(self._held) < count and not self._has_ended:
            data = self._source.read(_PASSED_BYTES)
            self._held += data
            self._has_ended = not data
        return len(self._held) >= count


def _rate_of(packet: bytes) -> int | None:
    """Return the sampling rate that a first packet states; None: it is of no audio known here."""
    if packet.startswith(b"OpusHead"):
        return _OPUS_HZ
    if packet.startswith(b"\x01vorbis"):
        return int.from_bytes(packet[12:16], "little") or None
    if packet.startswith(b"Speex   "):
        return int.from_bytes(packet[36:40], "little") or None
    if packet.startswith(b"\x7fFLAC"):
        return int.from_bytes(packet[27:30], "big") >> 4 or None
    return None

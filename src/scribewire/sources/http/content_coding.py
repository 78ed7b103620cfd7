"""Undo the content coding of an answer, bite by bite, whatever it swells to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from scribewire.sources.faults import invalid_stream

MEMBERS_A_BITE = 64
"""Of a gzip file, in one bite: an empty one takes 2 us."""
MAX_FREE_MEMBERS = 1000
BYTES_A_MEMBER = 256
"""Behind the free ones, members hold so much on average: who packs writes kilobytes at least."""
MAX_FREE_BYTES = 1 << 25
"""Come out whatever came in: an HLS segment of silence."""
MAX_SWELL = 64
"""Times what came in, behind that: sound is seldom packed to a tenth, and zeros to a thousandth."""

_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to say: gzip and nothing else
_ZLIB = zlib.MAX_WBITS
_GZIP_BYTE, _ZLIB_NIBBLE = 0x1F, 0x8  # what begins with another was never packed
_FEED_BYTES = 4096  # zlib copies what is left of its input at each end of a member


class Gunzip:
    """Decompress one body in gzip, or in what HTTP calls deflate; no piece is longer than asked.

    A body that only says that it is packed is given as it is: stores keep what was uploaded
    with that header, whatever is in it.
    """

    def __init__(self, piece_bytes: int, *, is_deflate: bool = False) -> None:
        self._piece_bytes = piece_bytes
        self._format = _ZLIB if is_deflate else _GZIP
        self._decompressor = zlib.decompressobj(self._format)
        self._members = 1
        self._taken_bytes = self._given_bytes = 0
        self._is_packed: bool | None = None  # not known yet

    @property
    def has_trailer(self) -> bool:
        """Whether the body has had an end of its own."""
        return self._decompressor.eof

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Take what came and give what it holds. Each piece is one bite of work; some are empty."""
        if self._is_packed is None:
            is_zlib = self._format == _ZLIB
            self._is_packed = (data[0] & 0xF == _ZLIB_NIBBLE) if is_zlib else data[0] == _GZIP_BYTE
        if not self._is_packed:
            yield data
            return
        rest = memoryview(data)
        while rest:
            piece, rest = self._bite(rest)
            self._check_worth()
            yield piece

    def check_end(self) -> None:
        """Raise `SourceFault` where the body stops before its gzip file does."""
        if self._is_packed is not False and not self.has_trailer:
            raise invalid_stream("its compression breaks off", is_transient=True)

    def _bite(self, rest: memoryview) -> tuple[bytes, memoryview]:
        """Return a piece, and what is left of the input."""
        piece = bytearray()
        ends_at = self._members + MEMBERS_A_BITE
        while rest and len(piece) < self._piece_bytes and self._members < ends_at:
            if self.has_trailer:  # a gzip file may be several in a row
                self._decompressor = zlib.decompressobj(self._format)
                self._members += 1
            fed = rest[:_FEED_BYTES]
            try:
                piece += self._decompressor.decompress(fed, self._piece_bytes - len(piece))
            except zlib.error:
                raise invalid_stream("its compression is broken") from None
            left = len(self._decompressor.unconsumed_tail or self._decompressor.unused_data)
            taken = len(fed) - left
            self._taken_bytes += taken
            rest = rest[taken:]
        self._given_bytes += len(piece)
        return bytes(piece), rest

    def _check_worth(self) -> None:
        """Raise `SourceFault` where it is packed to make work, not to save bytes."""
        if self._given_bytes > MAX_FREE_BYTES + MAX_SWELL * self._taken_bytes:
            raise invalid_stream(f"its compression swells to over {MAX_SWELL} times its size")
        if self._members > MAX_FREE_MEMBERS + self._given_bytes // BYTES_A_MEMBER:
            raise invalid_stream("its compression is made of empty parts")


_PACKED = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz", "lzma", "xz", "bzip2"})
_GZIPPED = frozenset({"gzip", "x-gzip", "deflate"})


def gunzip_for(codings: Sequence[str], piece_bytes: int) -> Gunzip | None:
    """Return what undoes these codings, None where there is nothing to undo.

    Many servers say something else there (utf-8, none, aws-chunked) of what is as it is.
    """
    packed = [coding for coding in codings if coding in _PACKED or coding in _GZIPPED]
    if not packed:
        return None
    if len(packed) > 1 or packed[0] in _PACKED:
        raise invalid_stream("it is compressed in a way that was not asked for")
    return Gunzip(piece_bytes, is_deflate=packed[0] == "deflate")

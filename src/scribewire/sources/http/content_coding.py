"""Undo the content coding of an answer, piece by piece, whatever it swells to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from scribewire.sources.faults import invalid_stream

_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to say: gzip and nothing else


class Gunzip:
    """Decompress one gzip body; no piece is longer than asked."""

    def __init__(self, piece_bytes: int) -> None:
        self._piece_bytes = piece_bytes
        self._decompressor = zlib.decompressobj(_GZIP)

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Take what came and give what it holds."""
        while data:
            if self._decompressor.eof:  # a gzip file may be several in a row
                self._decompressor = zlib.decompressobj(_GZIP)
            try:
                piece = self._decompressor.decompress(data, self._piece_bytes)
            except zlib.error:
                raise invalid_stream("its gzip compression is broken") from None
            if piece:
                yield piece
            data = self._decompressor.unconsumed_tail or self._decompressor.unused_data

    def check_end(self) -> None:
        """Raise `SourceFault` where the body stops before its gzip file does."""
        if not self._decompressor.eof:
            raise invalid_stream("its gzip compression breaks off", is_transient=True)


def gunzip_for(content_encoding: str, piece_bytes: int) -> Gunzip | None:
    """Return what undoes this coding, None where there is none."""
    match content_encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return Gunzip(piece_bytes)
        case _:
            raise invalid_stream("it is compressed in a way that was not asked for")

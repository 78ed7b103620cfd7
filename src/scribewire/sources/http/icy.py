"""Take the metadata out of a Shoutcast or Icecast stream.

Theory of operation. A server that was asked for metadata names an interval in `icy-metaint` and
then sends, over and over, that many bytes of audio, one byte that counts blocks of 16 bytes, and
those blocks: the title of what plays. A decoder would hear them as a click.
"""

from __future__ import annotations

from collections.abc import Mapping

from scribewire.sources.faults import invalid_stream

MIN_INTERVAL_BYTES = 64  # a shorter one would only make work
MAX_INTERVAL_BYTES = 1 << 24  # servers use 8192 to 65536
_BLOCK_BYTES = 16


class IcyFilter:
    """Pass the audio of one stream and drop its metadata."""

    def __init__(self, interval_bytes: int) -> None:
        self._interval_bytes = interval_bytes
        self._audio_bytes = interval_bytes  # until the next count of blocks
        self._metadata_bytes = 0  # still to drop

    def receive(self, data: bytes) -> bytes:
        """Take what came and return the audio in it."""
        audio = bytearray()
        position = 0
        while position < len(data):
            if self._metadata_bytes:
                dropped = min(self._metadata_bytes, len(data) - position)
                self._metadata_bytes -= dropped
                position += dropped
            elif self._audio_bytes:
                taken = data[position : position + self._audio_bytes]
                audio += taken
                self._audio_bytes -= len(taken)
                position += len(taken)
            else:
                self._metadata_bytes = data[position] * _BLOCK_BYTES
                self._audio_bytes = self._interval_bytes
                position += 1
        return bytes(audio)


def is_icy(headers: Mapping[str, str]) -> bool:
    """Tell by its header fields whether this is a radio stream, which has no end."""
    return any(name.startswith("icy-") for name in headers)


def icy_filter_for(headers: Mapping[str, str]) -> IcyFilter | None:
    """Return the filter that the answer needs, if it has metadata in it."""
    text = headers.get("icy-metaint", "0").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_INTERVAL_BYTES))):
        raise invalid_stream("its icy-metaint is not a number of bytes")
    interval_bytes = int(text)
    if interval_bytes > MAX_INTERVAL_BYTES:
        raise invalid_stream("its icy-metaint is too large")
    if 0 < interval_bytes < MIN_INTERVAL_BYTES:
        raise invalid_stream("its icy-metaint is too small")
    return IcyFilter(interval_bytes) if interval_bytes else None

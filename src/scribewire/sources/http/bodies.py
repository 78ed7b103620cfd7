"""Where the body of an answer ends, and its bytes without what they were sent in (RFC 9112, 6).

Each body takes what comes and gives it in bites, without I/O. It is never in doubt where one ends:
an answer that says two things about that is refused, and what comes behind the end is not looked
at, since no other answer comes over the same connection.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from scribewire.sources.faults import SourceFault, invalid_stream

if TYPE_CHECKING:
    from scribewire.sources.http.headers import Headers

CHUNKS_A_BITE = 128
"""Each takes 1 us; some servers make one of each packet of audio."""
MAX_SIZE_LINE_BYTES = 1024
"""With extensions, which nobody uses."""

_NO_CONTENT = 204
_LENGTH: Final = re.compile(r"\d{1,18}", re.ASCII)
_SIZE_LINE: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?")


class BodyEnd(Enum):
    """What says that a body is over; only the last leaves open whether more was to come."""

    LENGTH = auto()  # as many bytes came as its header announced
    MARK = auto()  # it has an end of its own: the last chunk, or the trailer of its gzip file
    CLOSE = auto()  # nothing but that the connection was closed


class Body(Protocol):
    """One body."""

    @property
    def ends_by(self) -> BodyEnd:
        """What its end will have been told by."""

    @property
    def has_ended(self) -> bool:
        """Whether all has been received; some of it may still be there to take."""

    def receive(self, data: bytes) -> None:
        """Take what came."""

    def receive_close(self) -> None:
        """Take note that the connection was closed. Raises `SourceFault` where it was too soon."""

    def take(self) -> bytes:
        """Return the next bite; nothing where more must come first. Raises `SourceFault`."""


def body_of(status: int, headers: Headers) -> Body:
    """Return the body that an answer has. Raises `SourceFault` where that is in doubt."""
    if status == _NO_CONTENT:
        return MeasuredBody(0)
    if _is_chunked(headers):
        return ChunkedBody()
    length = announced_length(headers)
    return OpenBody() if length is None else MeasuredBody(length)


def announced_length(headers: Headers) -> int | None:
    """Return how long a body is said to be; None where it is not, or in no number.

    Chunks tell their end themselves: beside them a length means nothing (RFC 9112, 6.3).
    """
    if _is_chunked(headers):
        return None
    texts = headers.elements("content-length")
    lengths = {int(text) if _LENGTH.fullmatch(text) else None for text in texts}
    if len(lengths) > 1:
        raise invalid_stream("the server's answer has two lengths")
    return next(iter(lengths), None)


def _is_chunked(headers: Headers) -> bool:
    codings = set(headers.elements("transfer-encoding")) - {"identity"}
    if codings and codings != {"chunked"}:
        raise invalid_stream("it is sent in a way that was not asked for")
    return bool(codings)


class OpenBody:
    """A body that lasts until the connection is closed."""

    ends_by: Final = BodyEnd.CLOSE

    def __init__(self) -> None:
        self.has_ended = False
        self._held = b""

    def receive(self, data: bytes) -> None:
        """Take what came."""
        self._held += data

    def receive_close(self) -> None:
        """Take it for the end."""
        self.has_ended = True

    def take(self) -> bytes:
        """Return what came."""
        held, self._held = self._held, b""
        return held


class MeasuredBody:
    """A body of an announced length."""

    ends_by: Final = BodyEnd.LENGTH

    def __init__(self, length: int) -> None:
        self._left = length
        self._held = b""

    @property
    def has_ended(self) -> bool:
        """Whether all of it has come."""
        return not self._left

    def receive(self, data: bytes) -> None:
        """Take what came; what is behind the end is dropped."""
        fresh = data[: self._left]
        self._left -= len(fresh)
        self._held += fresh

    def receive_close(self) -> None:
        """Raise `SourceFault`: there was more to come."""
        raise broke_off()

    def take(self) -> bytes:
        """Return what came."""
        held, self._held = self._held, b""
        return held


class ChunkedBody:
    """A body in chunks, each with its length before it."""

    ends_by: Final = BodyEnd.MARK

    def __init__(self) -> None:
        self.has_ended = False
        self._held = bytearray()
        self._left = 0  # of the present chunk
        self._is_behind_chunk = False  # whose line is still to be ended

    def receive(self, data: bytes) -> None:
        """Take what came."""
        self._held += data

    def receive_close(self) -> None:
        """Raise `SourceFault`: there was no last chunk."""
        raise broke_off()

    def take(self) -> bytes:
        """Return what the next chunks hold, as far as they have come."""
        bite = bytearray()
        position = 0
        for _ in range(CHUNKS_A_BITE):
            if not self._left and not self.has_ended:
                position = self._read_size(position)
            fresh = self._held[position : position + self._left]
            if not fresh:
                break
            bite += fresh
            position += len(fresh)
            self._left -= len(fresh)
        del self._held[:position]
        return bytes(bite)

    def _read_size(self, position: int) -> int:
        """Read the line before a chunk, if it has come; return where it ends."""
        end = self._held.find(b"\n", position, position + MAX_SIZE_LINE_BYTES)
        if end < 0 and len(self._held) - position < MAX_SIZE_LINE_BYTES:
            return position
        line = self._held[position:end] if end >= 0 else b"?"
        if self._is_behind_chunk and line in (b"", b"\r"):
            self._is_behind_chunk = False
            return self._read_size(end + 1)
        found = _SIZE_LINE.fullmatch(line)
        if found is None or self._is_behind_chunk:
            raise invalid_stream("the server's answer has broken chunks")
        self._left = int(found[1], 16)
        self.has_ended = not self._left
        self._is_behind_chunk = True
        return end + 1


def broke_off() -> SourceFault:
    """Say that a connection ended before what it was to bring."""
    return invalid_stream("the connection broke off", is_transient=True)

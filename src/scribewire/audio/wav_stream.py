"""The audio of a WAV stream, without its header and what stands behind its audio.

Sizes are believed as far as they agree with what comes: that of the `data` chunk may be from before
the file grew, or made up for a live stream. Where it ends and no other chunk begins, the audio goes
on. Chunks before the audio are passed over as they come, however long they are.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Final

from scribewire.audio.pcm import PcmFormat
from scribewire.audio.sniff import sniff
from scribewire.audio.wav import (
    MAX_HEADER_CHUNKS,
    check_form,
    parse_format,
    refuse,
    show,
)
from scribewire.errors import ClientFault

MAX_SKIPPED_BYTES = 1 << 26
"""Of chunks before the audio: a broadcast file's `bext` has some KB, a picture some MB."""
_MAX_FORMAT_BYTES: Final = 1 << 16
_FORM_BYTES: Final = 12  # "RIFF", a size, "WAVE"
_CHUNK_HEAD_BYTES: Final = 8
_UNKNOWN: Final = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF})  # sizes that say nothing
_NAME: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_ ]{3}")
_LOOKED_AT_BYTES: Final = (1 << 12, 1 << 17, 1 << 20)  # one after the other, until it is known


def find_wav(peek: Callable[[int], bytes]) -> WavStream | None:
    """Return what the header of a stream says, if it is a WAV of a format that is read here.

    `peek` returns up to so many of the first bytes, which stay to be read.
    """
    if sniff(peek(_LOOKED_AT_BYTES[0])).kind != "wav":
        return None
    for size in _LOOKED_AT_BYTES:
        stream = WavStream()
        try:
            stream.receive(peek(size))
        except ClientFault:  # FFmpeg may know more
            return None
        if stream.pcm_format is not None:
            return stream
    return None


class WavStream:
    """Takes a WAV stream and gives its audio, as it is written there."""

    def __init__(self) -> None:
        self.pcm_format: PcmFormat | None = None
        """How the audio is written; None while that is not known."""
        self.data_bytes: int | None = None
        """How much there is, as far as the header says so; it may be wrong."""
        self.header_bytes = 0
        """What stands before the audio, once that is known."""
        self._received = 0
        self._held = bytearray()
        self._found: PcmFormat | None = None
        self._order = "<"
        self._is_begun = False  # whether the form was read
        self._chunks = 0
        self._skipped = 0  # bytes of chunks that were passed over
        self._skip = 0  # still to be passed over
        self._left: int | None = None  # of the audio; None: it goes on to the end
        self._is_over = False  # only other chunks come

    @classmethod
    def from_its_midst(
        cls, pcm_format: PcmFormat, *, data_bytes: int, heard_bytes: int
    ) -> WavStream:
        """Return one that has read the header, and so much of the audio."""
        stream = cls()
        stream.pcm_format, stream.data_bytes = pcm_format, data_bytes
        stream._order = ">" if pcm_format.is_big_endian else "<"
        # Where there was more than the header says, it goes on to the end.
        stream._left = data_bytes - heard_bytes if heard_bytes <= data_bytes else None
        return stream

    def receive(self, data: bytes) -> bytes:
        """Return the audio that has come. Raises ClientFault for what nothing here reads."""
        self._held += data
        self._received += len(data)
        while self.pcm_format is None:
            if not self._read_head():
                return b""
        return self._take()

    def _read_head(self) -> bool:
        """Read on in the header; False where more must come first."""
        if self._skip:
            dropped = min(self._skip, len(self._held))
            del self._held[:dropped]
            self._skip -= dropped
            return not self._skip
        if not self._is_begun:
            return self._read_form()
        if len(self._held) < _CHUNK_HEAD_BYTES:
            return False
        name, size = struct.unpack_from(f"{self._order}4sI", self._held)
        if name == b"data":
            self._begin_audio(size)
            return True
        if name == b"fmt ":
            return self._read_format(size)
        self._pass_over(name, size)
        return True

    def _read_form(self) -> bool:
        if len(self._held) < _FORM_BYTES:
            return False
        self._order = check_form(self._held)
        del self._held[:_FORM_BYTES]
        self._is_begun = True
        return True

    def _read_format(self, size: int) -> bool:
        if size > _MAX_FORMAT_BYTES:
            refuse(f"chunk 'fmt ' of {size} bytes", f"at most {_MAX_FORMAT_BYTES}")
        if len(self._held) < _CHUNK_HEAD_BYTES + size:
            return False
        chunk = bytes(self._held[_CHUNK_HEAD_BYTES : _CHUNK_HEAD_BYTES + size])
        self._found = parse_format(chunk, self._order)
        self._pass_over(b"fmt ", size)
        return True

    def _pass_over(self, name: bytes, size: int) -> None:
        self._chunks += 1
        self._skipped += size
        if self._skipped > MAX_SKIPPED_BYTES:
            refuse(f"chunk {show(name)} of {size} bytes", f"`data` within {MAX_SKIPPED_BYTES}")
        if self._chunks >= MAX_HEADER_CHUNKS:
            refuse(f"{MAX_HEADER_CHUNKS} chunks without audio", "a `data` chunk")
        self._skip = _CHUNK_HEAD_BYTES + size + size % 2

    def _begin_audio(self, size: int) -> None:
        if self._found is None:
            refuse("the `data` chunk comes before `fmt `", "`fmt ` first")
        del self._held[:_CHUNK_HEAD_BYTES]
        self.header_bytes = self._received - len(self._held)
        self.pcm_format = self._found
        if size not in _UNKNOWN:
            self.data_bytes = self._left = size

    def _take(self) -> bytes:
        """Return the audio that is held."""
        if self._is_over:
            self._held.clear()
            return b""
        count = len(self._held) if self._left is None else min(self._left, len(self._held))
        audio = bytes(self._held[:count])
        del self._held[:count]
        if self._left is None:
            return audio
        self._left -= count
        if self._left or not self._held:
            return audio
        return audio + self._look_behind()

    def _look_behind(self) -> bytes:
        """Find out whether what stands behind the audio is some more of it."""
        assert self.data_bytes is not None
        start = self.data_bytes % 2
        if len(self._held) < start + _CHUNK_HEAD_BYTES:
            return b""
        name, size = struct.unpack_from(f"{self._order}4sI", self._held, start)
        self._is_over = bool(_NAME.fullmatch(name)) and size <= MAX_SKIPPED_BYTES
        self._left = None
        return self._take()

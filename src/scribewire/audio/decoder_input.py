"""Input of the decoder process as FFmpeg reads it, and what its first bytes tell beforehand."""

from __future__ import annotations

import io
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, cast

from scribewire.audio.decoder_messages import DecoderLimits, Refusal
from scribewire.audio.sniff import AAC, MP3, SNIFF_LIMIT, find_frames, find_stranger, sniff

if TYPE_CHECKING:
    from collections.abc import Callable

_STDIN = 0
_READ_BYTES = 32 * 1024

_MARK_BYTES = 8  # the longest there is
_TEXT_HEAD_BYTES = 1024
_ID3_HEAD_BYTES = 10
_FRAMES_BYTES = 4096  # hold two frames of MP3 or AAC, wherever the first begins
_BOX_HEAD_BYTES, _LONG_BOX_HEAD_BYTES = 8, 16
_CAF, _CAF_HEAD_BYTES, _CAF_CHUNK_HEAD_BYTES, _CAF_DESCRIPTION_BYTES = b"caff", 8, 12, 32
_PROGRAM_STREAM = b"\x00\x00\x01\xba"  # the first of its packs (ISO/IEC 13818-1, 2.5.3)


class Refused(Exception):
    """The stream cannot be decoded; the refusal says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


def unsupported(found: str) -> Refused:
    """Return what is raised where `found` is no audio that is read here."""
    return Refused(Refusal(is_unsupported=True, words=found))


def invalid(cause: str, *, is_transient: bool = True) -> Refused:
    """Return what is raised where audio is not whole; `cause` says what is wrong with it."""
    return Refused(Refusal(is_unsupported=False, words=cause, is_transient=is_transient))


class DecoderInput:
    """Standard input, read forward. Some of it can be looked at before."""

    def __init__(
        self,
        *,
        before_waiting: Callable[[], None],
        after_reading: Callable[[], None],
        fd: int = _STDIN,
    ) -> None:
        self._before_waiting, self._after_reading = before_waiting, after_reading
        self._fd = fd
        self.is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        """Whether it lies on a disk: nobody waits for it, and it can be gone back in."""
        self._ahead = bytearray()
        self.has_ended = False
        """Whether nothing comes any more; what was looked at may be still to be read."""

    def read(self, size: int) -> bytes:
        """Return what is there, at least one byte; nothing at the end."""
        if not self._ahead:
            return self._take(size)
        piece = bytes(self._ahead[:size])
        del self._ahead[:size]
        return piece

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end; they stay to be read."""
        while len(self._ahead) < size and not self.has_ended:
            self._ahead += self._take(_READ_BYTES)
        return bytes(self._ahead[:size])

    def skip(self, size: int) -> None:
        """Pass over so many bytes, fewer at the end."""
        while size and (piece := self.read(min(size, _READ_BYTES))):
            size -= len(piece)

    def read_all(self, max_bytes: int) -> bytes | None:
        """Return all that comes; None when it is more than `max_bytes`."""
        while not self.has_ended:
            self._ahead += self._take(_READ_BYTES)
            if len(self._ahead) > max_bytes:
                return None
        return bytes(self._ahead)

    def read_at(self, position: int, size: int) -> bytes:
        """Return what stands at a position of a file; nothing behind its end."""
        data = os.pread(self._fd, size, position)
        self._after_reading()
        return data

    def as_file(self) -> BinaryIO:
        """Return the rest of a file as FFmpeg reads one: back and forth."""
        begins_at = os.lseek(self._fd, 0, os.SEEK_CUR) - len(self._ahead)
        size = max(0, os.fstat(self._fd).st_size - begins_at)
        return cast("BinaryIO", _File(self, begins_at, size))  # PyAV needs no more than it has

    def _take(self, size: int) -> bytes:
        if not self.is_file:
            self._before_waiting()
        data = os.read(self._fd, size)
        self._after_reading()
        self.has_ended = self.has_ended or not data
        return data


class _File:
    def __init__(self, source: DecoderInput, begins_at: int, size: int) -> None:
        self._source, self._begins_at, self._size = source, begins_at, size
        self._at = 0

    def read(self, size: int) -> bytes:
        data = self._source.read_at(self._begins_at + self._at, size)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True


def is_pcm(source: DecoderInput) -> bool:
    """Tell whether what bears no mark of any format comes, or nothing."""
    for size in (_MARK_BYTES, _TEXT_HEAD_BYTES, SNIFF_LIMIT):
        guess = sniff(source.peek(size))
        if guess.kind != "undecided":
            break
    return guess.kind in ("pcm", "undecided")


def look_ahead(source: DecoderInput, *, may_be_empty: bool = False) -> bytes:
    """Return the first bytes after tags, which FFmpeg need not see. Refuse what is no media."""
    head = source.peek(_ID3_HEAD_BYTES)
    if not head:
        if may_be_empty:
            return head
        raise invalid("it is empty")
    while head[:3] == b"ID3" and len(head) == _ID3_HEAD_BYTES:
        # Four times seven bits.
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        source.skip(_ID3_HEAD_BYTES + size)
        head = source.peek(_ID3_HEAD_BYTES)
    if find_stranger(head) or _may_be_text(head):
        head = source.peek(_TEXT_HEAD_BYTES)
        stranger = find_stranger(head)
        if stranger:
            raise unsupported(stranger)
    return head


def _may_be_text(head: bytes) -> bool:
    return min(head, default=0) >= ord("\t")


def make_readable(source: DecoderInput, limits: DecoderLimits) -> BinaryIO:
    """Return what FFmpeg shall read: a file, a pipe, or all of it where it must be gone back in."""
    if source.is_file:
        return source.as_file()
    head = source.peek(_BOX_HEAD_BYTES)
    if head[4:] == b"ftyp" and _has_index_at_end(source):
        name, remedy = "an MP4", " (make it with the index first: `-movflags faststart`)"
    elif head[:4] == _CAF and _has_packet_table_at_end(source):
        name, remedy = "a Core Audio", ""
    else:
        return cast("BinaryIO", source)  # PyAV needs no more than `read`
    data = source.read_all(limits.whole_file_bytes) if limits.whole_file_bytes else None
    if data is None:
        megabytes = limits.whole_file_bytes // 1_000_000
        size = f" of more than {megabytes} MB" if limits.whole_file_bytes else ""
        raise unsupported(f"{name} file{size} whose index is at its end{remedy}")
    return io.BytesIO(data)


def _has_index_at_end(source: DecoderInput) -> bool:
    """Tell whether the media of an MP4 file come before its index."""
    at = 0
    for _ in range(16):  # a few small boxes may come first
        head = source.peek(at + _LONG_BOX_HEAD_BYTES)[at:]
        kind, size = head[4:8], int.from_bytes(head[:4], "big")
        if kind == b"mdat":
            return True
        if size < _BOX_HEAD_BYTES or size > _READ_BYTES or kind in (b"moov", b"moof"):
            return False
        at += size
    return False


def _has_packet_table_at_end(source: DecoderInput) -> bool:
    """Tell whether the media of a CAF file come before what cuts them into packets."""
    at, is_cut = _CAF_HEAD_BYTES, True
    for _ in range(16):
        chunk = source.peek(at + _CAF_CHUNK_HEAD_BYTES + _CAF_DESCRIPTION_BYTES)[at:]
        kind, size = chunk[:4], int.from_bytes(chunk[4:12], "big", signed=True)
        if kind == b"desc":  # bytes of a packet; 0 where they are not all alike
            is_cut = any(chunk[_CAF_CHUNK_HEAD_BYTES + 16 : _CAF_CHUNK_HEAD_BYTES + 20])
        if kind in (b"data", b"pakt") or not 0 <= size <= _READ_BYTES:
            return kind == b"data" and not is_cut
        at += _CAF_CHUNK_HEAD_BYTES + size
    return False


def format_of(source: DecoderInput) -> str | None:
    """Return FFmpeg's name of a format that it would take 64 KiB to find: seconds of radio."""
    head = source.peek(_FRAMES_BYTES)
    if head.startswith(_PROGRAM_STREAM):
        return "mpeg"
    guess = sniff(head)
    if guess.kind == "wav":
        return "wav" if head[8:12] == b"WAVE" else None
    if guess.kind == "pcm":  # no mark: radio that is entered in the middle
        guess = find_frames(head) or guess
    return {MP3: "mp3", AAC: "aac"}.get(guess.name)

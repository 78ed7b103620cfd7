"""How the bytes of pushed audio are counted in time, as far as a client can see that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scribewire.types import PCM_BYTES_PER_S

HEAD_BYTES: Final = 192  # by which a transport stream is known, and far more than a WAV header

_WAV_HEADER_BYTES = 44  # of a plain one, whose audio begins at once
_MONO_16_BIT = b"\x01\x00\x01\x00" + (16_000).to_bytes(4, "little")  # PCM, one channel, its rate
_SAMPLE_BYTES = 2
_TRANSPORT_PACKET_BYTES = 188
_FRAME_SYNCS = range(0xE2, 0xFE)  # after 0xFF: MP3 and AAC, or a loud first sample

# As the server knows recordings by their first bytes: offset and mark.
_MARKS: Final = (
    (0, (b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"\x1fC\xb6u", b"C\xb6u\x01", b"caff", b"0&\xb2u")),
    (0, (b"#!AM", b"FLV\x01", b"FORM", b".snd", b"ID3\x02", b"ID3\x03", b"ID3\x04")),
    (0, (b"\x00\x00\x01\xba", b"RIFX", b"RF64")),
    (4, (b"ftyp", b"moof", b"styp")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedFormat:
    """What audio seems to be, by its first bytes."""

    bytes_per_s: int | None = PCM_BYTES_PER_S
    """None where that is not constant, or not known."""
    header_bytes: int = 0
    """Before the first sample."""
    is_plain: bool = True
    """Whether what is left of it, from any sample on, is audio of the wire without a header."""

    def ms_until(self, byte: int) -> int | None:
        """Return how much audio there is before this byte, rounded down; None if unknown."""
        if self.bytes_per_s is None:
            return None
        return max(0, byte - self.header_bytes) * 1000 // self.bytes_per_s

    def byte_at(self, ms: int) -> int:
        """Return where the sample of this time is, if it is plain; the header is before all."""
        return self.header_bytes + ms * PCM_BYTES_PER_S // 1000 if ms else 0

    def whole_from(self, byte: int) -> int:
        """Return where the first whole sample from this byte on begins, if it is plain."""
        if byte == 0:
            return 0
        into = max(0, byte - self.header_bytes)
        return self.header_bytes + into + into % _SAMPLE_BYTES


def read_format(head: bytes) -> PushedFormat:
    """Tell what audio is that begins so: `HEAD_BYTES` of it, or all that there are."""
    if head.startswith(b"RIFF"):
        return _read_wav(head)
    marks = ((offset, mark) for offset, marks in _MARKS for mark in marks)
    if any(head.startswith(mark, offset) for offset, mark in marks) or _has_sync(head):
        return PushedFormat(bytes_per_s=None, is_plain=False)
    return PushedFormat()


def _read_wav(head: bytes) -> PushedFormat:
    if head[8:16] != b"WAVEfmt ":
        return PushedFormat(bytes_per_s=None, is_plain=False)
    is_plain = head[20:28] == _MONO_16_BIT and head[34:40] == b"\x10\x00data"
    return PushedFormat(
        bytes_per_s=int.from_bytes(head[28:32], "little") or None,
        header_bytes=_WAV_HEADER_BYTES,
        is_plain=is_plain,
    )


def _has_sync(head: bytes) -> bool:
    if head[:1] == b"\xff":
        return head[1:2] != b"" and head[1] in _FRAME_SYNCS
    second = head[_TRANSPORT_PACKET_BYTES : _TRANSPORT_PACKET_BYTES + 1]
    return head[:1] == b"G" == second

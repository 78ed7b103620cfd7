"""What a stream is, by its first bytes: PCM, WAV, a compressed recording, or the middle of one.

Theory of operation. Raw PCM has no mark, so it is what remains when nothing else fits. Marks of
four bytes and more do not occur in PCM by chance (once in four thousand million streams). The
frame sync of MP3 and AAC does: it is 11 or 12 bits of ones, as in a first sample of -1025. It
counts only when its header is possible and a second header of the same kind stands where the
first one says that its frame ends. Layer I, whose sync is a sample of -1 or -257, is never
recognised: quiet noise is full of it and no file in use has it.

What makes recordings in browsers says in the first piece alone how the others are to be read. One
that begins with a later piece is noise to whoever takes it for PCM, so that is recognised too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

_HEAD_BYTES = 8  # the longest mark; a frame header is shorter
_COMPARED_BYTES = 4  # of the header of a second frame

SNIFF_LIMIT = 8191 + _COMPARED_BYTES
"""Bytes after which a stream is always recognised: the longest AAC frame and a next header."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a stream seems to be."""

    kind: Literal["undecided", "pcm", "wav", "compressed", "middle"]
    """`undecided`: ask again with more bytes. `middle`: of a recording, without its beginning."""
    name: str = ""
    """Of a compressed stream: its format, for a message to the client."""


MP3: Final = "an MP3 file"
AAC: Final = "an AAC (ADTS) file"

_MIDDLE_OF_WEBM: Final = Guess("middle", "the middle of a WebM recording")
_MIDDLE_OF_MP4: Final = Guess("middle", "the middle of an MP4 recording")

UNDECIDED: Final = Guess("undecided")
PCM: Final = Guess("pcm")
WAV: Final = Guess("wav")


@dataclass(frozen=True, slots=True)
class _Mark:
    offset: int
    magic: bytes
    guess: Guess


_MARKS: Final = (
    # RIFX and RIFF of another kind are refused by the WAV reader, which can say why.
    _Mark(0, b"RIFF", WAV),
    _Mark(0, b"RIFX", WAV),
    _Mark(0, b"RF64", WAV),
    _Mark(0, b"OggS", Guess("compressed", "an Ogg (Vorbis or Opus) file")),
    _Mark(0, b"fLaC", Guess("compressed", "a FLAC file")),
    _Mark(0, b"\x1aE\xdf\xa3", Guess("compressed", "a WebM or Matroska file")),
    _Mark(4, b"ftyp", Guess("compressed", "an MP4 or M4A file")),
    _Mark(0, b"\x1fC\xb6u", _MIDDLE_OF_WEBM),  # a cluster, and one without its first byte
    _Mark(0, b"C\xb6u\x01\xff\xff\xff\xff", _MIDDLE_OF_WEBM),
    _Mark(4, b"moof", _MIDDLE_OF_MP4),
    _Mark(4, b"styp", _MIDDLE_OF_MP4),
    _Mark(0, b"caff", Guess("compressed", "a Core Audio file")),
    _Mark(0, b"0&\xb2u\x8ef\xcf\x11", Guess("compressed", "a Windows Media file")),
    _Mark(0, b"#!AMR", Guess("compressed", "an AMR file")),
    _Mark(0, b"FLV\x01", Guess("compressed", "a Flash video file")),
    _Mark(0, b"FORM", Guess("compressed", "an AIFF file")),
    _Mark(0, b".snd", Guess("compressed", "a Sun audio file")),
    # Three bytes are short, so the version and flags that follow must be possible too.
    _Mark(0, b"ID3\x02\x00", Guess("compressed", MP3)),
    _Mark(0, b"ID3\x03\x00", Guess("compressed", MP3)),
    _Mark(0, b"ID3\x04\x00", Guess("compressed", MP3)),
)

_MP3: Final = Guess("compressed", MP3)
_MPEG_TS: Final = Guess("compressed", "an MPEG transport stream")
_AAC: Final = Guess("compressed", AAC)


def sniff(head: bytes | bytearray) -> Guess:
    """Say what begins with `head`. Decided at the latest after `SNIFF_LIMIT` bytes."""
    for mark in _MARKS:
        if head[mark.offset : mark.offset + len(mark.magic)] == mark.magic:
            return mark.guess
    if len(head) < _HEAD_BYTES:
        return UNDECIDED
    return _sniff_packets(head) or _sniff_blocks(head) or _sniff_frames(head)


def find_frames(head: bytes | bytearray) -> Guess | None:
    """Recognise MP3 or AAC that is entered in its middle, as radio is; None: there is neither."""
    at = head.find(_SYNC_BYTE)
    while 0 <= at <= len(head) - _HEAD_BYTES:
        guess = _sniff_frames(head[at : at + SNIFF_LIMIT])
        if guess in (_MP3, _AAC):
            return guess
        at = head.find(_SYNC_BYTE, at + 1)
    return None


_TS_PACKET_BYTES, _TS_SYNC = 188, 0x47
_TS_PACKETS = 3  # sync bytes in a row that are no chance


def _sniff_packets(head: bytes | bytearray) -> Guess | None:
    """Recognise an MPEG transport stream; None when it is none."""
    syncs = head[: _TS_PACKETS * _TS_PACKET_BYTES : _TS_PACKET_BYTES]
    if any(sync != _TS_SYNC for sync in syncs):
        return None
    return UNDECIDED if len(syncs) < _TS_PACKETS else _MPEG_TS


_BLOCK: Final = 0xA3  # of Matroska (RFC 9559): a SimpleBlock, then its size, its track, time, flags
_TRACKS: Final = (0x81, 0x82)  # sound, and a picture
_WHOLE = 0x80  # a flag of every block of sound: it needs none before
_FOLLOWING_BYTES = 5  # of a second block: up to its track
_CLUSTER: Final = b"\x1fC\xb6u"


def _sniff_blocks(head: bytes | bytearray) -> Guess | None:
    """Recognise WebM that is entered between blocks; None when it is none.

    Chromium's pieces end behind the first byte of a block, and begin with its second.
    """
    starts = (1, 0) if head[0] == _BLOCK else (0,)
    return next(filter(None, (_sniff_block(head, start) for start in starts)), None)


def _sniff_block(head: bytes | bytearray, start: int) -> Guess | None:
    """Recognise a block of sound whose size stands at `start`, and what follows it."""
    begins_at, size = _read_size(head, start)
    is_block = head[begins_at] == _TRACKS[0] and head[begins_at + 3] == _WHOLE
    ends_at = begins_at + size
    if not is_block or ends_at + _FOLLOWING_BYTES > SNIFF_LIMIT:
        return None
    following = head[ends_at : ends_at + _FOLLOWING_BYTES]
    if len(following) < _FOLLOWING_BYTES:
        return UNDECIDED
    track_at, _ = _read_size(following, 1)
    is_followed = following[0] == _BLOCK and following[track_at] in _TRACKS
    return _MIDDLE_OF_WEBM if is_followed or following[:4] == _CLUSTER else None


def _read_size(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return where a size of up to three bytes ends, and what it is; no block's is longer."""
    width = min(9 - data[at].bit_length(), 3)  # the first bit that is set says how long it is
    size = int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1
    return at + width, size


_SYNC_BYTE: Final = b"\xff"  # each frame of both begins with it
_MPEG_SYNC = 0xFFE0  # eleven ones
_ADTS_SYNC, _ADTS_SYNC_MASK = 0xFFF0, 0xFFF6  # twelve ones and layer 0, which MP3 cannot have


def _sync(header: bytes | bytearray) -> int:
    return header[0] << 8 | header[1]


def _is_adts(header: bytes | bytearray) -> bool:
    return _sync(header) & _ADTS_SYNC_MASK == _ADTS_SYNC


def _sniff_frames(head: bytes | bytearray) -> Guess:
    if _sync(head) & _MPEG_SYNC != _MPEG_SYNC:
        return PCM
    if _is_adts(head):
        length, guess = _adts_frame_bytes(head), _AAC
    else:
        length, guess = _mp3_frame_bytes(head), _MP3
    if length == 0:
        return PCM
    following = head[length : length + _COMPARED_BYTES]
    if len(following) < _COMPARED_BYTES:
        return UNDECIDED
    return guess if _is_same_kind(head, following) else PCM


def _is_same_kind(first: bytes | bytearray, second: bytes | bytearray) -> bool:
    """Tell whether two headers agree on sync, version, layer, profile and sample rate."""
    is_adts = _is_adts(first)
    # The rest of byte 2 is the bit rate and padding of MP3, which may change between frames.
    third = 0xFC if is_adts else 0x0C
    return (
        _sync(second) == _sync(first)
        and second[2] & third == first[2] & third
        and (is_adts or second[2] & 0xF0 not in {0x00, 0xF0})
    )


_ADTS_HEADER_BYTES = 7
_ADTS_RATES = 13  # known rates; the header's other indices are reserved


def _adts_frame_bytes(head: bytes | bytearray) -> int:
    """Return the length of an AAC frame, 0 for an impossible header."""
    rate_index = (head[2] >> 2) & 0x0F
    length = ((head[3] & 0x03) << 11) | (head[4] << 3) | (head[5] >> 5)
    is_possible = rate_index < _ADTS_RATES and length > _ADTS_HEADER_BYTES
    return length if is_possible else 0


# kbit/s by the header's index; 0 is "free format", which gives no length to check.
_MPEG1_LAYER2 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_MPEG1_LAYER3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_LAYERS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG1_RATES_HZ = (44_100, 48_000, 32_000)
_RATE_DIVISOR = {3: 1, 2: 2, 0: 4}  # by version bits: MPEG 1, 2 and 2.5
_LAYER_2, _LAYER_3 = 2, 1  # as the header's bits have them


def _mp3_frame_bytes(head: bytes | bytearray) -> int:
    """Return the length of an MPEG frame, 0 for an impossible header."""
    version, layer = (head[1] >> 3) & 3, (head[1] >> 1) & 3
    bitrate_index, rate_index = head[2] >> 4, (head[2] >> 2) & 3
    if version not in _RATE_DIVISOR or layer not in {_LAYER_2, _LAYER_3}:
        return 0
    if bitrate_index in {0, 15} or rate_index >= len(_MPEG1_RATES_HZ):
        return 0
    is_mpeg1 = _RATE_DIVISOR[version] == 1
    if is_mpeg1:
        kilobits = (_MPEG1_LAYER2 if layer == _LAYER_2 else _MPEG1_LAYER3)[bitrate_index]
    else:
        kilobits = _MPEG2_LAYERS[bitrate_index]
    rate_hz = _MPEG1_RATES_HZ[rate_index] // _RATE_DIVISOR[version]
    samples = 1152 if is_mpeg1 or layer == _LAYER_2 else 576
    padding = (head[2] >> 1) & 1
    return samples // 8 * kilobits * 1000 // rate_hz + padding


_PICTURES: Final = (
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
)
_DOCUMENTS: Final = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"#extm3u", "a playlist"),
    (b"[playlist]", "a playlist"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<head", "an HTML page"),
    (b"<body", "an HTML page"),
)
_CONTROLS: Final = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")


def find_stranger(head: bytes) -> str | None:
    """Say what begins with `head` when it is no audio: a page, a picture, text.

    A few bytes may be text by chance: ask with a thousand, or all there are.
    """
    for magic, name in _PICTURES:
        if head.startswith(magic):
            return f"a picture ({name})"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a picture (WebP)"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, name in _DOCUMENTS:
        if start.startswith(magic.lower()):
            return name
    if not _is_text(head):
        return None
    if b"<html" in start:  # after a comment or an XML declaration
        return "an HTML page"
    if start.startswith(b"<"):
        return "an XML document"
    return "JSON" if start[:1] in (b"{", b"[") else "text"


def _is_text(head: bytes) -> bool:
    if not _CONTROLS.isdisjoint(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # cut within a character
    return True

"""What a segment holds, as far as another decoder or none may be needed for it.

Formats: ISO/IEC 13818-1 (transport streams: program association, 2.4.4.3, and map, 2.4.4.8), with
the stream types that ATSC A/52, ETSI EN 300 468 and HLS give to audio; ISO/IEC 14496-12 (8.4.3,
the handler of a track). What cannot be read says nothing: then there may be sound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scribewire.audio.sniff import sniff

FRAGMENTED_MP4 = "a fragmented MP4"
WHOLE_MP4 = "an MP4 file"
WHOLE_WAV = "a WAV file"
LOOKED_AT_BYTES = 1 << 21
"""Of a segment: sound that begins later has its own segments."""

_BOXES: Final = (b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"emsg", b"prft")
_BOX_HEAD_BYTES: Final = 8
_MAX_BOXES: Final = 1000  # a segment of small fragments has hundreds
_HANDLER: Final = re.compile(rb"hdlr.{8}([a-z]{4})", re.DOTALL)
_TS_PACKET_BYTES, _TS_SYNC = 188, 0x47
_SECTION_HEAD_BYTES: Final = 8
_TABLES_PACKETS: Final = 200  # within which a segment tells what is in it
_PRIVATE: Final = 0x06  # its descriptors say what it is
_AUDIO_DESCRIPTORS: Final = frozenset({0x6A, 0x7A, 0x7B, 0x7C})  # AC-3, E-AC-3, DTS, AAC
_REGISTRATION: Final = 0x05
_AUDIO_REGISTRATIONS: Final = frozenset({b"Opus", b"AC-3", b"EAC3", b"BSSD"})
# Types that are known to be no audio: pictures, data and subtitles.
_SILENT_TYPES: Final = frozenset({0x01, 0x02, 0x05, 0x10, 0x15, 0x1B, 0x20, 0x21, 0x24, 0x42, 0xDB})


@dataclass(frozen=True, slots=True)
class SegmentTracks:
    """What is known of a segment."""

    format: str
    """Its container, and of a transport stream the types of its audio."""
    has_sound: bool


def is_mp4(data: bytes) -> bool:
    """Tell whether it begins as a part of an MP4 does."""
    return data[4:8] in _BOXES


def find_tracks(media: bytes, initialization: bytes = b"") -> SegmentTracks:
    """Look into a segment, with the head that it needs."""
    if is_mp4(media):
        handlers = _HANDLER.findall(initialization or media[: 1 << 16])
        boxes = () if initialization else _boxes(media)
        name = WHOLE_MP4 if b"moov" in boxes and b"moof" not in boxes else FRAGMENTED_MP4
        return SegmentTracks(name, not handlers or b"soun" in handlers)
    guess = sniff(media[: 1 << 14])
    name = WHOLE_WAV if guess.kind == "wav" else guess.name or "unknown"
    if media[:1] != bytes([_TS_SYNC]) or (types := _read_map(media)) is None:
        return SegmentTracks(name, has_sound=True)
    audio = {pid: kind for pid, kind in types.items() if kind not in _SILENT_TYPES}
    kinds = " ".join(f"{kind:#04x}" for _, kind in sorted(audio.items()))
    return SegmentTracks(f"{name} {kinds}".rstrip(), _has_packets(media, frozenset(audio)))


def _boxes(media: bytes) -> tuple[bytes, ...]:
    """Return the names of the boxes of an MP4, as far as they can be followed."""
    names: list[bytes] = []
    at = 0
    while at + _BOX_HEAD_BYTES <= len(media) and len(names) < _MAX_BOXES:
        size, name = int.from_bytes(media[at : at + 4], "big"), media[at + 4 : at + 8]
        names.append(name)
        if size == 1:  # it stands behind the name
            size = int.from_bytes(media[at + 8 : at + 16], "big")
        if size < _BOX_HEAD_BYTES:  # to the end, or nonsense
            break
        at += size
    return tuple(names)


def _read_map(media: bytes) -> dict[int, int] | None:
    """Return the type of each elementary stream by its PID; None where no map is found.

    The type of what is private, and says that it is no audio, is that of data.
    """
    map_pid: int | None = None
    for pid, section in _sections(media):
        if pid == 0 and map_pid is None and section[:1] == b"\x00":
            map_pid = _first_program(section)
        elif pid == map_pid and section[:1] == b"\x02":
            return _read_streams(section)
    return None


def _sections(media: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tables that the first packets begin, each with its PID, as far as it goes."""
    for at in range(0, min(len(media), _TABLES_PACKETS * _TS_PACKET_BYTES), _TS_PACKET_BYTES):
        packet = media[at : at + _TS_PACKET_BYTES]
        if len(packet) < _TS_PACKET_BYTES or packet[0] != _TS_SYNC:
            return
        begins, has_payload = packet[1] & 0x40, packet[3] & 0x10
        if not begins or not has_payload:
            continue
        start = 5 + packet[4] if packet[3] & 0x20 else 4  # behind an adaptation field
        payload = packet[start:]
        if payload:
            yield _pid(packet), payload[1 + payload[0] :]


def _pid(packet: bytes) -> int:
    return (packet[1] & 0x1F) << 8 | packet[2]


def _end(section: bytes) -> int:
    """Return where a section ends, without its checksum; 0 where its head is cut off."""
    if len(section) < _SECTION_HEAD_BYTES:
        return 0
    size = (section[1] & 0x0F) << 8 | section[2]
    return 3 + size - 4


def _first_program(section: bytes) -> int | None:
    for at in range(_SECTION_HEAD_BYTES, min(_end(section), len(section)) - 3, 4):
        entry = section[at : at + 4]
        if entry[2:] and entry[:2] != b"\x00\x00":  # that one is of the network
            return (entry[2] & 0x1F) << 8 | entry[3]
    return None


def _read_streams(section: bytes) -> dict[int, int] | None:
    end = _end(section)
    at = _SECTION_HEAD_BYTES + 4  # behind the clock's PID, and how long what follows is
    if not at <= end <= len(section):  # it goes on in another packet
        return None
    found: dict[int, int] = {}
    at += (section[10] & 0x0F) << 8 | section[11]
    while at + 5 <= end:
        kind, pid = section[at], (section[at + 1] & 0x1F) << 8 | section[at + 2]
        size = (section[at + 3] & 0x0F) << 8 | section[at + 4]
        descriptors = section[at + 5 : at + 5 + size]
        found[pid] = _type_of_private(descriptors) if kind == _PRIVATE else kind
        at += 5 + size
    return found


def _type_of_private(descriptors: bytes) -> int:
    at = 0
    while at + 2 <= len(descriptors):
        tag, size = descriptors[at], descriptors[at + 1]
        body = descriptors[at + 2 : at + 2 + size]
        if tag in _AUDIO_DESCRIPTORS or (tag == _REGISTRATION and body[:4] in _AUDIO_REGISTRATIONS):
            return _PRIVATE
        at += 2 + size
    return 0x15  # data


def _has_packets(media: bytes, pids: frozenset[int]) -> bool:
    packets = range(0, min(len(media), LOOKED_AT_BYTES), _TS_PACKET_BYTES)
    return any(_pid(media[at : at + 3]) in pids for at in packets if at + 3 <= len(media))

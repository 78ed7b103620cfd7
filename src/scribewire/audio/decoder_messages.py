"""What the decoder process says on its standard output, and the limits it is given.

A message is its kind (one byte), the length of its body (four bytes, big-endian) and the body:
PCM, or JSON. The info comes first, PCM and gaps follow, among them at most once which of several
tracks it comes from, and the last is an error or the end: a process that goes without either has
crashed.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any  # of JSON

from scribewire.audio.container import AudioInfo, TrackWish

HEAD = struct.Struct(">BI")

DESCRIPTORS = 3
"""Of a decoder, as what forks it is handed them: its input, its output, its leash."""

MAX_BODY_BYTES = 64 * 1024
"""The process never sends more, so whoever reads more is not talking to it."""

MAY_BE_PCM = "may-be-pcm"
"""Behind the wish: what bears no mark is PCM of the wire, and nothing at all is no error."""


class Kind(IntEnum):
    """What the body of a message is."""

    INFO = 1
    PCM = 2
    ERROR = 3
    END = 4
    GAP = 5
    TRACK = 6
    """Of several tracks one is settled on, and none but it will be heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderLimits:
    """What one decoder process may use."""

    memory_bytes: int = 512 * 1024**2
    """Address space; about 170 MB of it are libraries that all processes share."""
    cpu_s: int = 10
    """Processor time between two signs of progress (input read, PCM written); never in all, since
    a live stream has no end."""
    whole_file_bytes: int = 64 * 1024**2
    """How much of an MP4 file with its index at the end is held before it can be decoded; with 0
    it is refused."""
    silence_s: float = 30.0
    """After this the process hangs: it takes no input and gives no output, though both are
    waited for."""


def encode_wish(wish: TrackWish) -> str:
    """Return which track is wished as an argument of the command line."""
    return json.dumps(asdict(wish))


def decode_wish(text: str) -> TrackWish:
    """Read what `encode_wish` wrote."""
    return TrackWish(**json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the process gives up."""

    is_unsupported: bool
    """Whether `words` name what was found instead of audio, or else a cause."""
    words: str
    is_transient: bool = False


def encode_message(kind: Kind, body: bytes) -> bytes:
    """Return a message as it is sent."""
    return HEAD.pack(kind, len(body)) + body


def encode_limits(limits: DecoderLimits) -> str:
    """Return limits as an argument of the command line."""
    return json.dumps(asdict(limits))


def decode_limits(text: str) -> DecoderLimits:
    """Read what `encode_limits` wrote."""
    return DecoderLimits(**json.loads(text))


def encode_refusal(refusal: Refusal) -> bytes:
    """Return the body of an error."""
    return json.dumps(asdict(refusal)).encode()


def decode_refusal(body: bytes) -> Refusal:
    """Read the body of an error. Raises ValueError when it is none."""
    match json.loads(body):
        case {"is_unsupported": bool(is_unsupported), "words": str(words), "is_transient": bool(t)}:
            return Refusal(is_unsupported=is_unsupported, words=words, is_transient=t)
    raise ValueError("not a refusal")


def encode_info(info: AudioInfo) -> bytes:
    """Return the body that tells which track is settled on."""
    return json.dumps(asdict(info)).encode()


def decode_info(body: bytes) -> AudioInfo:
    """Read what `encode_info` wrote. Raises what is raised where it is none."""
    return _read_info(json.loads(body))


def _read_info(fields: dict[str, Any]) -> AudioInfo:
    tracks = tuple(map(str, fields.pop("tracks")))
    return AudioInfo(**fields, tracks=tracks)


def encode_gap(seconds: float) -> bytes:
    """Return the body of a gap: so long nothing can be heard."""
    return json.dumps({"seconds": seconds}).encode()


def decode_gap(body: bytes) -> float:
    """Return the seconds of a gap. Raises ValueError when it is none."""
    match json.loads(body):
        case {"seconds": float(seconds)} if 0 < seconds < math.inf:
            return seconds
    raise ValueError("not a gap")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStart:
    """What the process says before anything of the track."""

    info: AudioInfo
    is_isolated: bool
    """Whether the process has no network."""


def encode_track_start(start: TrackStart) -> bytes:
    """Return the body of the info."""
    return json.dumps({**asdict(start.info), "is_isolated": start.is_isolated}).encode()


def decode_track_start(body: bytes) -> TrackStart:
    """Read the body of the info. Raises what is raised where it is none."""
    fields = json.loads(body)
    is_isolated = bool(fields.pop("is_isolated"))
    return TrackStart(info=_read_info(fields), is_isolated=is_isolated)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEnd:
    """What the process says of the track when it has come to its end."""

    broken_packets: int
    """Packets that were left out."""
    missing_s: float
    """Their time, whether it was told as gaps or filled with silence."""


def encode_track_end(track_end: TrackEnd) -> bytes:
    """Return the body of the end."""
    return json.dumps(asdict(track_end)).encode()


def decode_track_end(body: bytes) -> TrackEnd:
    """Read the body of the end. Raises ValueError when it is none."""
    match json.loads(body):
        case {"broken_packets": int(broken_packets), "missing_s": float(missing_s)}:
            return TrackEnd(broken_packets=broken_packets, missing_s=missing_s)
    raise ValueError("not an end")

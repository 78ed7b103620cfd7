"""What the server that pulls a source tells those that hear it there, as bytes and back.

Each message says by its term whose it is: terms grow with each server that takes the lease, and
what an earlier one still sends counts no more. Each says where on the source's timeline it begins,
so that whoever has missed one knows how much that was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from scribewire.audio.container import AudioInfo
from scribewire.errors import CloseCode
from scribewire.sources.events import (
    SourceAudio,
    SourceGap,
    SourceLost,
    SourceOpened,
    SourceTrack,
)
from scribewire.sources.faults import SourceFault
from scribewire.types import PCM_BYTES_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping

PIECE_BYTES = 2 * PCM_BYTES_PER_S
"""Of audio in one message: 2 s, 64 KB. NATS takes a megabyte; one that is lost is a gap as long."""
MOST_HOSTS = 64
"""Of a source's hosts are told; one that leads to more is for those alone who may reach any."""
MOST_GAP_S = 86_400.0
"""Told at once: a source is given up long before."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """How the source does: told when it opens, and each second, so that its server is known."""

    opened: SourceOpened | None
    """What it is; None while it is not open, or lost."""
    is_for_all: bool = True
    """Whether others may hear it there; else they pull for themselves."""
    hosts: tuple[str, ...] | None = ()
    """Where it has led so far; None: to more hosts than are told."""


@dataclass(frozen=True, slots=True)
class FeedOver:
    """Nothing more comes: the source is over, or cannot be had."""

    fault: SourceFault | None = None


@dataclass(frozen=True, slots=True)
class FeedReleased:
    """Its server pulls it no longer: another may."""


FeedEvent: TypeAlias = SourceAudio | SourceLost | SourceGap | SourceTrack
"""What a source gives, but that it is open: that is told with its state."""

FeedBody: TypeAlias = FeedState | FeedOver | FeedReleased | FeedEvent


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """One message."""

    term: int
    """Whose it is: that of a later owner of the lease is greater."""
    epoch: str
    """Names the timeline, which goes on where one who has heard it takes over."""
    at_samples: int
    """Where on it this begins."""
    body: FeedBody


def pieces_of(event: FeedEvent) -> Iterator[FeedEvent]:
    """Yield what fits in a message each."""
    if not isinstance(event, SourceAudio) or len(event.pcm) <= PIECE_BYTES:
        yield event
        return
    for start in range(0, len(event.pcm), PIECE_BYTES):
        yield SourceAudio(event.pcm[start : start + PIECE_BYTES])


def encode(message: FeedMessage) -> bytes:
    """Return a message as bytes: a line of JSON, and what audio it has."""
    kind, fields, pcm = _body_fields(message.body)
    head = {"kind": kind, "term": message.term, "epoch": message.epoch, "at": message.at_samples}
    return json.dumps({**head, **fields}).encode() + b"\n" + pcm


def decode(data: bytes) -> FeedMessage | None:
    """Return the message; None for what is none, or is of a kind that is not known here."""
    head, _, pcm = data.partition(b"\n")
    try:
        fields = json.loads(head)
        body = _read_body(fields, pcm)
        if body is None:
            return None
        return FeedMessage(int(fields["term"]), str(fields["epoch"]), int(fields["at"]), body)
    except (ValueError, KeyError, TypeError):
        return None


def _body_fields(body: FeedBody) -> tuple[str, dict[str, Any], bytes]:
    match body:
        case FeedState(opened, is_for_all, hosts):
            told = None if opened is None else _opened_fields(opened)
            return "state", {"opened": told, "is_for_all": is_for_all, "hosts": hosts}, b""
        case FeedOver(fault):
            return "over", {"fault": None if fault is None else _fault_fields(fault)}, b""
        case FeedReleased():
            return "released", {}, b""
        case SourceAudio(pcm):
            return "audio", {}, pcm
        case SourceLost(cause):
            return "lost", {"cause": cause}, b""
        case SourceGap(seconds):
            return "gap", {"seconds": seconds}, b""
        case SourceTrack(info):
            return "track", {"info": asdict(info)}, b""


def _read_body(fields: Mapping[str, Any], pcm: bytes) -> FeedBody | None:
    match fields["kind"]:
        case "state":
            opened, hosts = fields["opened"], fields["hosts"]
            return FeedState(
                None if opened is None else _read_opened(opened),
                bool(fields["is_for_all"]),
                None if hosts is None else tuple(map(str, hosts)),
            )
        case "over":
            fault = fields["fault"]
            return FeedOver(None if fault is None else _read_fault(fault))
        case "released":
            return FeedReleased()
        case "audio" if len(pcm) <= PIECE_BYTES and len(pcm) % 2 == 0:
            return SourceAudio(pcm)
        case "lost":
            return SourceLost(str(fields["cause"]))
        case "gap":
            seconds = float(fields["seconds"])
            return SourceGap(seconds) if 0 <= seconds <= MOST_GAP_S else None
        case "track":
            return SourceTrack(_read_info(fields["info"]))
    return None


def _opened_fields(opened: SourceOpened) -> dict[str, Any]:
    return asdict(opened)


def _read_opened(fields: Mapping[str, Any]) -> SourceOpened:
    return SourceOpened(**{**fields, "info": _read_info(fields["info"])})


def _read_info(fields: Mapping[str, Any]) -> AudioInfo:
    info = AudioInfo(**fields)
    return replace(info, tracks=tuple(map(str, info.tracks)))


def _fault_fields(fault: SourceFault) -> dict[str, Any]:
    """Return what clients are told of it; what the log has besides stays where it was found."""
    return {
        "message": fault.message,
        "close_code": int(fault.close_code),
        "is_transient": fault.is_transient,
        "status": fault.status,
        "is_final": fault.is_final,
    }


def _read_fault(fields: Mapping[str, Any]) -> SourceFault:
    code = CloseCode(fields["close_code"])
    status = fields["status"]
    return SourceFault(
        str(fields["message"]),
        is_transient=bool(fields["is_transient"]),
        status=None if status is None else int(status),
        is_final=bool(fields["is_final"]),
        close_code=code,
    )

"""Heads and finals as bytes and back, and the checksum that is written beside them.

Everything is kept that it takes to tell a final again exactly as it was told.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any
from zlib import crc32

from scribewire.audio.pcm import PcmFormat
from scribewire.audio.wire import WireLayout
from scribewire.events import Final
from scribewire.journal.entries import OUTCOMES, JournalFault, SessionHead
from scribewire.types import Word
from scribewire.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scribewire.journal.entries import SessionEnd, SessionPosition


def checksum(session_id: str, kind: str, content: bytes) -> int:
    """Return what shows later that a row is as it was written, and whose it is."""
    return crc32(content, crc32(f"{kind} {session_id} ".encode()))


def write_head(head: SessionHead) -> bytes:
    """Return a head as bytes. What its wishes say of a URL is left out."""
    told = {one.name: getattr(head, one.name) for one in fields(head) if one.name != "wishes"}
    told["wishes"] = dict(replace(head.wishes, url=None).fields())
    return _dump(told)


def read_head(content: bytes) -> SessionHead:
    """Return the head that these bytes tell. Raises JournalFault where they tell none."""
    told = _load(content)
    try:
        wishes = dict(told.pop("wishes"))
        wishes["languages"] = tuple(wishes["languages"])
        return SessionHead(wishes=Wishes(**wishes), **told)
    except (KeyError, TypeError, ValueError) as error:
        raise JournalFault(f"no head of a session: {error}") from None


def write_final(final: Final) -> bytes:
    """Return a final as bytes."""
    told: dict[str, object] = {
        one.name: value
        for one in fields(final)
        if one.name != "words" and (value := getattr(final, one.name)) is not None
    }
    if final.words is not None:
        told["words"] = [
            [word.text, word.start_ms, word.end_ms, float(word.confidence)] for word in final.words
        ]
    return _dump(told)


def read_final(content: bytes) -> Final:
    """Return the final that these bytes tell. Raises JournalFault where they tell none."""
    told = _load(content)
    try:
        words = told.pop("words", None)
        return Final(words=None if words is None else tuple(map(_read_word, words)), **told)
    except (TypeError, ValueError) as error:
        raise JournalFault(f"no final: {error}") from None


def _read_word(told: tuple[str, int, int, float]) -> Word:
    text, start_ms, end_ms, confidence = told
    return Word(text=text, start_ms=start_ms, end_ms=end_ms, confidence=confidence)


def position_checksum(session_id: str, position: SessionPosition, layout: str | None = None) -> int:
    """Return the checksum of a position, written in columns; in version 1 its layout was one."""
    told = f"{position.at_ms} {position.received_bytes} {position.replay_from_bytes}"
    told += f" {position.audio_ms} {position.finals} {position.settled_ms}"
    content = f"{told} {layout}".encode()
    return checksum(session_id, "position", content)


def write_layout(layout: WireLayout | None) -> str | None:
    """Return how audio is written as a text."""
    if layout is None:
        return None
    told = {name: value for name, value in asdict(layout).items() if value is not None}
    return _dump(told).decode()


def read_layout(text: str | None) -> WireLayout | None:
    """Return the layout that a text tells. Raises JournalFault where it tells none."""
    if text is None:
        return None
    told = _load(text.encode())
    try:
        return WireLayout(pcm=PcmFormat(**told.pop("pcm")), **told)
    except (KeyError, TypeError) as error:
        raise JournalFault(f"no layout of audio: {error}") from None


def end_checksum(session_id: str, end: SessionEnd) -> int:
    """Return the checksum of an end, which is written in columns."""
    assert end.outcome in OUTCOMES
    return checksum(session_id, "end", f"{end.at_ms} {end.outcome}".encode())


def _dump(told: Mapping[str, object]) -> bytes:
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _load(content: bytes) -> dict[str, Any]:  # what is in it, its checksum vouches for
    try:
        told = json.loads(content.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise JournalFault(f"not as it was written: {error}") from None
    if not isinstance(told, dict):
        raise JournalFault("not as it was written: no fields")
    return told

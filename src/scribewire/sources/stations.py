"""Lists of stations: what a `Listen` button gives instead of the stream (M3U, PLS, ASX, XSPF).

They come from strangers and are small: only the beginning is looked at, and nothing that is read
there is made of something else. ASX is written by hand and seldom well-formed, so XML is searched,
not parsed: no entity is expanded but those of HTML, and no other file is asked for.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from scribewire.audio.sniff import find_stranger
from scribewire.sources.faults import invalid_stream, unsupported_format

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_ENTRIES = 20
"""Tried one after the other: a station lists its servers, seldom more than ten."""
MAX_CHARACTERS = 1 << 16
"""Looked at for them."""

_BOM: Final = "\ufeff"
_HEADS: Final = (
    b"http://",
    b"https://",
    b"[playlist]",
    b"[reference]",
    b"<asx",
    b"<playlist",
    b"<?xml",
)
_HEAD_OF_AMR: Final = b"#!"
_NUMBERED: Final = re.compile(r"(?:file|ref)(\d{1,9})\s*=(.*)", re.IGNORECASE)
# Each repetition ends at the next bracket or quote, so that no text makes the search slow.
_ASX: Final = re.compile(
    r"""<(?:ref|entryref)\s[^<>]*?\bhref\s*+=\s*+(?:"([^"<>]*+)"|'([^'<>]*+)')""", re.IGNORECASE
)
_XSPF: Final = re.compile(
    r"<location\s*+>\s*+(?:<!\[CDATA\[([^<\]]*+)\]\]>|([^<]*+))</location", re.IGNORECASE
)
_TRACKS: Final = re.compile(r"<tracklist\b", re.IGNORECASE)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HTTP: Final = re.compile(r"https?:", re.IGNORECASE)


def is_stations(head: bytes) -> bool:
    """Tell by 16 first bytes whether something is a list of stations, or XML that may be one."""
    start = head.removeprefix(_BOM.encode()).lstrip().lower()
    is_comment = start.startswith(b"#") and not start.startswith(_HEAD_OF_AMR)
    return is_comment or start.startswith(_HEADS)


def entries(text: str) -> tuple[str, ...]:
    """Return the addresses that a list names, in the order to try them; relative ones are to it.

    Those of other schemes than http and https come only where there is nothing else. Raises
    `SourceFault` where there is none.
    """
    start = text.removeprefix(_BOM)[:MAX_CHARACTERS].lstrip()
    found = _in_xml(start) if start.startswith("<") else _in_lines(start)
    named = tuple(dict.fromkeys(each for entry in found if (each := entry.strip())))
    if not named:
        raise invalid_stream("it is a playlist without an entry")
    fetched = tuple(each for each in named if _HTTP.match(each) or not _SCHEME.match(each))
    return (fetched or named)[:MAX_ENTRIES]


def _in_lines(text: str) -> Iterable[str]:
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    if not lines[0].startswith("["):
        return (line for line in lines if not line.startswith("#"))
    numbered = [found for line in lines if (found := _NUMBERED.fullmatch(line))]
    return (found[2] for found in sorted(numbered, key=lambda found: int(found[1])))


def _in_xml(text: str) -> Iterable[str]:
    bare = _without_comments(text)
    tracks = _TRACKS.search(bare)
    found = _ASX.findall(bare) if tracks is None else _XSPF.findall(bare, tracks.end())
    if not found and tracks is None and "<asx" not in bare.lower():
        raise unsupported_format(find_stranger(text.encode()) or "an XML document")
    return (html.unescape(one or other) for one, other in found)


def _without_comments(text: str) -> str:
    first, *others = text.split("<!--")
    return first + "".join(other.partition("-->")[2] for other in others)

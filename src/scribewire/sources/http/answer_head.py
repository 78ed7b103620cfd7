"""Read the head of an answer: of HTTP, nearly HTTP, or a radio server's `ICY 200 OK`.

Servers that speak HTTP by hand are many, and players bear with them. So is done here, wherever
it cannot be in doubt who answers and where the body begins: a space before a colon, lines that end
in LF alone, lines that are no field, a version that does not exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from scribewire.sources.faults import invalid_stream
from scribewire.sources.http.headers import Headers

MAX_BYTES = 1 << 16
"""Of a head; a browser takes four times as much, and most send 1 KiB."""
MAX_FIELDS = 1000
MAX_INTERIM = 10
"""Heads that only say that the answer is still to come (1xx)."""

_STATUS_LINE: Final = re.compile(
    rb"(?:HTTP(?:/\d(?:\.\d)?)?|ICY)[ \t]+([1-5]\d\d)(?:[ \t].*)?\r?", re.IGNORECASE
)
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_INTERIM, _SWITCHING, _OK = 100, 101, 200


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What comes before the body."""

    status: int
    headers: Headers


class HeadReader:
    """Read one head. Call `receive` until `head` is there; what came behind it is `rest`."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._looked_bytes = 0  # without a blank line
        self._interim = 0
        self.head: AnswerHead | None = None
        self.rest = b""

    def receive(self, data: bytes) -> None:
        """Take what came. Raises `SourceFault` where it can be no answer."""
        self._data += data
        while self.head is None:
            self._check_start()
            found = _BLANK_LINE.search(self._data, max(self._looked_bytes - 2, 0))
            if (found.start() if found else len(self._data)) > MAX_BYTES:
                raise invalid_stream("the server's answer has too long a header")
            if found is None:
                self._looked_bytes = len(self._data)
                return
            head = _read(bytes(self._data[: found.start()]))
            self.rest = bytes(self._data[found.end() :])
            self._data, self._looked_bytes = bytearray(self.rest), 0
            if head.status >= _OK:
                self.head = head
            self._count_interim(head.status)

    def _check_start(self) -> None:
        """Refuse what has not even the first line of an answer, as soon as that is there."""
        while self._data.startswith((b"\r", b"\n")):  # left over from an interim one
            del self._data[:1]
        end = self._data.find(b"\n")
        if end >= 0 and _STATUS_LINE.fullmatch(self._data, 0, end) is None:
            raise invalid_stream("the server's answer is neither HTTP nor a radio stream's")

    def _count_interim(self, status: int) -> None:
        if status == _SWITCHING:
            raise invalid_stream("the server wants to speak something else than HTTP")
        self._interim += status < _OK
        if self._interim > MAX_INTERIM:
            raise invalid_stream("the server only says that its answer is to come")


def _read(data: bytes) -> AnswerHead:
    first, *lines = data.split(b"\n")
    found = _STATUS_LINE.fullmatch(first)
    assert found is not None, "it was looked at before"
    if b"\0" in data:
        raise invalid_stream("the server's answer has a broken header")
    if len(lines) > MAX_FIELDS:
        raise invalid_stream("the server's answer has too long a header")
    fields: list[list[str]] = []
    for line in lines:
        text = line.decode("latin-1").rstrip("\r")
        if text[:1] in (" ", "\t"):  # the value before it goes on, as it did in old days
            if fields:
                fields[-1][1] += " " + text.strip()
            continue
        name, colon, value = text.partition(":")
        if colon and name.strip():
            fields.append([name.strip(), value.strip()])
    return AnswerHead(int(found[1]), Headers((name, value) for name, value in fields))

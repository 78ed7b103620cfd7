"""An HTTP origin on loopback that serves a folder, notes what it is asked, and fails when told.

async with run_origin(folder) as origin:
    origin.playlists["/live.m3u8"] = RollingPlaylist(segments, window=5)
    origin.fail("*.ts", Status(404), Status(500), Reset(after_bytes=1000))
    ... origin.url("live.m3u8") ... origin.requests ...
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import posixpath
import re
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from tests.parts.listening import run_listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.parts.playlists import RollingPlaylist

_LOOPBACK: Final = "127.0.0.1"
_PIECE_BYTES = 1 << 16
_PLAYLIST: Final = ".m3u8"
_TYPES: Final = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".webm": "audio/webm",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
}
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_URI_ATTRIBUTE: Final = re.compile(r'URI="([^"]*)"')


# What may go wrong, each for one request.


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with this status instead."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Reset the connection after so many bytes of the body; none: before the answer.

    A reset overtakes what the client has not taken yet, so it may get fewer.
    """

    after_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """Close the connection after so many bytes of the body; none: before the answer."""

    after_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Send so many bytes of the body, then nothing until it is released; then the rest."""

    after_bytes: int = 0
    for_s: float | None = None
    """Released by itself after this."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the last byte before the stall has been sent."""
    released: asyncio.Event = field(default_factory=asyncio.Event)


Fault: TypeAlias = Status | Reset | HangUp | Stall


# What was asked.


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginRequest:
    """One request, as it came."""

    method: str
    target: str
    """Path and query as they stood in the request."""
    fields: dict[str, str]
    """The header, names in lower case."""

    @property
    def path(self) -> str:
        """The decoded path, without the query."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        """The decoded query."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Origin:
    """A running origin. Everything of it may be changed at any time; it holds from then on."""

    folder: Path
    port: int
    playlists: dict[str, RollingPlaylist] = field(default_factory=dict)
    """By path: playlists that move on. Their segments lie beside them in the folder; those that
    are not served yet, or no more, are not found."""
    redirects: dict[str, str] = field(default_factory=dict)
    """From a path to a Location."""
    token: str | None = None
    """Answer 403 unless the query says `token=` this; playlists are sent with it in every URI."""
    credentials: tuple[str, str] | None = None
    """Answer 401 unless this user and password are given."""
    gzips_playlists: bool = False
    """Compress playlists, asked or not, as some content networks do."""
    requests: list[OriginRequest] = field(default_factory=list)
    """All there were, in order."""
    _faults: list[tuple[str, deque[Fault]]] = field(default_factory=list)

    def url(self, path: str, *, host: str = _LOOPBACK) -> str:
        """Return the URL of a path, with the token and the credentials if they are asked for."""
        user = "" if self.credentials is None else "{}:{}@".format(*self.credentials)
        token = "" if self.token is None else f"?token={self.token}"
        return f"http://{user}{host}:{self.port}/{path.lstrip('/')}{token}"

    def fail(self, pattern: str, *faults: Fault, times: int = 1) -> None:
        """Let the next requests whose path matches fail, one after the other, `times` over."""
        self._faults.append((pattern, deque(faults * times)))

    def heal(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    @property
    def pending_faults(self) -> int:
        """How many faults have not happened yet."""
        return sum(len(faults) for _, faults in self._faults)

    def asked(self, pattern: str) -> list[OriginRequest]:
        """Return the requests whose path matches, in order."""
        return [one for one in self.requests if fnmatchcase(one.path, pattern)]

    # Serving.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)  # `drain` returns when all is on its way
        with contextlib.suppress(ConnectionError):  # the client has gone
            while (request := await _read_request(reader)) is not None:
                self.requests.append(request)
                if not await self._respond(request, writer):
                    break

    async def _respond(self, request: OriginRequest, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection may be used for another."""
        fault = self._next_fault(request.path)
        answer = _plain(fault.status) if isinstance(fault, Status) else self._answer(request)
        if isinstance(fault, Reset | HangUp) and not fault.after_bytes:
            _drop(writer, has_reset=isinstance(fault, Reset))
            return False
        body = b"" if request.method == "HEAD" else answer.body
        writer.write(_head(answer))
        if isinstance(fault, Reset | HangUp):
            await _send(writer, body[: fault.after_bytes])
            _drop(writer, has_reset=isinstance(fault, Reset))
            return False
        if isinstance(fault, Stall):
            await _send(writer, body[: fault.after_bytes])
            body = body[fault.after_bytes :]
            fault.reached.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(fault.released.wait(), fault.for_s)
        await _send(writer, body)
        return request.fields.get("connection", "").lower() != "close"

    def _next_fault(self, path: str) -> Fault | None:
        for pattern, faults in self._faults:
            if faults and fnmatchcase(path, pattern):
                return faults.popleft()
        return None

    def _answer(self, request: OriginRequest) -> _Answer:
        if request.method not in {"GET", "HEAD"}:
            return _plain(405)
        if (refusal := self._refuse(request)) is not None:
            return refusal
        if request.path in self.redirects:
            return _Answer(status=302, fields={"Location": self.redirects[request.path]})
        body = self._read(request.path)
        if body is None:
            return _plain(404)
        suffix = posixpath.splitext(request.path)[1]
        fields = {"Content-Type": _TYPES.get(suffix, "application/octet-stream")}
        if suffix == _PLAYLIST:
            return self._answer_playlist(body, fields)
        return _answer_range(body, fields, request.fields)

    def _refuse(self, request: OriginRequest) -> _Answer | None:
        if self.credentials is not None:
            user = base64.b64encode(":".join(self.credentials).encode()).decode("ascii")
            if request.fields.get("authorization") != f"Basic {user}":
                return _plain(401, {"WWW-Authenticate": 'Basic realm="origin"'})
        if self.token is not None and request.query.get("token") != [self.token]:
            return _plain(403)
        return None

    def _read(self, path: str) -> bytes | None:
        rolling = self.playlists.get(path)
        if rolling is not None:
            return rolling.text().encode()
        for place, playlist in self.playlists.items():
            uri = posixpath.relpath(path, posixpath.dirname(place))
            if not playlist.serves(uri):
                return None
        file = (self.folder / path.lstrip("/")).resolve()
        is_inside = file.is_relative_to(self.folder.resolve())
        return file.read_bytes() if is_inside and file.is_file() else None

    def _answer_playlist(self, body: bytes, fields: dict[str, str]) -> _Answer:
        if self.token is not None:
            body = _sign_uris(body.decode(), self.token).encode()
        fields["ETag"] = _etag(body)
        if self.gzips_playlists:
            body = gzip.compress(body, mtime=0)
            fields["Content-Encoding"] = "gzip"
        return _Answer(status=200, fields=fields, body=body)


@contextlib.asynccontextmanager
async def run_origin(folder: Path, *, port: int = 0) -> AsyncIterator[Origin]:
    """Serve `folder` on loopback for as long as the context is open; on a free port unless told."""
    origin = Origin(folder, port)
    async with run_listener(origin._serve, port=port) as origin.port:  # noqa: SLF001 - its own
        yield origin


async def _read_request(reader: asyncio.StreamReader) -> OriginRequest | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return OriginRequest(method=method, target=target, fields=fields)


def _plain(status: int, fields: dict[str, str] | None = None) -> _Answer:
    body = f"{status} {_phrase(status)}\n".encode()
    return _Answer(
        status=status, fields={"Content-Type": "text/plain", **(fields or {})}, body=body
    )


def _answer_range(body: bytes, fields: dict[str, str], asked: dict[str, str]) -> _Answer:
    """Answer with the part that was asked for, or all where that is not what it was before."""
    fields |= {"ETag": _etag(body), "Accept-Ranges": "bytes"}
    found = _RANGE.fullmatch(asked.get("range", ""))
    is_same = asked.get("if-range", fields["ETag"]) == fields["ETag"]
    if found is None or found[0] == "bytes=-" or not is_same:
        return _Answer(status=200, fields=fields, body=body)
    if found[1]:
        start, end = int(found[1]), min(int(found[2] or len(body)) + 1, len(body))
    else:
        start, end = max(len(body) - int(found[2]), 0), len(body)
    if start >= end:
        return _plain(416, {"Content-Range": f"bytes */{len(body)}"})
    fields["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return _Answer(status=206, fields=fields, body=body[start:end])


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'


def _sign_uris(playlist: str, token: str) -> str:
    return "\n".join(_signed_lines(playlist, f"?token={token}"))


def _signed_lines(playlist: str, query: str) -> Iterator[str]:
    for line in playlist.split("\n"):
        if line.startswith("#"):
            yield _URI_ATTRIBUTE.sub(rf'URI="\g<1>{query}"', line)
        else:
            yield line + query if line else line


def _head(answer: _Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {_phrase(answer.status)}"]
    fields = {**answer.fields, "Content-Length": str(len(answer.body))}
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Told So"


async def _send(writer: asyncio.StreamWriter, body: bytes) -> None:
    for start in range(0, len(body), _PIECE_BYTES):
        writer.write(body[start : start + _PIECE_BYTES])
        await writer.drain()


def _drop(writer: asyncio.StreamWriter, *, has_reset: bool) -> None:
    if has_reset:
        linger = struct.pack("ii", 1, 0)  # closing sends a reset
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
    else:
        writer.close()

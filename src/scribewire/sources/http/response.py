"""One answer: its header, and its body as bytes of media."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from scribewire.sources.faults import SourceFault, authentication_required, invalid_stream
from scribewire.sources.http.azure import error_code, explain_refusal, is_azure
from scribewire.sources.http.bodies import BodyEnd, announced_length
from scribewire.sources.http.content_coding import gunzip_for
from scribewire.sources.http.effort import PIECE_S, READ_S, Effort
from scribewire.sources.http.headers import Headers
from scribewire.sources.http.icy import icy_filter_for, is_icy
from scribewire.sources.http.limits import FetchLimits
from scribewire.sources.http.urls import HttpUrl

__all__ = ["REDIRECTS", "BodyEnd", "Reply", "Response", "check_answer", "check_status"]

OK, PARTIAL_CONTENT, MULTIPLE_CHOICES = 200, 206, 300
_UNAUTHORIZED, _FORBIDDEN, _PROXY_AUTHENTICATION = 401, 403, 407
_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS, _SERVER_ERROR = 408, 429, 500
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE = re.compile(r"bytes (?:\d+-\d+|\*)/(\d{1,18})", re.ASCII)
_RANGE_START = re.compile(r"bytes (\d{1,18})-", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a connection brought, before anything is made of it."""

    status: int
    headers: Headers
    read_some: Callable[[], Awaitable[bytes]]
    """Wait for bytes of the body; none at its end, and a fault where it breaks off before."""
    ends_by: BodyEnd = BodyEnd.CLOSE
    """What its end, once it comes, will have been told by."""


class Response:
    """An answer with media in it."""

    def __init__(
        self, answer: Reply, url: HttpUrl, limits: FetchLimits, effort: Effort | None = None
    ) -> None:
        self.status = answer.status
        """200, or 206 where a later start was asked for and given."""
        self.headers = answer.headers
        self.url = url
        """Where it came from at last, with the credentials that belong there."""
        self.is_icy = is_icy(answer.headers)
        """A radio stream, which has no end."""
        codings = answer.headers.elements("content-encoding")
        self._gunzip = gunzip_for(codings, limits.piece_bytes)
        self._icy_filter = icy_filter_for(answer.headers)
        length = _length_of(answer)
        self.is_finite = length is not None and not self.is_icy
        """Whether it says that it has an end."""
        self.length = None if self._gunzip else length
        """Bytes of the whole resource, where that is known: not of one that comes compressed."""
        self.start = _start_of(answer)
        """Which byte of the resource comes first."""
        self.ended_by: BodyEnd | None = None
        """What told the end of the body, once all of it has come; else None."""
        self._read_some, self._ends_by = answer.read_some, answer.ends_by
        self._ahead: list[bytes] = []  # looked at before it was asked for
        self._pieces = self._read_pieces()
        self._limits = limits
        self._effort = effort or Effort()

    async def peek(self, size: int) -> bytes:
        """Return the first `size` bytes, fewer where there are no more; they stay to be read."""
        while sum(map(len, self._ahead)) < size:
            piece = await anext(self._pieces, b"")
            if not piece:
                break
            self._ahead.append(piece)
        return b"".join(self._ahead)[:size]

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Give the body as it comes. Raises `SourceFault`, transient, on reset or silence."""
        while self._ahead:
            yield self._ahead.pop(0)
        async for piece in self._pieces:
            yield piece

    async def read(self, max_bytes: int) -> bytes:
        """Return the whole body, or raise `SourceFault` where it is longer or takes too long."""
        try:
            async with asyncio.timeout(self._limits.whole_s):
                return await self._read_all(max_bytes)
        except TimeoutError:
            cause = f"it was not complete after {self._limits.whole_s:g} s"
            raise invalid_stream(cause, is_transient=True) from None

    async def _read_all(self, max_bytes: int) -> bytes:
        body = bytearray()
        async for chunk in self.chunks():
            if len(body) + len(chunk) > max_bytes:
                raise invalid_stream(f"it is longer than {max_bytes} bytes")
            body += chunk
        return bytes(body)

    async def _read_pieces(self) -> AsyncIterator[bytes]:
        while data := await self._next_data():
            await self._effort.spend(READ_S)
            for piece in self._gunzip.receive(data) if self._gunzip else (data,):
                if self._gunzip:  # a few bytes may swell to many pieces
                    await self._effort.spend(PIECE_S)
                audio = self._icy_filter.receive(piece) if self._icy_filter else piece
                if audio:
                    yield audio
        if self._gunzip:
            self._gunzip.check_end()
        has_trailer = self._gunzip is not None and self._gunzip.has_trailer
        is_marked = has_trailer and self._ends_by is BodyEnd.CLOSE
        self.ended_by = BodyEnd.MARK if is_marked else self._ends_by

    async def _next_data(self) -> bytes:
        try:
            async with asyncio.timeout(self._limits.stall_s):
                return await self._read_some()
        except TimeoutError:
            cause = f"nothing came for {self._limits.stall_s:g} s"
            raise invalid_stream(cause, is_transient=True) from None


async def check_answer(answer: Reply, url: HttpUrl, limits: FetchLimits) -> None:
    """Raise the `SourceFault` that an answer means, in the words of a service that has some."""
    if OK <= answer.status < MULTIPLE_CHOICES:
        return
    code = ""
    if is_azure(answer.headers, url):
        body = await _start_of_body(answer, limits)
        code = error_code(answer.headers, body)
        fault = explain_refusal(
            code,
            status=answer.status,
            headers=answer.headers,
            body=body,
            url=url,
            now=datetime.now(UTC),
        )
        if fault is not None:
            raise fault
    check_status(answer.status, code)


def check_status(status: int, code: str = "") -> None:
    """Raise the `SourceFault` that an HTTP status means, if it means one.

    `code` is what the server calls it besides.
    """
    cause = f"the server answered HTTP {status} {code}".rstrip()
    if status in (_UNAUTHORIZED, _FORBIDDEN, _PROXY_AUTHENTICATION):
        raise authentication_required(cause, status=status)
    if not OK <= status < MULTIPLE_CHOICES:
        may_pass = status >= _SERVER_ERROR or status in (_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS)
        raise invalid_stream(cause, is_transient=may_pass, status=status)


async def _start_of_body(answer: Reply, limits: FetchLimits) -> bytes:
    """Return what comes soon of a body that only explains."""
    body = bytearray()
    with suppress(TimeoutError, SourceFault):
        async with asyncio.timeout(limits.refusal_s):
            while len(body) < limits.refusal_bytes and (data := await answer.read_some()):
                body += data
    return bytes(body[: limits.refusal_bytes])


def _length_of(answer: Reply) -> int | None:
    if answer.status == PARTIAL_CONTENT:
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
        return int(found[1]) if found else None
    return announced_length(answer.headers)


def _start_of(answer: Reply) -> int:
    if answer.status != PARTIAL_CONTENT:
        return 0
    found = _RANGE_START.match(answer.headers.get("content-range", ""))
    return int(found[1]) if found else 0

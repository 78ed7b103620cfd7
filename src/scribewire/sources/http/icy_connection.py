"""Talk to the servers that answer `ICY 200 OK`, which no HTTP library takes for an answer.

Shoutcast servers before version 2 and old Icecast sources do. Only that answer is read here;
one in HTTP belongs to the library.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.http.headers import Headers
from scribewire.sources.http.limits import FetchLimits
from scribewire.sources.http.response import Reply
from scribewire.sources.http.urls import HttpUrl

_STATUS_LINE = re.compile(rb"ICY ([1-5][0-9]{2})(?: .*)?\r?\n", re.DOTALL)
_CANNOT_BE_SENT = re.compile(r"[\r\n\0]")


@asynccontextmanager
async def open_icy(
    url: HttpUrl,
    addresses: Sequence[str],
    *,
    fields: Mapping[str, str],
    tls: ssl.SSLContext,
    limits: FetchLimits,
) -> AsyncIterator[Reply]:
    """Ask one of the (checked) addresses for the URL and give its ICY answer."""
    reader, writer = await _connect(url, addresses, tls, limits)
    try:
        writer.write(_request(url, fields))
        await writer.drain()
        status = await _read_status(reader)
        headers = await _read_headers(reader, limits)

        async def read_some() -> bytes:
            return await reader.read(limits.piece_bytes)

        yield Reply(status=status, headers=headers, read_some=read_some)
    finally:
        writer.close()


async def _connect(
    url: HttpUrl, addresses: Sequence[str], tls: ssl.SSLContext, limits: FetchLimits
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    is_secure = url.scheme == "https"
    for address in addresses[:-1]:
        try:
            return await _connect(url, [address], tls, limits)
        except OSError:
            continue
    return await asyncio.open_connection(
        addresses[-1],
        url.port,
        limit=limits.line_bytes,
        ssl=tls if is_secure else None,
        server_hostname=url.host if is_secure else None,
    )


def _request(url: HttpUrl, fields: Mapping[str, str]) -> bytes:
    lines = [f"GET {url.target} HTTP/1.0", f"Host: {url.authority}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    assert not any(_CANNOT_BE_SENT.search(line) for line in lines)
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("ascii")


async def _read_status(reader: asyncio.StreamReader) -> int:
    line = await _read_line(reader)
    found = _STATUS_LINE.fullmatch(line)
    if line.startswith(b"HTTP/"):
        raise invalid_stream("the server's answer is broken or too long a header")
    if found is None:
        raise _broken()
    return int(found[1])


async def _read_headers(reader: asyncio.StreamReader, limits: FetchLimits) -> Headers:
    fields: list[tuple[str, str]] = []
    for _ in range(limits.header_fields):
        line = (await _read_line(reader)).decode("latin-1").rstrip("\r\n")
        if not line:
            return Headers(fields)
        name, colon, value = line.partition(":")
        if colon:
            fields.append((name.strip(), value.strip()))
    raise _broken()


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except (asyncio.LimitOverrunError, asyncio.IncompleteReadError):
        raise _broken() from None


def _broken() -> SourceFault:
    return invalid_stream("the server's answer is neither HTTP nor a radio stream's")

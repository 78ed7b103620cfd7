"""One connection for one request: to a checked address, and closed when its answer has been read.

A connection is not used twice. That costs a live playlist two handshakes for each segment, and
saves all doubt about which answer the bytes belong to.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeAlias

from scribewire.sources.faults import invalid_stream
from scribewire.sources.http.answer_head import AnswerHead, HeadReader
from scribewire.sources.http.bodies import Body, body_of, broke_off
from scribewire.sources.http.limits import FetchLimits
from scribewire.sources.http.response import Reply
from scribewire.sources.http.tls import failed_handshake
from scribewire.sources.http.urls import HttpUrl

MAX_ADDRESSES = 8
"""Of one name that are tried."""
NEXT_ADDRESS_AFTER_S = 0.25
"""Where one does not answer; many names have an IPv6 address that leads nowhere (RFC 8305)."""

_CANNOT_BE_SENT: Final = re.compile(r"[^\t\x20-\x7e]")
_Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def ask(
    url: HttpUrl,
    addresses: Sequence[str],
    *,
    fields: Mapping[str, str],
    tls: ssl.SSLContext,
    limits: FetchLimits,
) -> AsyncIterator[Reply]:
    """Ask one of the (checked) addresses for the URL and give its answer. Raises `SourceFault`."""
    with _telling_faults("the server cannot be reached"):
        reader, writer = await _connect(url, addresses[:MAX_ADDRESSES], tls, limits)
    try:
        with _telling_faults("the connection broke off"):
            writer.write(_request(url, fields))
            await writer.drain()
        head, rest = await _read_head(reader, limits)
        body = body_of(head.status, head.headers)
        body.receive(rest)
        yield _reply(head, body, reader, limits)
    finally:
        writer.transport.abort()


async def _connect(
    url: HttpUrl, addresses: Sequence[str], tls: ssl.SSLContext, limits: FetchLimits
) -> _Streams:
    """Connect to the address that answers first; each has a start before the next one."""
    attempts: list[asyncio.Task[_Streams]] = []
    winner: asyncio.Task[_Streams] | None = None
    try:
        while winner is None and (len(attempts) < len(addresses) or _under_way(attempts)):
            if len(attempts) < len(addresses):
                trying = _connect_to(addresses[len(attempts)], url, tls, limits)
                attempts.append(asyncio.create_task(trying))
            is_last = len(attempts) == len(addresses)
            wait_s = None if is_last else NEXT_ADDRESS_AFTER_S
            first = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait(_under_way(attempts), timeout=wait_s, return_when=first)
            winner = next((task for task in done if not task.exception()), None)
    finally:
        # Without waiting for them: who is cancelled in that moment would hold what nobody closes.
        for task in attempts:
            if task is not winner:
                _drop(task)
    if winner is None:
        raise _most_telling(attempts)
    return winner.result()


def _under_way(attempts: Sequence[asyncio.Task[_Streams]]) -> list[asyncio.Task[_Streams]]:
    return [task for task in attempts if not task.done()]


def _drop(attempt: asyncio.Task[_Streams]) -> None:
    """End an attempt; what it has connected, or connects in that moment, is closed."""
    if not attempt.done():
        attempt.cancel()
        attempt.add_done_callback(_drop)
    elif not attempt.cancelled() and not attempt.exception():
        attempt.result()[1].transport.abort()


def _most_telling(attempts: Sequence[asyncio.Task[_Streams]]) -> BaseException:
    """Return why none succeeded: a server that was reached says more than one that was not."""
    errors = [error for task in attempts if (error := task.exception()) is not None]
    return next((error for error in errors if isinstance(error, ssl.SSLError)), errors[-1])


async def _connect_to(
    address: str, url: HttpUrl, tls: ssl.SSLContext, limits: FetchLimits
) -> _Streams:
    is_secure = url.scheme == "https"
    return await asyncio.open_connection(
        address,
        url.port,
        limit=limits.piece_bytes,
        ssl=tls if is_secure else None,
        server_hostname=url.host if is_secure else None,
    )


def _request(url: HttpUrl, fields: Mapping[str, str]) -> bytes:
    lines = [f"GET {url.target} HTTP/1.1", f"Host: {url.authority}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    assert not any(_CANNOT_BE_SENT.search(line) for line in lines)
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("ascii")


async def _read_head(reader: asyncio.StreamReader, limits: FetchLimits) -> tuple[AnswerHead, bytes]:
    """Return the head of the answer, and what has come of its body."""
    heads = HeadReader()
    while heads.head is None:
        with _telling_faults("the connection broke off"):
            data = await reader.read(limits.piece_bytes)
        if not data:
            raise broke_off()
        heads.receive(data)
    return heads.head, heads.rest


def _reply(
    head: AnswerHead, body: Body, reader: asyncio.StreamReader, limits: FetchLimits
) -> Reply:
    async def read_some() -> bytes:
        while not (bite := body.take()) and not body.has_ended:
            with _telling_faults("the connection broke off"):
                data = await reader.read(limits.piece_bytes)
            if data:
                body.receive(data)
            else:
                body.receive_close()
        return bite

    return Reply(
        status=head.status, headers=head.headers, read_some=read_some, ends_by=body.ends_by
    )


@contextmanager
def _telling_faults(otherwise: str) -> Iterator[None]:
    """Turn what goes wrong on a connection into the `SourceFault` it means."""
    try:
        yield
    except ssl.SSLError as error:
        raise failed_handshake(error) from error
    except OSError as error:
        raise invalid_stream(otherwise, is_transient=True) from error

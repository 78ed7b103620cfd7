from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import pytest

from scribewire.sources.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.events import SourceAudio, SourceEvent, SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.fetcher import GuardedFetcher
from scribewire.sources.progressive import read_progressive

HOME = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))
PCM = bytes(range(200)) * 800
FORM = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
WAV = (
    struct.pack("<4sI4s", b"RIFF", len(PCM) + 36, b"WAVE")
    + FORM
    + struct.pack("<4sI", b"data", len(PCM))
    + PCM
)


@contextlib.asynccontextmanager
async def breaking_server(piece_bytes: int, asked: list[str]) -> AsyncIterator[str]:
    """Serve WAV, `piece_bytes` for each request, and note the ranges that are asked for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        ranges = [line for line in lines if line.lower().startswith("range: ")]
        asked.extend(line.partition(": ")[2] for line in ranges)
        start = int(ranges[0].partition("=")[2].removesuffix("-")) if ranges else 0
        head = f"HTTP/1.1 {206 if ranges else 200} OK\r\nContent-Length: {len(WAV) - start}\r\n"
        if ranges:
            head += f"Content-Range: bytes {start}-{len(WAV) - 1}/{len(WAV)}\r\n"
        writer.write(head.encode() + b"\r\n" + WAV[start : start + piece_bytes])
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/a.wav"


async def read(url: str) -> list[SourceEvent]:
    opens_by = asyncio.get_running_loop().time() + 10
    async with GuardedFetcher(HOME) as fetcher, fetcher.open(url) as response:
        reading = read_progressive(fetcher, url, response, opens_by)
        async with contextlib.aclosing(reading) as events:
            return [event async for event in events]


async def test_a_download_that_breaks_off_goes_on_where_it_stopped() -> None:
    asked: list[str] = []
    async with breaking_server(70_000, asked) as url:
        events = await read(url)

    assert asked[-1] == "bytes=140000-"
    assert isinstance(events[0], SourceOpened)
    assert b"".join(event.pcm for event in events if isinstance(event, SourceAudio)) == PCM


async def test_what_is_no_audio_is_refused() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<!doctype html>")
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        with pytest.raises(SourceFault, match="an HTML page"):
            await read(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/")

from __future__ import annotations

import asyncio
import contextlib
import gzip
import struct
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from scribewire.errors import CloseCode
from scribewire.sources.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceGap,
    SourceLost,
    SourceOpened,
)
from scribewire.sources.faults import SourceFault
from scribewire.sources.fetcher import GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules

HOME = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))
PCM = b"\x10\x00" * 48_000
FOREVER = 0xFFFFFFFF
NO_WAIT = RetryRules(first_wait_s=0.001, max_wait_s=0.001, give_up_after_s=0.05)


def wav(size: int, pcm: bytes = PCM) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    riff = struct.pack("<4sI4s", b"RIFF", min(size + 36, FOREVER), b"WAVE")
    return riff + form + struct.pack("<4sI", b"data", size) + pcm


def response(head: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {head}\r\nconnection: close\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def source(answers: Sequence[bytes]) -> AsyncIterator[str]:
    """Answer one request after the other, the last one again and again, and hang up."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/a.wav"


async def pull(url: str, into: list[SourceEvent], retry: RetryRules = NO_WAIT) -> None:
    async with GuardedFetcher(HOME) as fetcher:
        sources = Sources(fetcher=fetcher, retry=retry, open_timeout_s=10)
        async with contextlib.aclosing(sources.pull(url)) as events:
            async for event in events:
                into.append(event)  # noqa: PERF401 - kept when the source fails


def pcm_of(events: Sequence[SourceEvent]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, SourceAudio))


def kinds(events: Sequence[SourceEvent]) -> list[type[SourceEvent]]:
    return [type(event) for event in events if not isinstance(event, SourceAudio)]


async def test_a_finite_source_is_opened_read_and_over() -> None:
    body = wav(len(PCM))
    events: list[SourceEvent] = []
    async with source([response(f"200 OK\r\ncontent-length: {len(body)}", body)]) as url:
        await pull(url, events)

    assert isinstance(events[0], SourceOpened)
    assert not events[0].is_live
    assert events[0].info.codec == "pcm_s16le"
    assert pcm_of(events) == PCM


async def test_a_live_source_is_lost_found_again_and_given_up() -> None:
    live = response("200 OK", wav(FOREVER))
    events: list[SourceEvent] = []
    async with source([live, live, response("404 Not Found")]) as url:
        with pytest.raises(SourceFault, match="404") as given_up:
            await pull(url, events)

    told = [kind for kind in kinds(events) if kind is not SourceGap]
    assert told == [SourceOpened, SourceLost, SourceOpened, SourceLost]
    assert SourceGap in kinds(events)
    assert pcm_of(events) == 2 * PCM
    assert given_up.value.close_code is CloseCode.SERVER_FAULT


async def test_what_a_radio_server_sends_once_more_is_heard_once() -> None:
    air = (
        np.random.default_rng(0).integers(-5000, 5000, round(6.8 * 16_000)).astype("<i2").tobytes()
    )
    second = 32_000

    def sent(start: float, end: float) -> bytes:
        return response("200 OK", wav(FOREVER, air[round(start * second) : round(end * second)]))

    events: list[SourceEvent] = []
    async with source([sent(0, 5), sent(2, 5.9), sent(4, 6.8), response("410 Gone")]) as url:
        with pytest.raises(SourceFault, match="410"):
            await pull(url, events)

    assert pcm_of(events) == air
    assert sum(event.seconds for event in events if isinstance(event, SourceGap)) == 0


async def test_a_source_that_only_ever_hangs_up_is_our_failure_in_the_end() -> None:
    events: list[SourceEvent] = []
    async with source([response("200 OK", wav(FOREVER)), response("503 Busy")]) as url:
        with pytest.raises(SourceFault) as given_up:
            await pull(url, events)

    assert given_up.value.close_code is CloseCode.SERVER_FAULT
    assert pcm_of(events) == PCM


async def test_a_source_that_gives_next_to_nothing_each_time_is_given_up() -> None:
    crumb = response("200 OK", wav(FOREVER, bytes(8)))
    events: list[SourceEvent] = []
    async with source([response("200 OK", wav(FOREVER)), crumb]) as url:
        with pytest.raises(SourceFault) as given_up:
            await pull(url, events)

    assert given_up.value.close_code is CloseCode.SERVER_FAULT


async def test_a_live_source_that_asks_for_a_password_is_not_tried_again() -> None:
    live = response("200 OK", wav(FOREVER))
    events: list[SourceEvent] = []
    async with source([live, response("401 Who"), live]) as url:
        with pytest.raises(SourceFault, match="authentication") as refused:
            await pull(url, events)

    assert refused.value.close_code is CloseCode.CLIENT_FAULT
    assert pcm_of(events) == PCM


async def test_a_source_that_never_gave_audio_is_not_tried_again() -> None:
    events: list[SourceEvent] = []
    async with source([response("503 Busy"), response("200 OK", wav(FOREVER))]) as url:
        with pytest.raises(SourceFault, match="503"):
            await pull(url, events)

    assert events == []


async def test_an_address_that_is_not_allowed_is_not_connected_to() -> None:
    async with GuardedFetcher(AddressPolicy()) as fetcher:
        sources = Sources(fetcher=fetcher, retry=NO_WAIT, open_timeout_s=10)
        with pytest.raises(SourceFault, match="not allowed"):
            await anext(sources.pull("http://127.0.0.1:1/a.wav"))


async def test_a_file_that_comes_compressed_is_heard_once() -> None:
    body = gzip.compress(wav(len(PCM)))
    head = f"200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(body)}"
    events: list[SourceEvent] = []
    async with source([response(head, body)]) as url:
        await pull(url, events)

    assert kinds(events) == [SourceOpened]
    assert pcm_of(events) == PCM

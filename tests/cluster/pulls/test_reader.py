from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from scribewire.cluster.connection import ClusterConnection
from scribewire.cluster.pulls.feed import FeedMessage, FeedReleased, encode
from scribewire.cluster.pulls.reader import FeedReader, publish, told_subject, want_subject
from scribewire.cluster.tasks import end_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.msg import Msg

    from tests.parts.nats_server import NatsServer

NAME = "0123abcd"
MESSAGE = FeedMessage(term=3, epoch="e", at_samples=16_000, body=FeedReleased())


@contextlib.asynccontextmanager
async def connected(nats: NatsServer) -> AsyncIterator[ClusterConnection]:
    connection = ClusterConnection([nats.url])
    async with connection.open():
        await connection.wait_up(5)
        yield connection


async def test_it_says_that_it_listens_and_brings_what_is_told(nats: NatsServer) -> None:
    wants: asyncio.Queue[bytes] = asyncio.Queue()
    came: asyncio.Queue[FeedMessage] = asyncio.Queue()

    async def note(message: Msg) -> None:
        wants.put_nowait(message.data)

    async with asyncio.timeout(10), connected(nats) as owner, connected(nats) as reader:
        await owner.nats.subscribe(want_subject(NAME), cb=note)
        await owner.nats.flush()
        running = asyncio.create_task(FeedReader(reader, NAME, came.put_nowait).run())
        assert await wants.get() == reader.server_id.encode()
        await publish(owner, told_subject(NAME), b"no message")
        await publish(owner, told_subject("another"), encode(MESSAGE))
        await publish(owner, told_subject(NAME), encode(MESSAGE))
        assert await came.get() == MESSAGE
        assert came.empty()
        await end_task(running)
        await publish(owner, told_subject(NAME), encode(MESSAGE))
        await owner.nats.flush()
        await reader.nats.flush()
        assert came.empty()


@pytest.mark.slow
async def test_it_begins_when_nats_is_there_again_and_stays(nats: NatsServer) -> None:
    came: asyncio.Queue[FeedMessage] = asyncio.Queue()
    wants: asyncio.Queue[bytes] = asyncio.Queue()

    async def note(message: Msg) -> None:
        wants.put_nowait(message.data)

    async with asyncio.timeout(30), connected(nats) as owner, connected(nats) as reader:
        await owner.nats.subscribe(want_subject(NAME), cb=note)
        await owner.nats.flush()
        await nats.kill()
        running = asyncio.create_task(FeedReader(reader, NAME, came.put_nowait).run())
        await nats.start()
        await wants.get()
        await publish(owner, told_subject(NAME), encode(MESSAGE))
        assert await came.get() == MESSAGE
        await end_task(running)


async def test_while_nats_is_away_nothing_is_told_and_nothing_fails() -> None:
    connection = ClusterConnection(["nats://127.0.0.1:9"])

    await publish(connection, "subject", b"data")

"""What is stored on several servers of NATS, whoever asks for how many."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from nats.js.api import StreamConfig

from scribewire.cluster.connection import ClusterConnection
from scribewire.cluster.leases import BUCKET, Leases
from scribewire.cluster.session_store import SessionStore
from scribewire.cluster.session_stream import STREAM
from scribewire.cluster.stored import have_bucket, have_stream
from tests.parts.nats_server import run_three

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.parts.nats_server import NatsServer


@contextlib.asynccontextmanager
async def connected(
    every: Sequence[NatsServer], *, copies: int
) -> AsyncIterator[ClusterConnection]:
    """Connect as a server does that has so many copies of what it stores."""
    connection = ClusterConnection([one.url for one in every], copies=copies)
    Leases(connection)
    SessionStore(connection, resume_window_s=30.0)
    async with connection.open():
        assert await connection.wait_up(30)
        yield connection


async def copies_of(connection: ClusterConnection) -> list[int | None]:
    infos = [await connection.jetstream.stream_info(one) for one in (f"KV_{BUCKET}", STREAM)]
    return [one.config.num_replicas for one in infos]


@pytest.mark.slow
async def test_there_are_as_many_copies_as_anybody_has_asked_for(tmp_path: Path) -> None:
    async with asyncio.timeout(100), run_three(tmp_path / "nats") as every:
        for copies, found in ((1, 1), (3, 3), (1, 3)):
            async with connected(every, copies=copies) as connection:
                assert await copies_of(connection) == [found, found]


async def test_what_is_there_is_used(nats: NatsServer) -> None:
    async with connected([nats], copies=1) as connection:
        before = await have_bucket(connection, "scribewire-test", ttl_s=5.0)
        await before.put("a", b"1")
        after = await have_bucket(connection, "scribewire-test", ttl_s=6.0)
        assert (await after.get("a")).value == b"1"


async def test_messages_are_kept_for_as_long_as_anybody_has_asked_for(nats: NatsServer) -> None:
    async with connected([nats], copies=1) as connection:
        for asked_s, found_s in ((60.0, 60.0), (90.0, 90.0), (30.0, 90.0)):
            subjects = [f"test.{asked_s:.0f}"]
            wanted = StreamConfig(name="test", subjects=subjects, max_age=asked_s)
            await have_stream(connection, wanted)
            config = (await connection.jetstream.stream_info("test")).config
            assert (config.max_age, config.subjects) == (found_s, subjects)

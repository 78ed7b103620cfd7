from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from scribewire.cluster.announcing import Announcement
from scribewire.cluster.leases import BUCKET
from scribewire.cluster.membership import Cluster, join_cluster
from tests.parts.programs import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.parts.nats_server import NatsServer

TOLD = Announcement(
    version="0.1.0", models=("letters",), languages=("en", "nl"), sessions=2, room=7, state="ready"
)
WRITTEN: dict[str, Any] = {
    "server": "0ther",
    "version": "9.9",
    "models": [],
    "languages": ["en"],
    "sessions": 0,
    "room": 1,
    "state": "ready",
}


@contextlib.asynccontextmanager
async def joined(nats: NatsServer) -> AsyncIterator[Cluster]:
    async with join_cluster([nats.url]) as cluster:
        assert cluster.connection.is_up
        yield cluster


async def until(is_so: Callable[[], bool]) -> None:
    async def ask() -> bool:
        return is_so()

    await wait_until(ask, what=lambda: "it is not so")


async def test_servers_know_of_each_other_and_who_leaves_is_known_at_once(
    nats: NatsServer,
) -> None:
    async with joined(nats) as first, joined(nats) as second:
        other = second.connection.server_id
        async with first.servers.announcing(lambda: replace(TOLD, room=3)):
            async with second.servers.announcing(lambda: TOLD):
                await until(lambda: len(first.servers.present) == 2)
                assert first.servers.present[other] == TOLD
            await until(lambda: other not in first.servers.present)
            async with joined(nats) as third:  # who comes later knows those that there are
                assert [one.room for one in third.servers.present.values()] == [3]


@pytest.mark.slow
async def test_what_has_changed_is_told(nats: NatsServer) -> None:
    tells = [TOLD, replace(TOLD, state="draining"), replace(TOLD, sessions=9)]
    async with (
        joined(nats) as first,
        joined(nats) as second,
        first.servers.announcing(lambda: tells[0]),
    ):
        own = first.connection.server_id
        await until(lambda: second.servers.present.get(own) == tells[0])
        while len(tells) > 1:
            tells.pop(0)
            await until(lambda: second.servers.present.get(own) == tells[0])


@pytest.mark.slow
async def test_after_nats_was_away_all_are_there_again(nats: NatsServer) -> None:
    async with joined(nats) as first, joined(nats) as second:
        own = first.connection.server_id
        async with first.servers.announcing(lambda: TOLD):
            await until(lambda: own in second.servers.present)
            await nats.kill()
            await until(lambda: own not in second.servers.present)
            await nats.start()
            await until(lambda: own in second.servers.present)


async def write(cluster: Cluster, name: str, value: object) -> None:
    bucket = await cluster.connection.jetstream.key_value(BUCKET)
    await bucket.put(name, json.dumps(value).encode())


async def test_another_version_is_told_once(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with joined(nats) as writing:
        for number in range(3):
            await write(writing, f"servers.n{number}", WRITTEN)
        async with joined(nats) as reading:
            assert len(reading.servers.present) == 3

    assert caplog.text.count("a server of the cluster is of version 9.9, this one of") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": None},
        {"version": "9\n= forged"},
        {"languages": None},
        {"models": [1]},
        {"room": "many"},
        {"state": "elsewhere"},
    ],
)
async def test_what_is_no_announcement_is_left_out(
    nats: NatsServer, wrong: dict[str, object]
) -> None:
    async with joined(nats) as writing:
        await write(writing, "servers.a", WRITTEN)
        await write(writing, "servers.b", {**WRITTEN, **wrong})
        async with joined(nats) as reading:
            assert list(reading.servers.present) == ["a"]


async def test_while_nothing_is_watched_nobody_is_known(nats: NatsServer) -> None:
    async with joined(nats) as cluster:
        pass
    await asyncio.sleep(0)
    assert cluster.servers.present == {}

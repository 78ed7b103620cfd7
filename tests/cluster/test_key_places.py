"""The places of limited keys: never more than there are, whoever asks and whatever dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

import pytest

from scribewire.cluster.key_places import BUCKET, KeyPlaces
from scribewire.cluster.leases import BELIEVED_S
from scribewire.cluster.leases import BUCKET as LEASES
from scribewire.cluster.membership import join_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scribewire.cluster.membership import Cluster
    from tests.parts.nats_server import NatsServer

KEY = "sw_abc"


class Server:
    """One that takes places. `limit` is what keys may have now, for what is done beside."""

    def __init__(self, cluster: Cluster, limit: int | None) -> None:
        self.cluster = cluster
        self.limit = limit
        self.places = KeyPlaces(cluster, lambda _key_id: self.limit)

    async def take(self, most: int | None, *, is_moved: bool = False) -> bool:
        return await self.places.take(KEY, most, is_moved=is_moved)

    def give_back(self) -> None:
        self.places.give_back(KEY)

    async def written(self) -> list[int]:
        """Return what is written of the key, by no order of servers."""
        bucket = await self.cluster.connection.jetstream.key_value(BUCKET)
        with contextlib.suppress(Exception):
            entry = await bucket.get(KEY)
            text = (entry.value or b"{}").decode().strip("{}")
            return sorted(int(one.partition(": ")[2]) for one in text.split(", ") if one)
        return []


@contextlib.asynccontextmanager
async def servers(
    nats: NatsServer, count: int = 2, *, limit: int | None = 100
) -> AsyncIterator[list[Server]]:
    async with contextlib.AsyncExitStack() as opened:
        every = []
        for _ in range(count):
            one = Server(await opened.enter_async_context(join_cluster([nats.url])), limit)
            await opened.enter_async_context(one.places.keeping())
            every.append(one)
        yield every


async def until_written(server: Server, counts: list[int]) -> None:
    async with asyncio.timeout(10):
        while await server.written() != counts:  # noqa: ASYNC110 - another process sets no Event
            await asyncio.sleep(0.02)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - another process sets no Event
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("most", [1, 2, 7])
async def test_all_servers_together_give_as_many_places_as_there_are(
    nats: NatsServer, most: int
) -> None:
    async with servers(nats, 3) as every:
        found = await asyncio.gather(*(one.take(most) for one in every * 10))

        assert sum(found) == most
        assert sum(await every[0].written()) == most


async def test_a_place_that_is_given_back_can_be_had_elsewhere(nats: NatsServer) -> None:
    async with servers(nats) as (here, there):
        assert await here.take(1)
        assert not await there.take(1)
        here.give_back()
        await until_written(there, [])
        assert await there.take(1)
        assert not await here.take(1)


async def test_places_are_given_and_taken_at_random_without_ever_being_too_many(
    nats: NatsServer,
) -> None:
    most, open_now, greatest = 3, 0, 0

    async def use(server: Server) -> None:
        nonlocal open_now, greatest
        for _ in range(10):
            if await server.take(most):
                open_now += 1
                greatest = max(greatest, open_now)
                await asyncio.sleep(0)
                open_now -= 1
                server.give_back()

    async with servers(nats, 3) as every:
        await asyncio.gather(*(use(one) for one in every * 4))
        assert greatest <= most
        await until_written(every[0], [])


async def test_a_key_without_a_limit_asks_nobody(nats: NatsServer) -> None:
    async with servers(nats, 1, limit=None) as (server,):
        before = server.cluster.connection.nats.stats["out_msgs"]
        for _ in range(50):
            assert await server.take(None)
        assert server.cluster.connection.nats.stats["out_msgs"] == before
        await nats.kill()
        assert await server.take(None)


async def test_what_a_key_has_counts_once_it_gets_a_limit(nats: NatsServer) -> None:
    async with servers(nats, limit=None) as (here, there):
        assert await here.take(None)
        here.limit = there.limit = 1
        await until_written(there, [1])
        assert not await there.take(1)


async def test_a_session_that_goes_on_elsewhere_is_let_in_and_soon_counts_once(
    nats: NatsServer,
) -> None:
    async with servers(nats) as (here, there):
        assert await here.take(1)
        assert await there.take(1, is_moved=True)
        here.give_back()
        await until_written(here, [1])
        assert not await here.take(1)


@pytest.mark.slow
async def test_what_a_dead_server_had_is_free_once_its_lease_is_over(nats: NatsServer) -> None:
    async with servers(nats, 1) as (here,):
        async with contextlib.AsyncExitStack() as life:
            dying = Server(await life.enter_async_context(join_cluster([nats.url])), 100)
            keeping = dying.places.keeping()
            await keeping.__aenter__()
            assert await dying.take(2)
            assert await here.take(2)
            assert not await here.take(2)
            life.pop_all()  # it does no more, and says nothing
            await dying.cluster.connection.nats.close()
        async with asyncio.timeout(15):
            while not await here.take(2):  # noqa: ASYNC110 - time itself is what it waits for
                await asyncio.sleep(0.1)
        assert await here.written() == [2]
        assert not await here.take(2)


@pytest.mark.slow
async def test_what_a_server_holds_counts_again_after_it_was_taken_for_dead(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with servers(nats) as (here, there):
        assert await here.take(2)
        name = f"key-places.{here.cluster.connection.server_id}"
        bucket = await there.cluster.connection.jetstream.key_value(LEASES)
        await bucket.put(name, b'{"server": "another"}')
        await until(lambda: f"no lease any more: {name}" in caplog.text)
        await bucket.delete(name)
        async with asyncio.timeout(10):
            while await there.cluster.leases.holder(name) is None:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
        await until_written(there, [1])


@pytest.mark.slow
async def test_a_server_that_stood_still_for_a_while_counts_with_the_others_again(
    nats: NatsServer,
) -> None:
    async with servers(nats, 1) as (server,):
        assert await server.take(5)
        time.sleep(BELIEVED_S + 0.2)  # noqa: ASYNC251 - this process stands still
        assert await server.take(5)
        await until_written(server, [2])


async def test_while_nats_is_away_a_server_counts_by_itself_and_then_all_is_written(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with servers(nats) as (here, there):
        assert await here.take(2)
        await nats.kill()
        await until(lambda: not (here.cluster.connection.is_up or there.cluster.connection.is_up))
        caplog.set_level(logging.INFO)
        assert [await here.take(2) for _ in range(2)] == [True, False]
        assert [await there.take(2) for _ in range(3)] == [True, True, False]
        alone = [
            one for one in caplog.records if getattr(one.msg, "event", "") == "key_places_alone"
        ]
        assert len(alone) == 2
        await nats.start()
        await until_up(here, there)
        await until_written(here, [2, 2])
        there.give_back()
        there.give_back()
        await until_written(here, [2])
        assert not await there.take(2)


async def until_up(*every: Server) -> None:
    for one in every:
        assert await one.cluster.connection.wait_up(10)


async def test_a_nats_that_has_lost_all_is_told_what_there_is(nats: NatsServer) -> None:
    async with servers(nats) as (here, there):
        assert await here.take(1)
        await here.cluster.connection.jetstream.delete_stream(f"KV_{BUCKET}")
        await nats.kill()
        await nats.start()
        await until_up(here, there)
        await until_written(there, [1])
        assert not await there.take(1)


async def test_what_stands_there_and_is_none_of_ours_counts_for_nothing(nats: NatsServer) -> None:
    async with servers(nats, 1) as (server,):
        bucket = await server.cluster.connection.jetstream.key_value(BUCKET)
        for written in (b"", b"[]", b"nonsense", b'{"x": "y", "z": -1}'):
            await bucket.put(KEY, written)
            assert await server.take(1)
            server.give_back()
            await until_written(server, [])

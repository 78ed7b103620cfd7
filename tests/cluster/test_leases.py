"""Leases: one holder at a time, whatever happens to it or to NATS."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from scribewire.cluster.connection import ClusterConnection, ClusterFault
from scribewire.cluster.leases import BELIEVED_S, TTL_S, Leases
from scribewire.cluster.membership import join_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scribewire.cluster.membership import Cluster
    from tests.parts.nats_server import NatsServer


@contextlib.asynccontextmanager
async def two(nats: NatsServer) -> AsyncIterator[tuple[Cluster, Cluster]]:
    async with join_cluster([nats.url]) as first, join_cluster([nats.url]) as second:
        assert first.connection.is_up
        assert second.connection.is_up
        yield first, second


async def until(is_so: Callable[[], bool], *, patience_s: float = 20) -> None:
    async with asyncio.timeout(patience_s):
        while not is_so():  # noqa: ASYNC110 - another process cannot set an Event
            await asyncio.sleep(0.02)


async def test_of_many_that_try_at_once_one_gets_it(nats: NatsServer) -> None:
    async with two(nats) as (first, second):
        tries = [one.leases.acquire("pull.x") for one in (first, second) * 10]
        found = await asyncio.gather(*tries)
    assert sum(one is not None for one in found) == 1


async def test_what_is_let_go_of_is_free_at_once(nats: NatsServer) -> None:
    async with two(nats) as (first, second):
        held = await first.leases.acquire("pull.x", {"n": 1})
        assert held is not None
        assert held.is_held
        assert await second.leases.acquire("pull.x") is None
        assert await second.leases.holder("pull.x") == {
            "n": 1,
            "server": first.connection.server_id,
        }
        await first.leases.release(held)
        assert held.lost.is_set()
        assert await second.leases.holder("pull.x") is None
        assert await second.leases.acquire("pull.x") is not None


@pytest.mark.slow
async def test_it_lasts_for_as_long_as_it_is_renewed(nats: NatsServer) -> None:
    async with two(nats) as (first, second):
        held = await first.leases.acquire("pull.x")
        assert held is not None
        first_revision = held.revision
        await until(lambda: held.revision > first_revision + int(TTL_S / 2))  # renewals
        assert held.is_held
        assert await second.leases.acquire("pull.x") is None


@pytest.mark.slow
async def test_one_that_cannot_be_written_takes_no_other_along(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with join_cluster([nats.url]) as cluster:
        bad, good = [await cluster.leases.acquire(one) for one in ("pull.bad", "pull.good")]
        assert bad is not None
        assert good is not None
        bad.value = {"n": {1, 2}}  # no JSON
        await until(bad.lost.is_set)
        assert good.is_held
        assert "pull.bad: a fault of ours" in caplog.text


@pytest.mark.slow
async def test_a_holder_that_cannot_renew_stops_believing_before_another_can_have_it(
    nats: NatsServer,
) -> None:
    async with two(nats) as (first, second):
        held = await first.leases.acquire("pull.x")
        assert held is not None
        nats.pause()
        try:
            async with asyncio.timeout(BELIEVED_S + 10):
                await held.lost.wait()
        finally:
            nats.go_on()
        assert not held.is_held
        await second.connection.wait_up(10)
        async with asyncio.timeout(TTL_S + 20):
            while not await is_had(second):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_holder_that_finds_what_it_had_before_believes_it_no_longer_than_it_lasts(
    nats: NatsServer,
) -> None:
    here, there = ClusterConnection([nats.url]), ClusterConnection([nats.url])
    before, now, other = Leases(here), Leases(here), Leases(there)
    async with here.open(), there.open():
        assert await here.wait_up(10)
        assert await there.wait_up(10)
        held = await before.acquire("pull.x")  # as one whose answer has not come
        assert held is not None
        await until(lambda: not held.is_held)
        found = await now.acquire("pull.x")
        assert found is not None
        async with asyncio.timeout(TTL_S + 10):
            while await other.acquire("pull.x") is None:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
        assert not found.is_held


async def is_had(cluster: Cluster) -> bool:
    with contextlib.suppress(ClusterFault):  # NATS has only just woken up
        return await cluster.leases.acquire("pull.x") is not None
    return False


async def test_it_outlives_a_nats_that_is_started_anew(nats: NatsServer) -> None:
    async with two(nats) as (first, second):
        held = await first.leases.acquire("pull.x")
        assert held is not None
        await nats.kill()
        await nats.start()
        await first.connection.wait_up(10)
        await second.connection.wait_up(10)
        await first.leases.update(held, {"n": 2})
        assert held.is_held
        assert await second.leases.acquire("pull.x") is None


async def test_of_two_after_all_that_nats_had_is_gone_one_has_it(nats: NatsServer) -> None:
    async with two(nats) as (first, second):
        held = await first.leases.acquire("pull.x")
        assert held is not None
        await nats.kill()
        await nats.start()
        await first.connection.wait_up(10)
        await second.connection.wait_up(10)
        for bucket in (first, second):
            await bucket.connection.jetstream.purge_stream("KV_scribewire-leases")  # a new disk
        taken = await second.leases.acquire("pull.x")
        assert taken is not None
        await first.leases.update(held, {})
        assert not held.is_held
        assert taken.is_held


async def test_while_nats_is_away_none_is_to_be_had(nats: NatsServer) -> None:
    async with join_cluster([nats.url]) as cluster:
        await nats.kill()
        await until(lambda: not cluster.connection.is_up)
        with pytest.raises(ClusterFault):
            await cluster.leases.acquire("pull.x")
        with pytest.raises(ClusterFault):
            await cluster.leases.holder("pull.x")


async def test_all_know_who_holds_what(nats: NatsServer) -> None:
    async with two(nats) as (first, second):
        before = await first.leases.acquire("servers.a", {"room": 1})
        assert before is not None
        async with second.leases.watch("servers") as watch:
            await until(lambda: "servers.a" in watch.current)
            after = await first.leases.acquire("servers.b", {"room": 2})
            assert after is not None
            await until(lambda: "servers.b" in watch.current)
            await first.leases.update(after, {"room": 3})
            await until(lambda: watch.current["servers.b"]["room"] == 3)
            await first.leases.release(after)
            await until(lambda: "servers.b" not in watch.current)
            assert watch.current["servers.a"]["server"] == first.connection.server_id

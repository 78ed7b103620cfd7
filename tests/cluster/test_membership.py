"""Being one of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.cluster.membership import join_cluster

if TYPE_CHECKING:
    from tests.parts.nats_server import NatsServer


async def test_who_leaves_lets_go_of_what_it_holds(nats: NatsServer) -> None:
    async with join_cluster([nats.url]) as staying:
        async with join_cluster([nats.url]) as leaving:
            assert await leaving.leases.acquire("pull.x") is not None
            assert await staying.leases.acquire("pull.x") is None
        assert await staying.leases.acquire("pull.x") is not None

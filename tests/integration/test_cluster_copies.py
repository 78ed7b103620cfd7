"""What servers share lies on three NATS servers, each of which may die."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scribewire.testing.running import RunningServer, run_server
from tests.integration.test_resume import (
    ASKING,
    PATIENCE_S,
    cut,
    finals_of,
    hear_cut,
    listened,
    numbers_of,
    path_back,
    undisturbed,
    until_kept,
)
from tests.parts.clustered import WHOLE, hear_rest, send_pieces, until, until_finals
from tests.parts.installed import need_part
from tests.parts.nats_server import run_three

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.parts.nats_server import NatsServer

pytestmark = pytest.mark.slow


@pytest.fixture
async def several(tmp_path: Path) -> AsyncIterator[list[NatsServer]]:
    need_part("nats-server")
    async with run_three(tmp_path / "several") as running:
        yield running


@pytest.fixture
async def pair(several: list[NatsServer]) -> AsyncIterator[list[RunningServer]]:
    urls = tuple(one.url for one in several)
    async with (
        run_server(cluster=urls, cluster_copies=3) as first,
        run_server(cluster=urls[1:] + urls[:1], cluster_copies=3) as second,
    ):
        for server in (first, second):
            await until_shared(server)
        yield [first, second]


async def until_shared(server: RunningServer) -> None:
    """Wait until what the server tells is on NATS."""
    cluster, shared = server.services.cluster, server.services.shared_journal
    assert cluster is not None
    assert shared is not None
    assert await cluster.connection.wait_up(PATIENCE_S)
    await until(lambda: shared.is_up)


async def leader_of_sessions(server: RunningServer) -> str:
    """Return the name of the NATS server that writes what sessions say."""
    cluster = server.services.cluster
    assert cluster is not None
    info = await cluster.connection.jetstream.stream_info("scribewire-sessions")
    assert info.config.num_replicas == 3
    assert info.cluster is not None
    return info.cluster.leader or ""


async def test_wherever_a_session_moves_nothing_old_is_read(pair: list[RunningServer]) -> None:
    expected = await undisturbed(pair[0], WHOLE)
    for shift in range(3):
        cuts = [4_000 + shift * 3_000 + 11_000 * index for index in range(14)]
        finals = await hear_cut(pair, WHOLE, cuts)

        assert finals == expected
        assert numbers_of(finals) == [1, 2, 3, 4]


async def test_the_one_that_writes_sessions_down_dies(
    pair: list[RunningServer], several: list[NatsServer]
) -> None:
    first, second = pair
    expected = await undisturbed(second, WHOLE)
    leader = await leader_of_sessions(first)
    dying = several[int(leader.removeprefix("s"))]
    async with first.dial(ASKING) as client:
        listening = await listened(client)
        await send_pieces(client, WHOLE[:40_000])
        await until_finals(client, 1)
        await dying.kill()
        await send_pieces(client, WHOLE[40_000:80_000])
        await until_finals(client, 2)
        for server in pair:
            await until_shared(server)
        await send_pieces(client, WHOLE[80_000:110_000])
        await until_finals(client, 3)
        cut(client)
    await until_kept(first)
    told = finals_of(client)
    back, rest = await hear_rest(second, path_back(listening, len(told)), WHOLE)

    assert back["session_id"] == listening["session_id"]
    assert told + rest == expected
    assert await leader_of_sessions(first) != leader

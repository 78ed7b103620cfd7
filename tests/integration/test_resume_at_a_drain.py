"""Sessions of a server of a cluster that goes down."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from scribewire.server.cluster_membership import can_go_on_elsewhere
from scribewire.testing.running import RawClient, RunningServer
from tests.integration.test_client_moves import Run, Talk, assert_whole, both, talking, url_of
from tests.integration.test_resume import (
    ASKING,
    PATIENCE_S,
    PIECE_BYTES,
    STOP,
    cut,
    finals_of,
    listened,
    path_back,
    undisturbed,
    until_kept,
)
from tests.parts.clustered import (
    WHOLE,
    hear_part,
    hear_rest,
    run_one,
    send_pieces,
    until,
    until_finals,
)
from tests.parts.cutting_proxy import run_cutting_proxy

if TYPE_CHECKING:
    from tests.parts.nats_server import NatsServer


async def test_at_its_end_a_server_leaves_its_sessions_to_others(
    nats: NatsServer, second: RunningServer
) -> None:
    expected = await undisturbed(second, WHOLE)
    async with run_one(nats) as first:
        listening, told = await hear_part(first, WHOLE[:70_000], 1)
    _, rest = await hear_rest(second, path_back(listening, len(told)), WHOLE)

    assert told + rest == expected


async def test_who_can_go_on_elsewhere_is_told_so_once(
    nats: NatsServer, second: RunningServer
) -> None:
    expected = await undisturbed(second, WHOLE)
    async with run_one(nats) as first:
        async with first.dial(ASKING) as client, first.dial() as plain:
            listening = await listened(client)
            await listened(plain)
            await send_pieces(client, WHOLE[:70_000])
            await until_finals(client, 1)
            await until(lambda: can_go_on_elsewhere(first.services))
            first.services.draining.begin()
            told, of_plain = await until_shutdown(client), await until_shutdown(plain)
            cut(client)
            await until_kept(first)
        path = path_back(listening, len(finals_of(client)))
        async with first.dial(path) as again:  # to where it was
            again_told = await until_shutdown(again)
            cut(again)
        _, rest = await hear_rest(second, path, WHOLE)

    assert told["resume"] is True
    assert "resume" not in of_plain
    assert "resume" not in again_told
    assert finals_of(client) + rest == expected


async def until_shutdown(client: RawClient) -> dict[str, Any]:
    while (message := await client.next()).get("state") != "shutting_down":
        pass
    return message


async def test_where_there_is_no_other_server_nobody_is_sent_elsewhere(
    first: RunningServer,
) -> None:
    async with first.dial(ASKING) as client:
        await listened(client)
        cluster = first.services.cluster
        assert cluster is not None
        await until(lambda: bool(cluster.servers.present))  # it knows itself
        first.services.draining.begin()
        told = await until_shutdown(client)
        await client.send(STOP)

    assert "resume" not in told


async def test_where_nats_is_away_nobody_is_sent_elsewhere(
    nats: NatsServer, first: RunningServer, second: RunningServer
) -> None:
    async with first.dial(ASKING) as client:
        await listened(client)
        await until(lambda: can_go_on_elsewhere(first.services))
        await until(lambda: can_go_on_elsewhere(second.services))
        await nats.kill()
        shared = first.services.shared_journal
        assert shared is not None
        while shared.is_up:
            await client.send(WHOLE[:PIECE_BYTES])
            await asyncio.sleep(0.02)
        first.services.draining.begin()
        told = await until_shutdown(client)
        with contextlib.suppress(Exception):
            await client.send(STOP)

    assert "resume" not in told


@both
@pytest.mark.slow
async def test_our_clients_go_on_with_the_same_session_at_another_server(
    nats: NatsServer, second: RunningServer, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with run_one(nats) as first, run_cutting_proxy(first.address.port) as proxy:
        talk = Talk(url_of(proxy))
        await until(lambda: can_go_on_elsewhere(first.services))
        async with talking(talk, run):
            proxy.upstream_port = second.address.port
            first.services.draining.begin()
            async with asyncio.timeout(PATIENCE_S):
                await first.services.draining.has_ended.wait()  # long before its time
        assert proxy.connections == 2

    assert_whole(talk)
    assert talk.shutdowns == 1
    assert len(talk.attempts) == 1
    assert "= its client has come back" in caplog.text
    assert "= goes on at another server" in caplog.text

"""A server of a cluster whose way to NATS is cut while the others have theirs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from scribewire.testing.running import RunningServer, run_server
from tests.integration.test_resume import (
    ASKING,
    PATIENCE_S,
    START,
    cut,
    finals_of,
    listened,
    numbers_of,
    path_back,
    undisturbed,
    until_kept,
)
from tests.parts.clustered import WHOLE, hear_rest, held, send_pieces, until, until_finals
from tests.parts.cutting_proxy import run_cutting_proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.parts.cutting_proxy import CuttingProxy
    from tests.parts.nats_server import NatsServer

pytestmark = pytest.mark.slow


class Partitioned:
    """A server that reaches NATS through a proxy, for as long as that lets anything through."""

    def __init__(self, server: RunningServer, way: CuttingProxy) -> None:
        self.server = server
        self._way = way

    @contextlib.asynccontextmanager
    async def cut_off(self) -> AsyncIterator[None]:
        """Let nothing through, and close nothing, as where packets are dropped."""
        async with self._way.refusing():
            self._way.cut_all(is_silent=True)
            yield
            self._way.cut_all()

    async def until_joined(self) -> None:
        """Wait until what it tells is on NATS again."""
        cluster, shared = self.server.services.cluster, self.server.services.shared_journal
        assert cluster is not None
        assert shared is not None
        assert await cluster.connection.wait_up(PATIENCE_S)
        await until(lambda: shared.is_up)


@pytest.fixture
async def partitioned(nats: NatsServer) -> AsyncIterator[Partitioned]:
    token = urlsplit(nats.url).username
    async with run_cutting_proxy(nats.port) as way:
        url = f"nats://{token}@127.0.0.1:{way.port}"
        async with run_server(cluster=(url,)) as server:
            yield Partitioned(server, way)


async def test_who_is_cut_off_from_nats_goes_on_for_its_clients(
    partitioned: Partitioned, second: RunningServer
) -> None:
    expected = await undisturbed(second, WHOLE)
    async with partitioned.server.dial(ASKING) as client:
        listening = await listened(client)
        await send_pieces(client, WHOLE[:40_000])
        await until_finals(client, 1)
        async with partitioned.cut_off():
            await send_pieces(client, WHOLE[40_000:80_000])
            await until_finals(client, 2)
        await partitioned.until_joined()
        await send_pieces(client, WHOLE[80_000:110_000])
        await until_finals(client, 3)
        cut(client)
    told = finals_of(client)
    _, rest = await hear_rest(second, path_back(listening, len(told)), WHOLE)

    assert told + rest == expected


async def test_who_is_cut_off_ends_what_another_server_has_taken_once_it_can_know(
    partitioned: Partitioned, second: RunningServer
) -> None:
    expected = await undisturbed(second, WHOLE)
    first = partitioned.server
    async with first.dial(ASKING) as client:
        listening = await listened(client)
        await send_pieces(client, WHOLE[:40_000])
        await until_finals(client, 1)
        async with partitioned.cut_off():
            told = finals_of(client)
            _, rest = await hear_rest(second, path_back(listening, len(told)), WHOLE)
            await send_pieces(client, WHOLE[40_000:80_000])
            await until_finals(client, 3)  # on the connection that its client has left
        await partitioned.until_joined()
        await send_pieces(client, WHOLE[80_000:])
        assert await client.until_closed() in (4409, 1006)  # a reset may overtake the close
        await until(lambda: held(first) == (0, 0, 0))

    assert told + rest == expected
    assert numbers_of(told + rest) == [1, 2, 3, 4]
    assert finals_of(client) == expected[:3]


async def test_what_was_told_by_who_is_cut_off_is_missed_in_words(
    partitioned: Partitioned, second: RunningServer
) -> None:
    async with partitioned.server.dial(ASKING) as client:
        listening = await listened(client)
        await send_pieces(client, WHOLE[:40_000])
        await until_finals(client, 1)
        async with partitioned.cut_off():
            await send_pieces(client, WHOLE[40_000:80_000])
            await until_finals(client, 2)  # it is on NATS for nobody
            cut(client)
            await until_kept(partitioned.server)
            async with second.dial(path_back(listening, 2)) as back:
                await back.send(START)
                assert await back.until_closed() == 4410

    assert "it has 1 finals, not 2" in back.errors[0]
    assert back.finals == []

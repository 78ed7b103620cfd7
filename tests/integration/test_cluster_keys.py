"""The sessions of a key over all servers of a cluster, by real handshakes and a real NATS."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.grants import Grant
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.integration.test_resume import cut, finals_of, listened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.testing.running import RawClient
    from tests.parts.nats_server import NatsServer

PATIENCE_S = 15.0
SPEECH = draw_pcm("..hello" + "." * 30)


@contextlib.asynccontextmanager
async def servers(nats: NatsServer, folder: Path, count: int) -> AsyncIterator[list[RunningServer]]:
    """Run several that share keys, a journal and a cluster."""
    async with contextlib.AsyncExitStack() as running:
        yield [
            await running.enter_async_context(
                run_server(
                    keys=(),
                    cluster=(nats.url,),
                    database=f"sqlite:///{folder / 'keys.sqlite3'}",
                    journal=folder / "journal",
                )
            )
            for _ in range(count)
        ]


async def key_of(every: list[RunningServer], max_sessions: int | None) -> str:
    """Make a key that all of them know."""
    grant = Grant(name="lobby", max_sessions=max_sessions)
    made = await every[0].services.keys.call(
        lambda books: books.store.create(grant, now=time.time())
    )
    for one in every:
        await one.services.keys.synchronise()
    return made.key


async def open_one(server: RunningServer, key: str, opened: contextlib.AsyncExitStack) -> int:
    """Open a session that stays; return what its handshake is answered with."""
    try:
        client = await opened.enter_async_context(server.dial(f"/v2/realtime?token={key}"))
    except InvalidStatus as refusal:
        return refusal.response.status_code
    await listened(client)
    return 101


async def begin_late(
    server: RunningServer, key: str, opened: contextlib.AsyncExitStack
) -> int | None:
    """Show a key in the first message; return the code of a close that follows, if one does."""
    client: RawClient = await opened.enter_async_context(server.dial("/v2/realtime"))
    await client.send(f'{{"action":"start","key":"{key}"}}')
    if "state" in await client.next():
        return None
    assert client.errors[0].startswith("too many sessions: this key may have ")
    return await client.until_closed()


@pytest.mark.parametrize("most", [1, 4])
async def test_of_handshakes_at_once_at_three_servers_as_many_are_let_in_as_may_be(
    nats: NatsServer, tmp_path: Path, most: int
) -> None:
    async with servers(nats, tmp_path, 3) as every, contextlib.AsyncExitStack() as opened:
        key = await key_of(every, most)
        found = await asyncio.gather(*(open_one(one, key, opened) for one in every * 4))

    assert sorted(found) == [101] * most + [429] * (12 - most)


@pytest.mark.parametrize("most", [1, 4])
async def test_of_keys_in_first_messages_as_many_are_listened_to_as_may_be(
    nats: NatsServer, tmp_path: Path, most: int
) -> None:
    async with servers(nats, tmp_path, 3) as every, contextlib.AsyncExitStack() as opened:
        key = await key_of(every, most)
        found = await asyncio.gather(*(begin_late(one, key, opened) for one in every * 4))

    assert found.count(None) == most
    assert found.count(1013) == 12 - most


async def test_a_session_that_ends_makes_place_on_another_server(
    nats: NatsServer, tmp_path: Path
) -> None:
    async with servers(nats, tmp_path, 2) as every, contextlib.AsyncExitStack() as opened:
        here, there = every
        key = await key_of(every, 1)
        async with contextlib.AsyncExitStack() as first:
            assert await open_one(here, key, first) == 101
            assert await open_one(there, key, opened) == 429
        async with asyncio.timeout(PATIENCE_S):
            while await open_one(there, key, opened) != 101:
                pass
        assert await open_one(here, key, opened) == 429


async def test_a_place_goes_with_its_session_to_another_server(
    nats: NatsServer, tmp_path: Path
) -> None:
    async with servers(nats, tmp_path, 2) as every, contextlib.AsyncExitStack() as opened:
        here, there = every
        key = await key_of(every, 1)
        asking = f"/v2/realtime?token={key}&resume=true"
        async with here.dial(asking) as client:
            listening = await listened(client)
            await client.send(SPEECH)
            while not finals_of(client):
                await client.next()
            cut(client)
        back = f"{asking}&session={listening['session_id']}&epoch={listening['epoch']}&finals=1"
        async with there.dial(back) as again:
            assert (await listened(again))["finals"] == 1
            for one in every:
                assert await open_one(one, key, opened) == 429
            await again.send('{"action":"stop"}')
            assert await again.until_closed() == 1000


async def test_while_nats_is_away_each_server_counts_by_itself(
    nats: NatsServer, tmp_path: Path
) -> None:
    async with servers(nats, tmp_path, 2) as every, contextlib.AsyncExitStack() as opened:
        here, there = every
        key = await key_of(every, 1)
        unlimited = await key_of(every, None)
        assert await open_one(here, key, opened) == 101
        await nats.kill()
        assert await open_one(here, key, opened) == 429
        assert await open_one(there, key, opened) == 101
        assert await open_one(there, key, opened) == 429
        assert await open_one(there, unlimited, opened) == 101
        await nats.start()
        for one in every:
            assert one.services.cluster is not None
            assert await one.services.cluster.connection.wait_up(PATIENCE_S)
        assert [await open_one(one, key, opened) for one in every] == [429, 429]

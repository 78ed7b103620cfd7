"""A session of a cluster whose NATS is away, stands still or is another one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from scribewire.testing.running import RunningServer
from tests.integration.test_resume import (
    ASKING,
    PATIENCE_S,
    START,
    STOP,
    cut,
    finals_of,
    listened,
    numbers_of,
    path_back,
    undisturbed,
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
from tests.parts.nats_server import run_nats

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.server.journal_keeper import JournalKeeper
    from tests.parts.nats_server import NatsServer


async def test_while_nats_is_away_sessions_go_on_and_come_back_later(
    nats: NatsServer, first: RunningServer, second: RunningServer
) -> None:
    expected = await undisturbed(first, WHOLE)
    async with first.dial(ASKING) as client, first.dial(ASKING) as begun:
        listening = await listened(client)
        await send_pieces(client, WHOLE[:40_000])
        await until_finals(client, 1)
        await nats.kill()
        await send_pieces(client, WHOLE[40_000:80_000])
        await until_finals(client, 2)  # told, though in no journal
        begun_at = await listened(begun)  # meanwhile
        await send_pieces(begun, WHOLE[:40_000])
        await until_finals(begun, 1)
        errors = [await refused(second, path_back(one, 1)) for one in (listening, begun_at)]
        await nats.start()
        await until_shared(first, second)
        await send_pieces(begun, WHOLE[40_000:80_000])
        await send_pieces(client, WHOLE[80_000:110_000])
        await until_finals(begun, 2)
        await until_finals(client, 3)
        cut(begun)
        cut(client)
    told, other = finals_of(client), finals_of(begun)
    _, rest = await hear_rest(second, path_back(listening, len(told)), WHOLE)
    _, rest_of_other = await hear_rest(second, path_back(begun_at, len(other)), WHOLE)

    assert all("try again later" in one for one in errors)
    assert told + rest == expected
    assert other + rest_of_other == expected


async def refused(server: RunningServer, path: str) -> str:
    """Return the words in which somebody who comes back is told to try again."""
    async with server.dial(path) as back:
        await back.send(START)
        assert await back.until_closed() == 1013
    return back.errors[0]


async def until_shared(*servers: RunningServer) -> None:
    """Wait until what servers tell is on NATS again."""
    for one in servers:
        cluster, shared = one.services.cluster, one.services.shared_journal
        assert cluster is not None
        assert shared is not None
        assert await cluster.connection.wait_up(PATIENCE_S)
        await until(partial(is_up, shared))


def is_up(journal: JournalKeeper) -> bool:
    return journal.is_up


async def test_a_nats_that_stands_still_keeps_no_final(
    nats: NatsServer, first: RunningServer
) -> None:
    expected = await undisturbed(first, WHOLE)
    async with first.dial(ASKING) as client:
        await listened(client)
        await send_pieces(client, WHOLE[:40_000])
        await until_finals(client, 1)
        nats.pause()
        try:
            await client.send(WHOLE[40_000:], STOP)
            assert await client.until_closed() == 1000
        finally:
            nats.go_on()

    assert finals_of(client) == expected


async def test_a_server_starts_and_serves_without_nats(nats: NatsServer) -> None:
    await nats.kill()
    async with run_one(nats) as server:
        finals = await undisturbed(server, WHOLE)
        error = await refused(server, path_back({"session_id": "0" * 32, "epoch": "0" * 8}, 0))
        await nats.start()
        await until_shared(server)
        async with server.dial(ASKING) as client:
            listening = await listened(client)
            cut(client)
        async with run_one(nats) as other:
            _, later = await hear_rest(other, path_back(listening, 0), WHOLE)

    assert "try again later" in error
    assert numbers_of(finals) == [1, 2, 3, 4]
    assert later == finals


async def test_files_are_found_where_nats_has_nothing(
    nats: NatsServer, tmp_path: Path, second: RunningServer
) -> None:
    folder = tmp_path / "journal"
    expected = await undisturbed(second, WHOLE)
    async with run_one(nats, journal=folder) as server:
        listening, told = await hear_part(server, WHOLE[:70_000], 1)
    path = path_back(listening, len(told))
    async with run_nats(tmp_path / "new") as new, run_one(new, journal=folder) as server:
        _, rest = await hear_rest(server, path, WHOLE)

    assert told + rest == expected

"""Readers at any server of a cluster: all finals, once, wherever a session goes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scribewire.testing.running import RunningServer, run_server
from tests.integration.test_readers import PIECES, SAID, say
from tests.integration.test_resume import ASKING, STOP, cut, listened, path_back
from tests.parts.event_reader import ReadEvent, read_events
from tests.parts.plain_http import ask

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.parts.nats_server import NatsServer

PATIENCE_S = 20.0


def one_of(
    nats: NatsServer, journal: Path | None = None
) -> AbstractAsyncContextManager[RunningServer]:
    return run_server(cluster=(nats.url,), journal=journal)


async def status_of(server: RunningServer, session_id: str, key: str = "key-1") -> int:
    target = f"/v1/sessions/{session_id}/events"
    return (await ask(server.address.port, target, {"x-api-key": key}, method="HEAD")).status


async def until_readable(server: RunningServer, session_id: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await status_of(server, session_id) != 200:
            pass


async def test_a_session_is_read_at_another_server_than_the_one_that_carries_it(
    nats: NatsServer,
) -> None:
    async with one_of(nats) as here, one_of(nats) as there, here.dial() as client:
        session_id = (await listened(client))["session_id"]
        await say(client, PIECES[0])
        await until_readable(there, session_id)
        port = there.address.port
        async with (
            read_events(port, session_id) as first,
            read_events(port, session_id, query="?after=1&partials=1") as second,
        ):
            for piece in PIECES[1:]:
                await say(client, piece)
                await first.until("final")
            await client.send(STOP)
            assert await client.until_closed() == 1000
            await first.until_end()
            await second.until_end()

    assert (first.finals, second.finals) == (SAID, SAID[1:])
    assert first.events[-1] == second.events[-1] == ReadEvent("end", {"outcome": "complete"})


async def test_another_key_and_no_session_are_answered_alike_at_every_server(
    nats: NatsServer,
) -> None:
    async with one_of(nats) as here, one_of(nats) as there, here.dial() as client:
        session_id = (await listened(client))["session_id"]
        await until_readable(there, session_id)
        answers = [
            await ask(one.address.port, f"/v1/sessions/{which}/events", {"x-api-key": key})
            for one in (here, there)
            for which, key in ((session_id, "key-2"), ("0" * 32, "key-1"), ("0" * 32, "key-2"))
        ]

    assert {one.status for one in answers} == {404}
    assert len({one.body for one in answers}) == 1


async def test_a_reader_follows_a_session_from_server_to_server(
    nats: NatsServer, tmp_path: Path
) -> None:
    async with one_of(nats, tmp_path) as there, one_of(nats, tmp_path) as third:
        async with one_of(nats, tmp_path) as first, first.dial(ASKING) as client:
            listening = await listened(client)
            session_id = listening["session_id"]
            await say(client, PIECES[0])
            await until_readable(there, session_id)
            reading = read_events(there.address.port, session_id)
            reader = await reading.__aenter__()
            await reader.until("final")
            cut(client)
        # The first one has ended.
        async with third.dial(path_back(listening, 1)) as again:
            heard = (await listened(again))["received_bytes"]
            await say(again, (PIECES[0] + PIECES[1])[heard:])
            await say(again, PIECES[2])
            await again.send(STOP)
            assert await again.until_closed() == 1000
        async with asyncio.timeout(PATIENCE_S):
            await reader.until_end()
        await reading.__aexit__(None, None, None)

    assert reader.finals == SAID
    assert reader.events[-1] == ReadEvent("end", {"outcome": "complete"})


async def test_while_nats_is_away_who_would_read_elsewhere_is_told_so_in_words(
    nats: NatsServer,
) -> None:
    async with one_of(nats) as here, one_of(nats) as there, here.dial() as client:
        session_id = (await listened(client))["session_id"]
        await until_readable(there, session_id)
        await nats.kill()
        assert there.services.cluster is not None
        async with asyncio.timeout(PATIENCE_S):
            while there.services.cluster.connection.is_up:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        target = f"/v1/sessions/{session_id}/events"
        answer = await ask(there.address.port, target, {"x-api-key": "key-1"})
        assert (answer.status, json.loads(answer.body)["error"]) == (503, "not found out")
        async with read_events(here.address.port, session_id) as reader:
            await say(client, PIECES[0])  # where it is carried nothing is missing
            await reader.until("final")
        await nats.start()
        await until_readable(there, session_id)


@pytest.mark.slow
async def test_a_reader_elsewhere_outlives_an_absence_of_nats(
    nats: NatsServer, tmp_path: Path
) -> None:
    async with (
        one_of(nats, tmp_path) as here,
        one_of(nats, tmp_path) as there,
        here.dial() as client,
    ):
        session_id = (await listened(client))["session_id"]
        await say(client, PIECES[0])
        await until_readable(there, session_id)
        async with read_events(there.address.port, session_id) as reader:
            await reader.until("final")
            await nats.kill()
            await say(client, PIECES[1])
            await nats.start()
            async with asyncio.timeout(PATIENCE_S):
                await reader.until("final")
            await say(client, PIECES[2])
            await client.send(STOP)
            async with asyncio.timeout(PATIENCE_S):
                await reader.until_end()

    assert reader.finals == SAID

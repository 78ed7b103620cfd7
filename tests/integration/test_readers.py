"""Readers of a session on one server: all finals, in order, and nothing for who may not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scribewire.grants import Grant
from scribewire.server.readable import MOST_READERS_OF_SESSION
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.integration.test_resume import ASKING, STOP, cut, listened, path_back, until_kept
from tests.parts.event_reader import EventReader, ReadEvent, read_events
from tests.parts.plain_http import ask

PIECES = [draw_pcm(one + "." * 25) for one in ("..hello", "again", "third")]
SAID = [(1, "hello"), (2, "again"), (3, "third")]
PATHS = ["/v2/realtime?token=key-1", ASKING]


def port_of(server: RunningServer) -> int:
    return server.address.port


async def say(client: RawClient, piece: bytes) -> str:
    """Have something heard, and wait for its final."""
    before = len(client.finals)
    await client.send(piece)
    while len(client.finals) == before:
        await client.next()
    return client.finals[-1]


async def until_nobody_reads(server: RunningServer) -> None:
    async with asyncio.timeout(10):
        while server.services.readable.readers:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", PATHS)
async def test_who_reads_from_the_beginning_has_all_finals_and_the_end(
    server: RunningServer, path: str
) -> None:
    async with server.dial(path) as client:
        session_id = (await listened(client))["session_id"]
        async with read_events(port_of(server), session_id) as reader:
            for piece in PIECES:
                await say(client, piece)
                await reader.until("final")
            await client.send(STOP)
            assert await client.until_closed() == 1000
            await reader.until_end()

    assert reader.fields["content-type"] == "text/event-stream"
    assert reader.finals == SAID
    assert [one.name for one in reader.events] == ["final"] * 3 + ["end"]
    assert reader.events[-1].data == {"outcome": "complete"}
    await until_nobody_reads(server)


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_told_is_what_the_client_is_told(server: RunningServer, path: str) -> None:
    async with server.dial(path) as client:
        session_id = (await listened(client))["session_id"]
        async with read_events(port_of(server), session_id, query="?partials=1") as reader:
            await client.send(draw_pcm(".." + "hello" * 10))
            while (await client.next()).get("is_final") is not False:
                pass
            await reader.until("partial")
            for piece in PIECES:
                await say(client, piece)
            await client.send(STOP)
            await client.until_closed()
            await reader.until_end()

    told = [one for one in client.messages if one.get("is_final")]
    read = [one.data for one in reader.events if one.name == "final"]
    assert [one | {"number": number} for number, one in enumerate(told, 1)] == read
    partials = [one.data for one in reader.events if one.name == "partial"]
    assert all(one in client.messages for one in partials)


@pytest.mark.parametrize("path", PATHS)
async def test_who_comes_late_or_again_has_what_is_missing(
    server: RunningServer, path: str
) -> None:
    async with server.dial(path) as client:
        session_id = (await listened(client))["session_id"]
        for piece in PIECES[:2]:
            await say(client, piece)
        async with read_events(port_of(server), session_id) as late:
            await late.until("final")
            await late.until("final")
        seen = {"Last-Event-ID": "1"}
        async with (
            read_events(port_of(server), session_id, fields=seen) as again,
            read_events(port_of(server), session_id, query="?after=2") as last,
        ):
            await say(client, PIECES[2])
            assert await again.next() == ReadEvent("final", late.events[1].data, 2)
            await again.until("final")
            await last.until("final")

    assert (late.finals, again.finals, last.finals) == (SAID[:2], SAID[1:], SAID[2:])


@pytest.mark.parametrize(
    ("key", "session"), [("key-2", None), ("key-1", "0" * 32), ("key-2", "0" * 32)]
)
async def test_another_key_and_no_session_are_answered_alike(
    server: RunningServer, key: str, session: str | None
) -> None:
    async with server.dial() as client:
        session_id = session or (await listened(client))["session_id"]
        target = f"/v1/sessions/{session_id}/events"
        answer = await ask(port_of(server), target, {"x-api-key": key})
        nobody = await ask(port_of(server), target)

    assert (answer.status, nobody.status) == (404, 401)
    assert json.loads(answer.body) == {
        "error": "not found",
        "message": "no such session of this key is carried or kept here",
    }
    assert not server.services.readable.readers


async def token_of(server: RunningServer, key: str, body: bytes) -> str:
    fields = {"x-api-key": key, "Content-Type": "application/json"}
    made = await ask(port_of(server), "/v1/tokens", fields, method="POST", body=body)
    token: str = json.loads(made.body)["token"]
    return token


async def test_a_token_reads_what_its_key_reads_and_an_admin_no_more_than_its_own(
    tmp_path: Path,
) -> None:
    async with run_server(keys=(), database=f"sqlite:///{tmp_path / 'keys'}") as server:
        admin, owner = [
            (
                await server.services.keys.call(
                    lambda books, one=one: books.store.create(one, now=time.time())  # type: ignore[misc]
                )
            ).key
            for one in (Grant(name="admin", is_admin=True), Grant(name="owner"))
        ]
        asked = {
            admin: 404,
            await token_of(server, owner, b"{}"): 200,
            await token_of(server, owner, b'{"single_use":true}'): 403,
        }
        async with server.dial(f"/v2/realtime?token={owner}") as client:
            target = f"/v1/sessions/{(await listened(client))['session_id']}/events"
            answered = [
                (await ask(port_of(server), target, {"x-api-key": key}, method="HEAD")).status
                for key in asked
            ]
    assert answered == list(asked.values())


async def test_reading_costs_no_minutes_and_no_place(tmp_path: Path) -> None:
    async with run_server(keys=(), database=f"sqlite:///{tmp_path / 'keys'}") as server:
        keys = server.services.keys
        made = await keys.call(
            lambda books: books.store.create(Grant(name="a", max_sessions=1), now=time.time())
        )
        async with server.dial(f"/v2/realtime?token={made.key}") as client:
            session_id = (await listened(client))["session_id"]
            async with (
                read_events(port_of(server), session_id, key=made.key) as one,
                read_events(port_of(server), session_id, key=made.key) as other,
            ):
                await say(client, PIECES[0])
                await client.send(STOP)
                assert await client.until_closed() == 1000
                assert len(await one.until_end()) == len(await other.until_end()) == 2
        await keys.synchronise()
        used = await keys.call(
            lambda books: books.usage.by_day(today=datetime.now(UTC).date(), days=2)
        )
    assert [(one.audio_ms, one.sessions) for one in used] == [(len(PIECES[0]) // 32, 1)]


@pytest.mark.parametrize("with_journal", [True, False])
async def test_a_reader_stays_while_its_session_is_kept_and_come_back_to(
    tmp_path: Path, with_journal: bool
) -> None:
    journal = tmp_path if with_journal else None
    async with run_server(journal=journal) as server:
        async with server.dial(ASKING) as client:
            listening = await listened(client)
            await say(client, PIECES[0])
            cut(client)
        await until_kept(server)
        async with read_events(port_of(server), listening["session_id"]) as reader:
            await reader.until("final")
            async with server.dial(path_back(listening, 1)) as again:
                await listened(again)
                await say(again, PIECES[1])
                await again.send(STOP)
                assert await again.until_closed() == 1000
            await reader.until_end()

    assert reader.finals == SAID[:2]
    assert reader.events[-1].data == {"outcome": "complete"}


async def test_what_is_over_is_read_from_the_journal(tmp_path: Path) -> None:
    async with run_server(journal=tmp_path) as server:
        async with server.dial() as client:
            session_id = (await listened(client))["session_id"]
            for piece in PIECES:
                await say(client, piece)
            await client.send(STOP)
            await client.until_closed()
        async with read_events(port_of(server), session_id, query="?after=1") as reader:
            await reader.until_end()
    async with (
        run_server(journal=tmp_path) as later,
        read_events(port_of(later), session_id) as again,
    ):
        await again.until_end()

    assert (reader.finals, again.finals) == (SAID[1:], SAID)
    assert reader.events[-1] == again.events[-1] == ReadEvent("end", {"outcome": "complete"})


async def test_a_reader_follows_to_the_process_that_goes_on(tmp_path: Path) -> None:
    """The first server dies without a word, as far as its journal and its clients can see."""
    async with run_server(journal=tmp_path) as first:
        async with first.dial(ASKING) as client:
            listening = await listened(client)
            await say(client, PIECES[0])
            cut(client)
        await until_kept(first)
        async with (
            run_server(journal=tmp_path) as second,
            read_events(port_of(second), listening["session_id"]) as reader,
        ):
            await reader.until("final")
            async with second.dial(path_back(listening, 1)) as again:
                heard = (await listened(again))["received_bytes"]
                await say(again, (PIECES[0] + PIECES[1])[heard:])
                await again.send(STOP)
                assert await again.until_closed() == 1000
            await reader.until_end()
    assert reader.finals == SAID[:2]


async def test_how_a_session_ended_that_its_client_left_is_told(server: RunningServer) -> None:
    async with server.dial() as client:
        session_id = (await listened(client))["session_id"]
        await say(client, PIECES[0])
        async with read_events(port_of(server), session_id) as reader:
            await reader.until("final")
            await client.websocket.close()
            await reader.until_end()

    assert reader.events[-1] == ReadEvent("end", {"outcome": "dropped"})


async def fall_behind(
    server: RunningServer, path: str, finals: int
) -> tuple[RawClient, EventReader]:
    """Have much said while somebody who wants partials too reads nothing, and then all."""
    piece = draw_pcm("hello" * 8 + "." * 25)
    async with server.dial(path) as client:
        session_id = (await listened(client))["session_id"]
        reading = read_events(port_of(server), session_id, query="?partials=1", holds_bytes=4096)
        async with reading as reader:
            for _ in range(finals):
                await say(client, piece)
            await client.send(STOP)
            assert await client.until_closed() == 1000
            await reader.until_end()
    return client, reader


@pytest.mark.slow
async def test_a_slow_reader_loses_partials_and_no_final_and_slows_nobody(tmp_path: Path) -> None:
    async with run_server(max_unread_bytes=4096, journal=tmp_path) as server:
        client, reader = await fall_behind(server, PATHS[0], 150)

    assert [number for number, _ in reader.finals] == list(range(1, 151))
    assert [text for _, text in reader.finals] == client.finals
    partials = [one for one in client.messages if one.get("is_final") is False]
    assert len([one for one in reader.events if one.name == "partial"]) < len(partials)
    assert reader.events[-1].name == "end"


@pytest.mark.slow
async def test_which_finals_a_slow_reader_misses_it_is_told() -> None:
    async with run_server(max_unread_bytes=4096) as server:
        client, reader = await fall_behind(server, PATHS[0], 150)

    numbers = list[int]()
    for one in reader.events:
        if one.name == "final":
            assert one.data["text"] == client.finals[one.data["number"] - 1]
            numbers.append(one.data["number"])
        elif one.name == "missed":
            numbers += range(one.data["first"], one.data["last"] + 1)
    assert numbers == list(range(1, 151))
    assert any(one.name == "missed" for one in reader.events)
    assert reader.events[-1].name == "end"


async def test_there_are_no_more_readers_than_there_may_be(server: RunningServer) -> None:
    async with server.dial() as client, contextlib.AsyncExitStack() as readers:
        session_id = (await listened(client))["session_id"]
        for _ in range(MOST_READERS_OF_SESSION):
            await readers.enter_async_context(read_events(port_of(server), session_id))
        target = f"/v1/sessions/{session_id}/events"
        answer = await ask(port_of(server), target, {"x-api-key": "key-1"})
        assert answer.status == 503
        assert json.loads(answer.body)["error"] == "too many readers"
        await readers.aclose()
        await until_nobody_reads(server)
        async with read_events(port_of(server), session_id) as reader:
            assert reader.status == 200

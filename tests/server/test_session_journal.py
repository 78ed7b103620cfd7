from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from scribewire.journal.reader import JournaledSession, read_session, read_sessions
from scribewire.journal.writer import JournalWriter
from scribewire.keys.configured import fingerprint
from scribewire.protocol.dialogue import SessionStarted
from scribewire.protocol.results import as_result
from scribewire.protocol.scriptix.codec import serialise_server
from scribewire.server.disk_store import DiskStore
from scribewire.server.journal_keeper import MAX_WAITING_ENTRIES, JournalKeeper
from scribewire.server.session_journal import SessionJournal, SessionJournals
from scribewire.server.session_opening import open_session
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from scribewire.wishes import Wishes
from tests.parts.journaled import BEGAN_MS, allow, head, said
from tests.parts.origin import run_origin
from tests.parts.wav import wav
from tests.server.test_journal_keeper import HangingWriter, keeping

START, STOP = '{"action":"start"}', '{"action":"stop"}'
SAID = draw_pcm("..hello" + "." * 20 + "again" + "." * 20 + "third" + "." * 25)
PLAIN = "/v2/realtime?token=key-1"
RESUMABLE = PLAIN + "&resume=true"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
async def journaling(folder: Path) -> AsyncIterator[RunningServer]:
    async with run_server(journal=folder) as server:
        yield server


async def hear(server: RunningServer, path: str = PLAIN) -> RawClient:
    async with server.dial(path) as client:
        await client.send(START, SAID, STOP)
        assert await client.until_closed() == 1000
    return client


def id_of(client: RawClient) -> str:
    found = [one["session_id"] for one in client.messages if "session_id" in one]
    return str(found[0])


def journaled(folder: Path, client: RawClient) -> JournaledSession:
    found = read_session(folder, id_of(client))
    assert found is not None
    return found


def told_finals(client: RawClient) -> list[str]:
    return [text for text in client.texts if '"is_final":true' in text]


async def test_who_does_not_ask_to_come_back_is_told_what_it_was_told_before(
    server: RunningServer, journaling: RunningServer
) -> None:
    plain, written = await hear(server), await hear(journaling)

    assert [one for one in written.texts if "session_id" not in one] == [
        one for one in plain.texts if "session_id" not in one
    ]


@pytest.mark.parametrize("path", [PLAIN, RESUMABLE])
async def test_each_final_is_in_it_before_it_is_told(folder: Path, path: str) -> None:
    async with run_server(journal=folder) as server, server.dial(path) as client:
        await client.send(START, SAID, STOP)
        while True:
            message = await client.next()
            if message.get("is_final"):
                found = await asyncio.to_thread(journaled, folder, client)
                texts = [one.final.text for one in found.finals]
                assert texts[: len(client.finals)] == client.finals
            if message.get("state") == "stopped":
                break

    assert client.finals == ["hello", "again", "third"]


async def test_who_is_listened_to_is_in_it(journaling: RunningServer, folder: Path) -> None:
    for _ in range(5):
        async with journaling.dial(RESUMABLE) as client:
            await client.send(START)
            listening = await client.next()
            found = journaled(folder, client)
            assert found.head is not None
            assert found.head.epoch == listening["epoch"]


async def test_finals_are_told_again_letter_by_letter(
    journaling: RunningServer, folder: Path
) -> None:
    client = await hear(journaling, RESUMABLE)
    found = journaled(folder, client)
    again = [serialise_server(as_result(one.final, one.number)) for one in found.finals]

    assert again == told_finals(client)


async def test_what_a_session_was_begun_with_is_in_it(folder: Path) -> None:
    async with run_server(journal=folder, resume_window_ms=12_000) as server:
        client = await hear(server, RESUMABLE + "&type=quality&speakers=false")
        plain = await hear(server)
        found, other = journaled(folder, client), journaled(folder, plain)

    head = found.head
    assert head is not None
    assert other.head is not None
    assert (head.path, head.wishes.mode, head.audio_format) == ("/v2/realtime", "quality", "pcm")
    assert (head.key_id, head.source_host) == (fingerprint("key-1"), None)
    assert head.resume_window_ms == 12_000
    listening = next(one for one in client.messages if "epoch" in one)
    assert head.epoch == listening["epoch"]
    assert (other.head.epoch, other.head.resume_window_ms) == (None, 0)


async def test_neither_a_key_nor_what_is_secret_in_a_url_is_in_it(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "private.wav").write_bytes(wav(SAID))
    async with (
        run_origin(tmp_path) as origin,
        run_server(journal=folder, allow_source=("127.0.0.1",)) as server,
    ):
        url = quote(origin.url("private.wav") + "?signature=s3cret", safe="")
        async with server.dial(f"/v2/client/key-1?url={url}") as client:
            assert await client.until_closed() == 1000
    found = journaled(folder, client)
    written = b"".join(one.read_bytes() for one in folder.iterdir())  # noqa: ASYNC240 - small

    assert found.head is not None
    assert found.head.source_host == "127.0.0.1"
    assert [one.final.text for one in found.finals] == ["hello", "again", "third"]
    assert not any(word in written for word in (b"key-1", b"s3cret", b"private", b"signature"))


async def test_how_it_ended_and_how_far_it_came_is_in_it(
    journaling: RunningServer, folder: Path
) -> None:
    whole = await hear(journaling)
    async with journaling.dial(PLAIN) as left:
        await left.send(START, SAID[: len(SAID) // 2])
        while not left.finals:
            await left.next()
    async with asyncio.timeout(20):
        while journaled(folder, left).state == "open":  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)
    found, dropped = journaled(folder, whole), journaled(folder, left)

    assert (found.state, dropped.state) == ("complete", "dropped")
    assert found.position is not None
    assert found.position.received_bytes == len(SAID)
    assert found.position.audio_ms == len(SAID) // 32
    assert found.position.finals == 3
    assert [one.final.text for one in dropped.finals] == left.finals


async def test_a_session_that_is_over_when_the_server_ends_is_closed(folder: Path) -> None:
    async with run_server(journal=folder) as server, server.dial(RESUMABLE) as client:
        await client.send(START, SAID)
        while len(client.finals) < 2:
            await client.next()
        client.websocket.transport.abort()
    contents = read_sessions(folder)

    (session,) = contents.sessions
    assert session.state in ("complete", "drained")  # as the server came to hear of its client
    assert contents.problems == ()


@pytest.mark.parametrize(("path", "state"), [(RESUMABLE, "drained"), (PLAIN, "complete")])
async def test_what_its_server_has_ended_may_be_gone_on_with(
    folder: Path, path: str, state: str
) -> None:
    async with run_server(journal=folder) as server, server.dial(path) as client:
        await client.send(START, SAID)
        while len(client.finals) < 2:
            await client.next()
        server.services.draining.hurry()
        assert await client.until_closed() == 1012

    assert journaled(folder, client).state == state


async def test_one_that_is_silent_is_known_to_live_well_within_its_window(
    server: RunningServer, tmp_path: Path
) -> None:
    now = [BEGAN_MS / 1000]
    session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
    session.make_resumable("89abcdef")
    async with keeping(JournalWriter(tmp_path, days=30)) as keeper, asyncio.timeout(20):
        of = head(epoch="89abcdef", resume_window_ms=3000)
        journal = SessionJournal(keeper, session, of, now=lambda: now[0])
        written = list[int]()
        for _ in range(3):
            while (found := read_session(tmp_path, "5e55")) is None or (  # noqa: ASYNC110 - likewise
                found.written_at_ms < int(now[0] * 1000)
            ):
                await asyncio.sleep(0.01)
            written.append(found.written_at_ms - BEGAN_MS)
            now[0] += 1
        journal.close()
        await session.aclose()

    assert written == [0, 1000, 2000]


async def test_where_it_is_counts_a_final_that_is_being_written(
    server: RunningServer, tmp_path: Path
) -> None:
    writer = HangingWriter(tmp_path)
    session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
    session.make_resumable("89abcdef")
    async with keeping(writer, positions_every_s=60.0) as keeper, asyncio.timeout(20):
        of = head(epoch="89abcdef")
        journal = SessionJournals(session, (SessionJournal(keeper, session, of),))
        await session.receive_audio(draw_pcm("hello" + "." * 40))
        while session.settled is None or not session.settled.samples:
            session.results.collect()  # the final is taken once it is written
            await asyncio.sleep(0.01)
        assert session.results.last_final == 0
        journal.close()
        writer.goes_on.set()
        found = await keeper.take_over("5e55", allow)
        await session.aclose()

    assert found is not None
    assert found.position is not None
    assert [one.number for one in found.finals] == [1]
    assert found.position.finals == 1


async def test_a_final_waits_for_one_journal_though_another_is_off_by_then(
    server: RunningServer, tmp_path: Path
) -> None:
    full = JournalKeeper(DiskStore(JournalWriter(tmp_path, days=30)))  # nobody writes what waits
    writer = HangingWriter(tmp_path)
    session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
    session.make_resumable("89abcdef")
    results, of = session.results, head(epoch="89abcdef")
    async with keeping(writer, positions_every_s=60.0) as keeper, asyncio.timeout(20):
        both = (SessionJournal(full, session, of), SessionJournal(keeper, session, of))
        journal = SessionJournals(session, both)
        for _ in range(MAX_WAITING_ENTRIES - 1):
            full.write(said(of, 1)[0])
        await session.receive_audio(draw_pcm("hello" + "." * 40))
        while full.is_up:
            results.collect()
            await asyncio.sleep(0.01)
        results.collect()
        assert results.last_final == 0
        writer.goes_on.set()
        while not results.last_final:
            results.collect()
            await asyncio.sleep(0.01)
        journal.close()
        await session.aclose()
    await full.aclose()

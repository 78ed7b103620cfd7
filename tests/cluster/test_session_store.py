"""Sessions on NATS: what one server has left is found by another, and by one at a time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scribewire.audio.pcm import WIRE_PCM
from scribewire.audio.wire import WireLayout
from scribewire.cluster.connection import ClusterConnection
from scribewire.cluster.session_store import MAX_MESSAGE_BYTES, SessionStore
from scribewire.cluster.session_stream import KEPT_FINALS, STREAM, SessionStream
from scribewire.errors import ClientFault
from scribewire.journal.entries import JournalEntry, JournalFault, SessionHead
from scribewire.journal.store import JournalStore
from tests.parts.journaled import BEGAN_MS, allow, ended, final, head, position, said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.journal.reader import JournaledSession
    from tests.parts.nats_server import NatsServer

OF = head(epoch="89abcdef", key_id="fingerprint", resume_window_ms=30_000)


class Server:
    """A server of the cluster, as far as its sessions go."""

    def __init__(self, connection: ClusterConnection) -> None:
        self.connection = connection
        self.store = SessionStore(connection, resume_window_s=30.0)
        self.lost: list[str] = []
        store: JournalStore = self.store
        assert store.name == "the cluster"

    async def write(self, *entries: JournalEntry) -> None:
        await self.store.write(entries, self.lost.append)


@contextlib.asynccontextmanager
async def joined(nats: NatsServer) -> AsyncIterator[Server]:
    connection = ClusterConnection([nats.url])
    server = Server(connection)
    async with connection.open():
        assert await connection.wait_up(20)
        assert await server.store.prepare() == ()
        yield server
        await server.store.close()
        server.store.abandon()


@pytest.fixture
async def first(nats: NatsServer) -> AsyncIterator[Server]:
    async with joined(nats) as server:
        yield server


@pytest.fixture
async def second(nats: NatsServer) -> AsyncIterator[Server]:
    async with joined(nats) as server:
        yield server


def going_on(number: int) -> SessionHead:
    return replace(OF, epoch=f"0000000{number}", finals_before=number, began_at_ms=BEGAN_MS - 9)


async def test_what_one_has_written_another_takes_over(first: Server, second: Server) -> None:
    layout = WireLayout(pcm=WIRE_PCM)
    at = replace(position(2), settled_ms=8000, layout=layout)
    await first.write(JournalEntry(head=OF, position=position(0)))
    await first.write(*said(OF, 1), JournalEntry(head=OF, final=final(2), position=at))
    found = await second.store.take_over(OF.session_id, allow)

    assert found is not None
    assert found.head == OF
    assert found.finals == (final(1), final(2))
    assert found.position == at
    assert (found.state, found.epochs, found.problems) == ("open", {}, ())
    assert first.lost == []


async def test_what_nothing_was_written_of_for_a_while_is_not_kept_in_mind(first: Server) -> None:
    await first.store.close()
    first.store = SessionStore(first.connection, resume_window_s=30.0, unused_s=0.0)
    stream = SessionStream(first.connection, resume_window_s=30.0)
    await first.write(*said(OF, 1))
    before = await stream.owner(OF.session_id)
    await first.write()  # as once NATS is back
    await first.write(*said(OF, 2))
    after, found = await stream.owner(OF.session_id), await first.store.find(OF.session_id)

    assert before is not None
    assert after is not None
    assert after.sequence > before.sequence  # it was found out anew
    assert after.owner == before.owner
    assert found is not None
    assert (found.finals, found.head, found.epochs) == ((final(1), final(2)), OF, {})
    assert first.lost == []


async def test_who_has_lost_it_cannot_write_any_more(first: Server, second: Server) -> None:
    await first.write(*said(OF, 1))
    assert not await first.store.has_lost(OF.session_id)
    await second.store.take_over(OF.session_id, allow)
    assert await first.store.has_lost(OF.session_id)
    await first.write(*said(OF, 2), *said(head("other", epoch="1"), 1))
    assert first.lost == [OF.session_id]
    await second.write(JournalEntry(head=going_on(1), position=position(1)))
    await second.write(*said(going_on(1), 2, 3))
    found = await first.store.take_over(OF.session_id, allow)

    assert found is not None
    assert [one.number for one in found.finals] == [1, 2, 3]
    assert found.head == going_on(1)
    assert found.epochs == {"89abcdef": 1}
    assert second.lost == []
    assert await second.store.has_lost(OF.session_id)


async def test_a_living_owner_lets_go_of_it_first(first: Server, second: Server) -> None:
    await first.write(*said(OF, 1))
    asked: list[str] = []

    async def let_go(session_id: str) -> None:
        asked.append(session_id)
        await first.write(*said(OF, 2))

    first.store.on_wanted(let_go)
    found = await second.store.take_over(OF.session_id, allow)

    assert asked == [OF.session_id]
    assert found is not None
    assert found.finals == (final(1), final(2))
    assert first.lost == []


async def test_one_that_does_not_let_go_in_time_is_not_waited_for(
    first: Server, second: Server
) -> None:
    await first.write(*said(OF, 1))
    hanging = asyncio.Event()

    async def let_go(_: str) -> None:
        await hanging.wait()

    first.store.on_wanted(let_go)
    async with asyncio.timeout(10):
        found = await second.store.take_over(OF.session_id, allow)
    assert found is not None
    await first.write(*said(OF, 2))
    assert first.lost == [OF.session_id]


async def test_of_two_that_take_it_at_once_one_is_told_to_try_again(
    first: Server, second: Server, nats: NatsServer
) -> None:
    await first.write(*said(OF, 1))
    async with joined(nats) as third:
        taking = [one.store.take_over(OF.session_id, allow) for one in (second, third)]
        found = await asyncio.gather(*taking, return_exceptions=True)

    assert sum(isinstance(one, JournalFault) for one in found) <= 1
    assert sum(one is not None and not isinstance(one, BaseException) for one in found) >= 1


async def test_what_nobody_may_go_on_with_is_not_taken(first: Server, second: Server) -> None:
    await first.write(*said(OF, 1))
    checked: list[JournaledSession] = []

    def refuse(found: JournaledSession) -> None:
        checked.append(found)
        raise ClientFault("not yours")

    with pytest.raises(ClientFault, match="not yours"):
        await second.store.take_over(OF.session_id, refuse)
    assert [one.head for one in checked] == [OF]
    assert await second.store.take_over("unknown", allow) is None
    for odd in ("a.b", "*", ">", "", "a" * 65, "a b"):
        assert await second.store.take_over(odd, allow) is None
    assert not await first.store.has_lost(OF.session_id)


async def test_what_nobody_can_come_back_to_is_not_in_it(first: Server, second: Server) -> None:
    await first.write(*said(head(), 1), ended(head()))

    assert await second.store.take_over("5e55", allow) is None


async def test_how_it_ended_is_of_who_had_it_last(first: Server, second: Server) -> None:
    await first.write(*said(OF, 1), ended(OF, "drained"))
    found = await second.store.take_over(OF.session_id, allow)
    await second.write(JournalEntry(head=going_on(1), position=position(1)))
    later = await first.store.take_over(OF.session_id, allow)

    assert found is not None
    assert later is not None
    assert (found.state, later.state) == ("drained", "open")


async def test_the_latest_finals_are_kept(first: Server, second: Server) -> None:
    count = KEPT_FINALS + 8
    for start in range(1, count, 100):
        await first.write(*said(OF, *range(start, min(start + 100, count))))
    found = await second.store.take_over(OF.session_id, allow)

    assert found is not None
    assert [one.number for one in found.finals] == list(range(count - KEPT_FINALS, count))


async def test_what_is_too_large_is_left_out(
    first: Server, second: Server, caplog: pytest.LogCaptureFixture
) -> None:
    large = JournalEntry(head=OF, final=final(2, "x" * MAX_MESSAGE_BYTES), position=position(2))
    await first.write(*said(OF, 1), large, JournalEntry(head=OF, position=position(2)))
    found = await second.store.take_over(OF.session_id, allow)

    assert found is not None
    assert found.missing_finals == 1
    assert "it is left out" in caplog.text


async def test_a_message_that_was_damaged_is_left_out(first: Server, second: Server) -> None:
    await first.write(*said(OF, 1, 2))
    subject = f"scribewire.session.{OF.session_id}.final.1"
    await second.connection.jetstream.publish(subject, b"SWs\x01 damaged by somebody")
    found = await second.store.take_over(OF.session_id, allow)

    assert found is not None
    assert found.finals == (final(2),)
    assert found.problems == ("final.1: not as it was written",)


async def test_an_owner_that_cannot_be_read_is_a_fault(first: Server, second: Server) -> None:
    await first.write(*said(OF, 1))
    subject = f"scribewire.session.{OF.session_id}.owner"
    await second.connection.jetstream.publish(subject, b"nobody")
    with pytest.raises(JournalFault, match="no owner"):
        await second.store.take_over(OF.session_id, allow)


async def test_when_nats_has_been_away_what_follows_is_written(
    first: Server, second: Server, nats: NatsServer
) -> None:
    await first.write(*said(OF, 1))
    await nats.kill()
    async with asyncio.timeout(20):
        while first.connection.is_up or second.connection.is_up:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
    with pytest.raises(JournalFault, match="cannot be reached"):
        await first.write(*said(OF, 2))
    with pytest.raises(JournalFault, match="cannot be reached"):
        await second.store.take_over(OF.session_id, allow)
    await nats.start()
    for one in (first, second):
        assert await one.connection.wait_up(20)
    begun_meanwhile = head("other", epoch="1", key_id=OF.key_id)
    await first.write(*said(OF, 3), *said(begun_meanwhile, 1))
    found = await second.store.take_over(OF.session_id, allow)
    other = await second.store.take_over("other", allow)

    assert found is not None
    assert [one.number for one in found.finals] == [1, 3]
    assert other is not None
    assert other.head == begun_meanwhile


async def test_where_nats_has_begun_anew_sessions_are_written_anew(
    first: Server, second: Server
) -> None:
    await first.write(*said(OF, 1))
    await second.connection.jetstream.delete_stream(STREAM)
    await second.store.prepare()
    await first.write(*said(OF, 2))
    found = await second.store.take_over(OF.session_id, allow)

    assert first.lost == []
    assert found is not None
    assert found.head == OF
    assert found.finals == (final(2),)


async def test_a_stream_that_another_server_has_declared_is_taken_as_it_is(
    nats: NatsServer, first: Server
) -> None:
    connection = ClusterConnection([nats.url])
    longer = SessionStore(connection, resume_window_s=600.0)
    async with connection.open():
        assert await connection.wait_up(20)
        await longer.prepare()
        await first.store.prepare()
        kept = (await connection.jetstream.stream_info(STREAM)).config.max_age
    assert kept == 600 + 86_400


async def test_nothing_at_all_tries_it(first: Server) -> None:
    await first.write()
    await first.store.catch_up()
    await first.store.sync()
    await first.connection.jetstream.delete_stream(STREAM)
    with pytest.raises(JournalFault):
        await first.write()

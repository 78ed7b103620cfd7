"""What is told of a session, at another server than the one that carries it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from scribewire.cluster.membership import join_cluster
from scribewire.cluster.session_events import SessionEvents
from scribewire.events import Final, Partial
from scribewire.runtime.told import (
    FinalsMissed,
    FinalTold,
    PartialTold,
    TellingEnded,
    TellingLeft,
    ToldEvents,
)
from scribewire.types import Word

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.cluster.membership import Cluster
    from scribewire.runtime.told import ToldEvent, ToldReader
    from tests.parts.nats_server import NatsServer

SESSION = "5e55"
WORD = Word(text="é", start_ms=1, end_ms=2, confidence=0.5)


def final(text: str) -> Final:
    return Final(
        utterance=0, text=text, start_sample=0, end_sample=1, decided_sample=1, words=(WORD,)
    )


def partial(text: str) -> Partial:
    return Partial(utterance=0, text=text, start_sample=0, end_sample=1, stability=0.5)


@contextlib.asynccontextmanager
async def two(nats: NatsServer) -> AsyncIterator[tuple[Cluster, Cluster]]:
    async with join_cluster([nats.url]) as first, join_cluster([nats.url]) as second:
        yield first, second


async def until_offered(cluster: Cluster) -> None:
    async with asyncio.timeout(10):
        while await cluster.events.owner_of(SESSION) is None:
            pass


async def next_of(reader: ToldReader) -> ToldEvent:
    async with asyncio.timeout(15):
        while (event := reader.next_event()) is None:
            await reader.has_news.wait()
    return event


async def read(reader: ToldReader, count: int) -> list[ToldEvent]:
    return [await next_of(reader) for _ in range(count)]


@pytest.mark.parametrize("name", ["", "*", ">", "a b", "a\r\nPING", "a.b", "é", "x" * 5_000])
async def test_what_cannot_be_a_session_is_asked_of_nobody(nats: NatsServer, name: str) -> None:
    async with join_cluster([nats.url]) as cluster:
        stats = cluster.connection.nats.stats
        before = dict(stats)
        assert await cluster.events.owner_of(name) is None
        async with cluster.events.reading(name, with_partials=False) as told:
            assert told is None
        await cluster.connection.nats.flush()
        assert stats["reconnects"] == before["reconnects"]  # NATS ends who says too much


async def test_what_was_told_and_what_is_told_is_read_elsewhere(nats: NatsServer) -> None:
    told = ToldEvents(8)
    told.tell(final("a"))
    async with two(nats) as (here, there):
        end = here.events.offer(SESSION, "sw_a", told)
        await until_offered(there)
        assert await there.events.owner_of(SESSION) == "sw_a"
        async with there.events.reading(SESSION, with_partials=True) as found:
            assert found is not None
            with found.read(0, with_partials=True) as reader:
                assert await next_of(reader) == FinalTold(1, final("a"))
                told.tell(partial("b"))
                assert await next_of(reader) == PartialTold(partial("b"))
                told.tell(final("b"))
                assert await next_of(reader) == FinalTold(2, final("b"))
                told.end("complete")
                assert await next_of(reader) == TellingEnded("complete")
        end()


async def test_a_session_that_nobody_carries_is_not_there(nats: NatsServer) -> None:
    async with two(nats) as (_, there):
        assert await there.events.owner_of(SESSION) is None
        async with there.events.reading(SESSION, with_partials=False) as found:
            assert found is None


async def test_nothing_is_published_where_nobody_reads(nats: NatsServer) -> None:
    told = ToldEvents(8)
    async with two(nats) as (here, there):
        events = SessionEvents(here.connection, interest_s=0.2)
        events.offer(SESSION, "sw_a", told)
        await until_offered(there)
        heard: list[bytes] = []

        async def hear(message: object) -> None:
            heard.append(message.data)  # type: ignore[attr-defined]

        await there.connection.nats.subscribe("scribewire.events.>", cb=hear)
        told.tell(final("a"))
        async with there.events.reading(SESSION, with_partials=False) as found:
            assert found is not None
            with found.read(0, with_partials=False) as reader:
                await next_of(reader)
                told.tell(final("b"))
                await next_of(reader)
                told.tell(partial("nobody wants these"))
        count = len(heard)
        assert count >= 1
        assert not any(b"nobody" in one for one in heard)
        await asyncio.sleep(0.5)  # for so long a question counts, and more
        told.tell(final("c"))
        told.tell(final("d"))
        await there.connection.nats.flush()
        await here.connection.nats.flush()
        assert len(heard) == count


async def test_all_who_read_at_one_server_share_what_is_sent(nats: NatsServer) -> None:
    told = ToldEvents(8)
    async with two(nats) as (here, there):
        here.events.offer(SESSION, "sw_a", told)
        await until_offered(there)
        async with (
            there.events.reading(SESSION, with_partials=False) as one,
            there.events.reading(SESSION, with_partials=True) as other,
        ):
            assert one is other is not None
        assert one is not None
        assert one.is_left


async def test_more_than_fits_into_a_message_comes_in_several(nats: NatsServer) -> None:
    told = ToldEvents(512)
    for number in range(300):
        told.tell(final(f"{number} " + "x" * 4_000))
    async with two(nats) as (here, there):
        here.events.offer(SESSION, "sw_a", told)
        await until_offered(there)
        async with there.events.reading(SESSION, with_partials=False) as found:
            assert found is not None
            with found.read(0, with_partials=False) as reader:
                events = await read(reader, 300)
    assert [one.number for one in events if isinstance(one, FinalTold)] == [*range(1, 301)]


async def test_finals_that_are_not_kept_there_are_missed_here(nats: NatsServer) -> None:
    told = ToldEvents(2)
    for text in "abcde":
        told.tell(final(text))
    async with two(nats) as (here, there):
        here.events.offer(SESSION, "sw_a", told)
        await until_offered(there)
        async with there.events.reading(SESSION, with_partials=False) as found:
            assert found is not None
            with found.read(0, with_partials=False) as reader:
                assert await next_of(reader) == FinalsMissed(1, 3)
                assert await read(reader, 2) == [FinalTold(4, final("d")), FinalTold(5, final("e"))]


@contextlib.asynccontextmanager
async def read_elsewhere(
    nats: NatsServer, told: ToldEvents
) -> AsyncIterator[tuple[Cluster, Cluster, ToldReader]]:
    """Offer a session at one server, and read it at another."""
    async with two(nats) as (here, there):
        end = here.events.offer(SESSION, "sw_a", told)
        await until_offered(there)
        async with there.events.reading(SESSION, with_partials=True) as found:
            assert found is not None
            with found.read(0, with_partials=True) as reader:
                yield here, there, reader
        end()


async def test_a_message_that_is_lost_costs_a_moment_and_no_final(nats: NatsServer) -> None:
    told = ToldEvents(8)
    async with read_elsewhere(nats, told) as (here, there, reader):
        told.tell(final("a"))
        await next_of(reader)
        await nats.kill()
        told.tell(final("b"))  # to nobody
        await nats.start()
        for one in (here, there):
            assert await one.connection.wait_up(10)
        # It may have been taken for lost meanwhile: then it is found again.
        assert await next_of(reader) in (FinalTold(2, final("b")), TellingLeft())


@pytest.mark.parametrize("how", ["told", "dead"])
async def test_who_reads_what_nobody_carries_any_more_looks_elsewhere(
    nats: NatsServer, how: str
) -> None:
    told = ToldEvents(8)
    async with read_elsewhere(nats, told) as (here, _, reader):
        if how == "told":
            told.leave()
        else:
            await here.connection.nats.close()
        assert await next_of(reader) == TellingLeft()


async def test_what_no_server_of_ours_has_said_changes_nothing(nats: NatsServer) -> None:
    told = ToldEvents(8)
    subject = f"scribewire.events.{SESSION}"
    async with read_elsewhere(nats, told) as (here, _, reader):
        told.tell(final("a"))
        await next_of(reader)
        for nonsense in (b"", b"[]", b"{}", b'{"partial":{"x":1}}', b"\xff"):
            await here.connection.nats.publish(subject, nonsense)
        await here.connection.nats.publish(subject, b'{"finals":[[2,"nonsense"]],"last":2}')
        assert await next_of(reader) == FinalsMissed(2, 2)

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from nats.errors import NoRespondersError

from scribewire.cluster.membership import Cluster, join_cluster
from scribewire.cluster.pulls.feed import (
    FeedBody,
    FeedMessage,
    FeedOver,
    FeedReleased,
    FeedState,
    decode,
)
from scribewire.cluster.pulls.reader import publish, told_subject, want_subject
from scribewire.cluster.pulls.server import FeedServer
from scribewire.cluster.pulls.steps import ServeFeed
from scribewire.cluster.tasks import AGAIN_S, end_task
from scribewire.sources.events import SourceAudio, SourceGap, SourceLost
from scribewire.sources.faults import invalid_stream
from scribewire.sources.shared.pulls import Hearing, SharedPull
from scribewire.types import SAMPLE_RATE
from tests.parts.stations import RADIO, Station, second

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from nats.aio.msg import Msg

    from scribewire.cluster.leases import Lease
    from scribewire.sources.events import SourceEvent
    from tests.parts.nats_server import NatsServer

NAME = "0123abcd"
OFFSET_S = 100
GONE = invalid_stream("HTTP 410")


@dataclass
class World:
    """One source that is told, and what one other server hears of it."""

    cluster: Cluster
    lease: Lease
    shared: SharedPull
    station: Station
    server: FeedServer
    hearing: Hearing
    came: asyncio.Queue[FeedMessage] = field(default_factory=asyncio.Queue)

    async def note(self, message: Msg) -> None:
        found = decode(message.data)
        assert found is not None
        self.came.put_nowait(found)

    async def want(self, who: bytes = b"other") -> None:
        """Say that another server listens, once that is heard."""
        while not self.server.listening:
            await publish(self.cluster.connection, want_subject(NAME), who)
            await asyncio.sleep(0.01)

    async def until(self, body: FeedBody) -> list[tuple[float, FeedBody]]:
        """Return what was told until then, but signs of life: where on the timeline, and what."""
        told: list[tuple[float, FeedBody]] = []
        while True:
            message = await self.came.get()
            assert (message.term, message.epoch) == (7, "epoch")
            if not told or told[-1][1] != message.body or not isinstance(message.body, FeedState):
                told.append((message.at_samples / SAMPLE_RATE, message.body))
            if message.body == body:
                return told


@contextlib.asynccontextmanager
async def telling(nats: NatsServer, *opening: SourceEvent) -> AsyncIterator[World]:
    station = Station()
    station.give(*opening)
    shared = SharedPull(lambda _: station.pull(), on_end=lambda _: None)
    async with asyncio.timeout(20), join_cluster([nats.url]) as cluster:
        lease = await cluster.leases.acquire(f"pull.{NAME}")
        assert lease is not None
        server = FeedServer(
            cluster.connection,
            NAME,
            lease,
            serve=ServeFeed(7, "epoch", OFFSET_S * SAMPLE_RATE),
            shared=shared,
            hosts=lambda: ("radio.example",),
        )
        hearing = shared.join()
        world = World(cluster, lease, shared, station, server, hearing)
        await cluster.connection.nats.subscribe(told_subject(NAME), cb=world.note)
        running = asyncio.create_task(server.run())
        events = asyncio.create_task(_take_all(shared, hearing))
        try:
            yield world
        finally:
            await end_task(running)
            await end_task(events)
        assert station.is_closed.is_set()


async def _take_all(shared: SharedPull, hearing: Hearing) -> None:
    async with contextlib.aclosing(shared.events(hearing, patience_s=None)) as events:
        async for _ in events:
            pass


def state(*, is_open: bool = True) -> FeedState:
    return FeedState(RADIO if is_open else None, hosts=("radio.example",))


async def test_what_is_heard_is_told_with_its_place_on_the_timeline(nats: NatsServer) -> None:
    async with telling(nats) as world:
        await world.want()
        await world.until(state(is_open=False))
        lost = SourceLost("gone")
        world.station.give(RADIO, second(1), SourceGap(2.0), lost, SourceGap(1.0), RADIO, second(2))

        assert await world.until(second(2)) == [
            (100, state()),
            (100, second(1)),
            (101, SourceGap(2.0)),
            (103, lost),
            (103, SourceGap(1.0)),
            (104, state()),
            (104, second(2)),
        ]


async def test_who_comes_later_is_told_from_where_it_is_now(nats: NatsServer) -> None:
    async with telling(nats, RADIO, second(1)) as world:
        while world.shared.audience.position_samples < SAMPLE_RATE:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        await world.want()
        await world.until(state())
        world.station.give(second(2))

        assert (101, second(2)) in await world.until(second(2))


async def test_long_audio_comes_in_pieces_that_follow_each_other(nats: NatsServer) -> None:
    async with telling(nats) as world:
        await world.want()
        await world.until(state(is_open=False))
        world.station.give(RADIO, SourceAudio(bytes(range(160)) * 1000), SourceGap(0.5))
        told = await world.until(SourceGap(0.5))

        places = [at_s for at_s, body in told if isinstance(body, SourceAudio)]
        assert places == [100, 102, 104]
        assert told[-1][0] == 105


async def test_without_its_lease_it_tells_nothing(nats: NatsServer) -> None:
    async with telling(nats) as world:
        await world.want()
        await world.until(state(is_open=False))
        await world.cluster.leases.release(world.lease)
        world.station.give(RADIO, second(1))
        while world.shared.audience.position_samples < SAMPLE_RATE:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        await world.server.conclude(None)
        await world.cluster.connection.nats.flush()

        assert world.came.empty()


async def test_last_words_are_what_becomes_of_it(nats: NatsServer) -> None:
    async with telling(nats) as world:
        await world.want()
        await world.until(state(is_open=False))
        await world.server.refuse()
        await world.until(FeedState(None, is_for_all=False))
        world.station.give(RADIO, second(1), None)
        await world.until(second(1))
        await world.server.drain()
        await world.server.conclude(None)
        await world.until(FeedOver())
        await world.server.let_go()
        await world.until(FeedReleased())


async def test_a_fault_of_the_source_stops_it_without_a_word_of_its_own(nats: NatsServer) -> None:
    async with telling(nats) as world:
        await world.want()
        await world.until(state(is_open=False))
        world.station.give(RADIO, second(1), GONE)
        await world.until(second(1))
        await world.server.drain()
        await world.server.let_go()

        told = await world.until(FeedReleased())
        assert not any(isinstance(body, FeedOver) for _, body in told)


@pytest.mark.slow
async def test_who_has_not_said_for_a_while_that_it_listens_is_told_nothing(
    nats: NatsServer,
) -> None:
    async with telling(nats, RADIO) as world:
        await world.want()
        await world.until(state())
        assert world.server.listening == 1
        while world.server.listening:  # noqa: ASYNC110 - it has no event of it
            await asyncio.sleep(0.1)
        await world.cluster.connection.nats.flush()
        while not world.came.empty():
            world.came.get_nowait()
        world.station.give(second(1))
        while world.shared.audience.position_samples < SAMPLE_RATE:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        await world.cluster.connection.nats.flush()
        assert world.came.empty()


@pytest.mark.slow
async def test_nobody_listens_any_more_once_it_has_ended_though_its_source_ends_slowly(
    nats: NatsServer,
) -> None:
    async def pull() -> AsyncGenerator[SourceEvent, None]:
        try:
            yield RADIO
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(2 * AGAIN_S)

    shared = SharedPull(lambda _: pull(), on_end=lambda _: None)
    async with asyncio.timeout(20), join_cluster([nats.url]) as cluster:
        lease = await cluster.leases.acquire(f"pull.{NAME}")
        assert lease is not None
        serve, client = ServeFeed(7, "epoch", 0), cluster.connection.nats
        server = FeedServer(
            cluster.connection, NAME, lease, serve=serve, shared=shared, hosts=lambda: ()
        )
        running = asyncio.create_task(server.run())
        while not server.listening or shared.audience.opened is None:
            await publish(cluster.connection, want_subject(NAME), b"other")
            await asyncio.sleep(0.01)
        await end_task(running)
        with pytest.raises(NoRespondersError):
            await client.request(want_subject(NAME), b"other", timeout=1)

"""Several servers' pulls on a real NATS, with stations that open no connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from scribewire.cluster.membership import Cluster, join_cluster
from scribewire.cluster.pulls.pulls import ClusterPulls
from scribewire.errors import CloseCode
from scribewire.settings import Settings
from scribewire.sources.events import SourceAudio, SourceEvent, SourceGap, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.shared.pulls import AskedPull, PullRole, SharedPulls
from tests.parts.stations import FILE, RADIO, Hearer, StationSources, second, sources_giving

if TYPE_CHECKING:
    from tests.parts.nats_server import NatsServer

ASKED = AskedPull(url="http://radio.example/live?sig=1")
PATIENCE_S = 40.0


@dataclass
class Member:
    """One server's pulls, and those who hear them."""

    cluster: Cluster
    elsewhere: ClusterPulls
    pulls: SharedPulls
    sources: StationSources
    hearers: list[Hearer] = field(default_factory=list)

    async def let_in(self, asked: AskedPull = ASKED) -> Hearer:
        """Let one in, and wait until it is clear who pulls for it."""
        hearer = Hearer()
        hearer.may_take.set()
        hearer.task = asyncio.create_task(hearer.hear(self.pulls, self.sources, asked))
        self.hearers.append(hearer)
        await come_true(lambda: bool(self.roles))
        return hearer

    async def empty(self) -> None:
        for hearer in self.hearers:
            await hearer.leave()

    @property
    def roles(self) -> dict[PullRole, int]:
        return dict(self.elsewhere.counts)


@contextlib.asynccontextmanager
async def member(nats: NatsServer, *opening: SourceEvent) -> AsyncIterator[Member]:
    sources = sources_giving(*opening, open_timeout_s=10.0)
    async with join_cluster([nats.url]) as cluster, contextlib.AsyncExitStack() as stack:
        elsewhere = ClusterPulls(cluster, Settings())
        await stack.enter_async_context(elsewhere.open())
        one = Member(cluster, elsewhere, SharedPulls(elsewhere), sources)
        stack.push_async_callback(one.empty)
        yield one


@contextlib.asynccontextmanager
async def members(
    nats: NatsServer, count: int, *opening: SourceEvent
) -> AsyncIterator[list[Member]]:
    async with asyncio.timeout(PATIENCE_S), contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(member(nats, *opening)) for _ in range(count)]


async def come_true(is_so: Callable[[], bool]) -> None:
    """Wait for what has no event of it."""
    while not is_so():  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.01)


async def until(hearer: Hearer, event: SourceEvent) -> list[SourceEvent]:
    return await hearer.until(lambda heard: event in heard)


async def until_left(one: Member) -> None:
    """Wait until nothing of its pulls is left, here or in NATS."""
    await come_true(lambda: not (one.elsewhere.counts or one.elsewhere.is_ending))


async def test_one_pulls_and_all_hear_the_same(nats: NatsServer) -> None:
    async with members(nats, 3) as (owner, *readers):
        hearers = [await one.let_in() for one in (owner, *readers)]
        (station,) = owner.sources.stations
        await come_true(lambda: owner.elsewhere.listening == 2)
        station.give(RADIO, second(1), SourceGap(0.5), second(2))
        found = [await until(hearer, second(2)) for hearer in hearers]

        assert found == [[RADIO, second(1), SourceGap(0.5), second(2)]] * 3
        assert [one.roles for one in (owner, *readers)] == [{"owned": 1}, {"read": 1}, {"read": 1}]
        assert [len(one.sources.stations) for one in readers] == [0, 0]


async def test_who_comes_later_hears_it_from_then_on(nats: NatsServer) -> None:
    async with members(nats, 2, RADIO, second(1)) as (owner, reader):
        await until(await owner.let_in(), second(1))
        late = await reader.let_in()
        await until(late, RADIO)
        owner.sources.stations[0].give(second(2))

        assert await until(late, second(2)) == [RADIO, second(2)]


async def test_a_file_is_pulled_by_each(nats: NatsServer) -> None:
    async with members(nats, 2) as (one, other):
        first = await one.let_in()
        waiting = await other.let_in()
        one.sources.stations[0].give(FILE, second(1))
        await come_true(lambda: bool(other.sources.stations))
        other.sources.stations[0].give(FILE, second(1))

        assert await until(first, second(1)) == [FILE, second(1)]
        assert await until(waiting, second(1)) == [FILE, second(1)]
        assert (one.roles, other.roles) == ({"alone": 1}, {"alone": 1})


async def test_a_fault_is_told_at_all_servers(nats: NatsServer) -> None:
    fault = invalid_stream("HTTP 410").given_up()
    async with members(nats, 2, RADIO, second(1)) as (owner, reader):
        here, there = await owner.let_in(), await reader.let_in()
        await until(there, RADIO)
        owner.sources.stations[0].give(second(2), fault)
        await until(there, second(2))
        for hearer in (here, there):
            assert hearer.task is not None
            await hearer.task
            assert isinstance(hearer.fault, SourceFault)
            assert hearer.fault.message == fault.message
            assert hearer.fault.close_code is CloseCode.SERVER_FAULT
        assert reader.sources.stations == []


async def test_it_goes_on_for_others_when_nobody_hears_it_where_it_is_pulled(
    nats: NatsServer,
) -> None:
    async with members(nats, 2, RADIO) as (owner, reader):
        here, there = await owner.let_in(), await reader.let_in()
        await until(there, RADIO)
        await here.leave()
        owner.sources.stations[0].give(second(1))
        await until(there, second(1))

        assert not owner.sources.stations[0].is_closed.is_set()
        assert reader.sources.stations == []


@pytest.mark.slow
async def test_it_ends_with_the_last_who_hears_it_at_another_server(nats: NatsServer) -> None:
    async with members(nats, 2, RADIO) as (owner, reader):
        here, there = await owner.let_in(), await reader.let_in()
        await until(there, RADIO)
        await here.leave()
        await there.leave()
        await owner.sources.stations[0].is_closed.wait()
        await until_left(owner)
        again = await reader.let_in()
        await until(again, RADIO)

        assert reader.roles == {"owned": 1}


@pytest.mark.slow
async def test_a_server_that_ends_is_followed_at_once(nats: NatsServer) -> None:
    async with members(nats, 1, RADIO, second(2)) as (reader,):
        async with member(nats, RADIO) as owner:
            await owner.let_in()
            there = await reader.let_in()
            await until(there, RADIO)
            owner.sources.stations[0].give(second(1))
            await until(there, second(1))
        heard = await until(there, second(2))

        assert reader.roles == {"owned": 1}
        assert [type(e) for e in heard if not isinstance(e, SourceAudio | SourceGap)] == [
            SourceOpened,
            SourceLost,
            SourceOpened,
        ]


@pytest.mark.slow
@pytest.mark.parametrize("hangs", [False, True])
async def test_without_nats_each_goes_on_and_nobody_hears_two(
    nats: NatsServer, *, hangs: bool
) -> None:
    async with members(nats, 2, RADIO) as (owner, reader):
        here, there = await owner.let_in(), await reader.let_in()
        await until(there, RADIO)
        owner.sources.stations[0].give(second(1))
        await until(there, second(1))
        if hangs:
            nats.pause()
        else:
            await nats.kill()
        await come_true(lambda: bool(reader.sources.stations))
        reader.sources.stations[0].give(second(7))
        owner.sources.stations[0].give(second(2))
        await until(there, second(7))
        await until(here, second(2))
        await come_true(lambda: owner.roles == {"alone": 1})
        if hangs:
            nats.go_on()
        else:
            await nats.start()
        assert await owner.cluster.connection.wait_up(10)
        assert await reader.cluster.connection.wait_up(10)
        owner.sources.stations[0].give(second(3))
        await until(here, second(3))

        assert [e for e in here.heard if isinstance(e, SourceAudio)] == [*map(second, (1, 2, 3))]
        assert [e for e in there.heard if isinstance(e, SourceAudio)] == [second(1), second(7)]
        assert SourceLost not in map(type, here.heard)


async def test_where_nats_is_away_each_pulls_alone(nats: NatsServer) -> None:
    async with members(nats, 2, RADIO, second(1)) as both:
        await nats.kill()
        await come_true(lambda: not any(one.cluster.connection.is_up for one in both))
        for one in both:
            assert await until(await one.let_in(), second(1)) == [RADIO, second(1)]
            assert one.roles == {"alone": 1}


async def test_other_secrets_in_the_address_are_another_source(nats: NatsServer) -> None:
    async with members(nats, 2, RADIO) as (one, other):
        await one.let_in()
        await other.let_in(replace(ASKED, url="http://radio.example/live?sig=2"))

        assert one.roles == other.roles == {"owned": 1}


async def test_nothing_is_told_while_nobody_elsewhere_listens(nats: NatsServer) -> None:
    told: list[tuple[str, bytes]] = []

    async def note(message: object) -> None:
        told.append((message.subject, message.data))  # type: ignore[attr-defined] # NATS's Msg

    async with members(nats, 2, RADIO) as (owner, reader):
        await reader.cluster.connection.nats.subscribe("scribewire.pull.>", cb=note)
        here = await owner.let_in()
        owner.sources.stations[0].give(second(1))
        await until(here, second(1))
        await reader.cluster.connection.nats.flush()
        before = list(told)
        there = await reader.let_in()
        owner.sources.stations[0].give(second(2))
        await until(there, second(2))

        assert before == []
        assert {subject.rpartition(".")[2] for subject, _ in told} == {"want", "told"}
        assert all(b"radio.example" not in data and b"sig" not in data for _, data in told)
        assert all("radio" not in subject for subject, _ in told)

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scribewire.cluster.membership import Cluster, join_cluster
from scribewire.cluster.pulls.names import SourceNames
from scribewire.cluster.pulls.source import ClusterSource
from scribewire.cluster.pulls.turn import TurnRole
from scribewire.settings import Settings
from scribewire.sources.events import SourceEvent
from scribewire.sources.shared.pulls import AskedPull, SharedPull
from tests.parts.stations import FILE, RADIO, StationSources, second, sources_giving

if TYPE_CHECKING:
    import pytest

    from tests.parts.nats_server import NatsServer

ASKED = AskedPull(url="http://radio.example/live?sig=1")


@dataclass
class World:
    """One source, heard by itself: nobody shares it."""

    cluster: Cluster
    names: SourceNames
    sources: StationSources
    ending: list[asyncio.Task[None]] = field(default_factory=list)

    def source(self) -> ClusterSource:
        return ClusterSource(
            self.cluster,
            self.names,
            sources=self.sources,
            asked=ASKED,
            shared=SharedPull(lambda _: self.sources.pull(ASKED.url), on_end=lambda _: None),
            end_later=self.end_later,
        )

    def end_later(self, ending: Coroutine[None, None, None]) -> None:
        self.ending.append(asyncio.create_task(ending))

    async def is_free(self) -> bool:
        """Whether nobody holds the lease of the source."""
        return await self.cluster.leases.holder(f"pull.{self.names.name(ASKED)}") is None


@contextlib.asynccontextmanager
async def world(nats: NatsServer, *opening: SourceEvent | Exception | None) -> AsyncIterator[World]:
    async with asyncio.timeout(20), join_cluster([nats.url]) as cluster:
        names = SourceNames(cluster.connection, Settings())
        async with names.agreeing():
            yield World(cluster, names, sources_giving(*opening, open_timeout_s=10.0))


async def test_it_holds_its_lease_for_as_long_as_it_is_heard(nats: NatsServer) -> None:
    async with world(nats, RADIO, second(1)) as here:
        source = here.source()
        async with contextlib.aclosing(source.events()) as events:
            assert [await anext(events), await anext(events)] == [RADIO, second(1)]
            assert source.role is TurnRole.OWNING
            assert not await here.is_free()
        await asyncio.gather(*here.ending)

        assert await here.is_free()
        assert here.sources.stations[0].is_closed.is_set()


async def test_it_is_over_with_its_source(nats: NatsServer) -> None:
    async with world(nats, RADIO, second(1), None) as here:
        heard = [event async for event in here.source().events()]
        await asyncio.gather(*here.ending)

        assert heard == [RADIO, second(1)]
        assert await here.is_free()


async def test_a_file_is_pulled_alone_and_its_lease_is_free(nats: NatsServer) -> None:
    async with world(nats, FILE, second(1)) as here:
        source = here.source()
        async with contextlib.aclosing(source.events()) as events:
            assert [await anext(events), await anext(events)] == [FILE, second(1)]
            await asyncio.gather(*here.ending)
            assert source.role is TurnRole.ALONE
            assert await here.is_free()


async def test_a_mistake_of_ours_is_raised_where_it_is_heard(nats: NatsServer) -> None:
    async with world(nats, RADIO, ZeroDivisionError("ours")) as here:
        found: list[object] = []
        try:
            async for event in here.source().events():
                found.append(event)  # noqa: PERF401 - kept when it fails
        except ZeroDivisionError as mistake:
            found.append(mistake)
        await asyncio.gather(*here.ending)

        assert found[0] == RADIO
        assert isinstance(found[1], ZeroDivisionError)
        assert await here.is_free()


async def test_a_lease_that_comes_too_late_is_not_kept(nats: NatsServer) -> None:
    async with world(nats, RADIO) as here:
        events = here.source().events()
        asking = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await events.aclose()
        await asyncio.gather(*here.ending)

        assert await here.is_free()


async def test_the_log_has_no_address(nats: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        async with world(nats, RADIO, second(1), None) as here:
            assert [event async for event in here.source().events()] == [RADIO, second(1)]
            await asyncio.gather(*here.ending)

    assert "radio.example" not in caplog.text
    assert "sig=1" not in caplog.text

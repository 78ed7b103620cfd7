"""All sources that one server hears as one of several."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from scribewire.cluster.pulls.names import SourceNames
from scribewire.cluster.pulls.source import ClusterSource
from scribewire.cluster.pulls.turn import TurnRole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.cluster.membership import Cluster
    from scribewire.settings import Settings
    from scribewire.sources.events import SourceEvent
    from scribewire.sources.pulled import Sources
    from scribewire.sources.shared.pulls import AskedPull, PullRole, SharedPull

CLOSE_PATIENCE_S: Final = 1.0
"""With NATS and other servers, when this one ends."""

_ROLES: Final[Mapping[TurnRole, PullRole]] = {
    TurnRole.OWNING: "owned",
    TurnRole.READING: "read",
    TurnRole.ALONE: "alone",
}


class ClusterPulls:
    """Has each live source pulled by one server for all. For the event loop's thread."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster = cluster
        self._names = SourceNames(cluster.connection, settings)
        self._sources: set[ClusterSource] = set()
        self._ending: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Pull for others too, for as long as the context is open."""
        async with self._names.agreeing():
            try:
                yield
            finally:
                await self._close()

    async def _close(self) -> None:
        """Hand over what others hear; what takes too long they find out by themselves."""
        for source in self._sources:
            source.let_go()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_PATIENCE_S):
                while self._ending:
                    await asyncio.wait(self._ending)

    @property
    def counts(self) -> Mapping[PullRole, int]:
        """How many sources are heard here, by who pulls them, where that is known."""
        return Counter(_ROLES[one.role] for one in self._sources if one.role in _ROLES)

    @property
    def listening(self) -> int:
        """How many other servers hear something that this one pulls, counted for each source."""
        return sum(source.listening for source in self._sources)

    @property
    def is_ending(self) -> bool:
        """Whether something is still being told, or let go of, that nobody here waits for."""
        return bool(self._ending)

    async def pull(
        self, sources: Sources, asked: AskedPull, shared: SharedPull
    ) -> AsyncGenerator[SourceEvent, None]:
        """Yield what a source gives, whoever pulls it."""
        source = ClusterSource(
            self._cluster,
            self._names,
            sources=sources,
            asked=asked,
            shared=shared,
            end_later=self._end_later,
        )
        self._sources.add(source)
        try:
            async with aclosing(source.events()) as events:
                async for event in events:
                    yield event
        finally:
            self._sources.discard(source)

    def _end_later(self, ending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

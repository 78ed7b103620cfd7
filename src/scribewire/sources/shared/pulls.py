"""Each live source is pulled once, for all sessions that may hear the same of it.

Theory of operation. Who asks for an address first begins its pull; who asks while that is being
opened waits with it. A live source is then heard by all of them, and by whoever comes later, from
then on (`Audience`); a finite one by the first alone, from its beginning, and so is one of which it
is not certain what it is (`Liveness`): the others pull for themselves. Those who hear together have
asked for the same address, the same track and by the same rights. A fault is told to all of them.
With the last who hears it the pull ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, get_args

from scribewire.audio.container import TrackWish
from scribewire.grants import NO_LIMITS, Grant
from scribewire.sources.faults import SourceFault, connection_timeout
from scribewire.sources.http.urls import HttpUrl, check_url
from scribewire.sources.shared.audience import Audience, Seat
from scribewire.sources.shared.liveness import Liveness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scribewire.sources.events import SourceEvent
    from scribewire.sources.pulled import Sources

PullRole: TypeAlias = Literal["owned", "read", "alone"]
"""Pulled here, and others may hear it; heard from another server; pulled here, for us alone."""

PULL_ROLES: Final[tuple[PullRole, ...]] = get_args(PullRole)

_Key: TypeAlias = tuple[HttpUrl, TrackWish, frozenset[str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPull:
    """What one session wants to hear, and by which rights."""

    url: str
    wish: TrackWish = field(default_factory=TrackWish)
    grant: Grant = NO_LIMITS

    def key(self) -> _Key:
        """Return what all have in common who may hear the same. Raises SourceFault for no URL."""
        return check_url(self.url), self.wish, self.grant.source_hosts

    def pull(
        self, sources: Sources, may_reach: Callable[[str], bool] | None = None
    ) -> AsyncGenerator[SourceEvent, None]:
        """Pull it for those alone who asked so; `may_reach` stands for what the grant says."""
        return sources.pull(check_url(self.url), self.wish, may_reach or self.grant.may_pull_from)


class PullsElsewhere(Protocol):
    """Other servers, where there are some, that may pull the same."""

    @property
    def counts(self) -> Mapping[PullRole, int]:
        """How many sources are heard here, by who pulls them."""

    def pull(
        self, sources: Sources, asked: AskedPull, shared: SharedPull
    ) -> AsyncGenerator[SourceEvent, None]:
        """Yield what a source gives, as `Sources.pull` does, whoever pulls it.

        What `shared` passes on of it may be told to other servers.
        """


class SharedPulls:
    """All pulls of one server. Belongs to the thread of its event loop."""

    def __init__(self, elsewhere: PullsElsewhere | None = None) -> None:
        self._pulls: dict[_Key, SharedPull] = {}
        self.elsewhere = elsewhere

    async def hear(self, sources: Sources, asked: AskedPull) -> AsyncGenerator[SourceEvent, None]:
        """Yield what a source gives, as `Sources.pull` does, with others where that is the same."""
        key = asked.key()
        pull = self._pulls.get(key)
        if pull is None:
            pull = self._pulls[key] = SharedPull(
                lambda shared: self._begin(sources, asked, shared),
                on_end=lambda ended: self._forget(key, ended),
            )
        if pull.may_be_joined:
            hearing = pull.join()
            async with aclosing(pull.events(hearing, patience_s=sources.open_timeout_s)) as events:
                async for event in events:
                    yield event
            if not hearing.is_turned_away:
                return
        async with aclosing(asked.pull(sources)) as events:
            async for event in events:
                yield event

    def _begin(
        self, sources: Sources, asked: AskedPull, shared: SharedPull
    ) -> AsyncGenerator[SourceEvent, None]:
        if self.elsewhere is None:
            return asked.pull(sources)
        return self.elsewhere.pull(sources, asked, shared)

    def _forget(self, key: _Key, pull: SharedPull) -> None:
        if self._pulls.get(key) is pull:
            del self._pulls[key]


@dataclass(eq=False, slots=True)
class Hearing:
    """One of those who hear a pull."""

    seat: Seat
    has_news: asyncio.Event = field(default_factory=asyncio.Event)
    is_turned_away: bool = False
    """Whether it waited for what is not for all: it has heard nothing, and pulls for itself."""


class SharedPull:
    """One pull, from when its first hearer comes until its last one has gone."""

    def __init__(
        self,
        begin: Callable[[SharedPull], AsyncGenerator[SourceEvent, None]],
        *,
        on_end: Callable[[SharedPull], None],
    ) -> None:
        """`begin` gives what there is to hear, once somebody hears it.

        `on_end` is called once no more may come: it has ended, or will with who hears it.
        """
        self._begin, self._on_end = begin, on_end
        self.audience = Audience()
        self._liveness = Liveness()
        self._hearings: list[Hearing] = []
        self._is_wanted = asyncio.Event()
        self._is_over = False
        self._fault: Exception | None = None
        self._pulling: asyncio.Task[None] | None = None

    @property
    def may_be_joined(self) -> bool:
        """Whether one more may hear it, or wait with others until that is known."""
        return not self._liveness.is_open or self._liveness.is_certain(time.monotonic())

    def join(self) -> Hearing:
        """Return a place for one more; it hears what comes from now on, by `events`."""
        hearing = Hearing(self.audience.join())
        self._hearings.append(hearing)
        self._look_for_wants()
        if self._pulling is None:
            self._pulling = asyncio.create_task(self._pull())
        return hearing

    async def events(
        self, hearing: Hearing, *, patience_s: float | None
    ) -> AsyncGenerator[SourceEvent, None]:
        """Yield what comes until it is over, or nothing to who is turned away.

        Whoever joined owes it an `aclose`, or `leave`, or the pull goes on. Who joined while the
        source was lost waits for so long for it; None: as others do. Raises SourceFault as a pull
        does.
        """
        is_awaited = self.audience.is_lost
        try:
            try:
                async with asyncio.timeout(patience_s if is_awaited else None):
                    event = await self._next(hearing)
            except TimeoutError:
                assert patience_s is not None
                raise connection_timeout(patience_s) from None
            while event is not None:
                yield event
                event = await self._next(hearing)
        finally:
            await self.leave(hearing)

    async def _next(self, hearing: Hearing) -> SourceEvent | None:
        while (event := hearing.seat.take()) is None:
            if self._is_over or hearing.is_turned_away:
                break
            self._look_for_wants()
            hearing.has_news.clear()
            await hearing.has_news.wait()
        self._look_for_wants()
        if event is None and self._fault is not None and not hearing.is_turned_away:
            fault = self._fault
            if isinstance(fault, SourceFault):
                self._fault = fault.for_another()
            raise fault
        return event

    async def leave(self, hearing: Hearing) -> None:
        """Hear no more; with the last one the pull ends. Again does nothing."""
        if hearing not in self._hearings:
            return
        self._hearings.remove(hearing)
        self.audience.leave(hearing.seat)
        if self._hearings:
            self._look_for_wants()
            return
        self._on_end(self)
        if self._pulling is not None and not self._pulling.done():
            self._pulling.cancel()
            await asyncio.wait([self._pulling])

    def _look_for_wants(self) -> None:
        if self.audience.wants_more:
            self._is_wanted.set()
        else:
            self._is_wanted.clear()

    async def _pull(self) -> None:
        try:
            async with aclosing(self._begin(self)) as events:
                await self._pass_on(events)
        except Exception as fault:  # noqa: BLE001 - raised again where it is heard
            self._fault = fault
        self._is_over = True
        self._on_end(self)
        for hearing in self._hearings:
            hearing.has_news.set()

    async def _pass_on(self, events: AsyncGenerator[SourceEvent, None]) -> None:
        while True:
            await self._is_wanted.wait()
            asked_at = time.monotonic()
            event = await anext(events, None)
            if event is None:
                return
            now = time.monotonic()
            was_open = self._liveness.is_open
            self._liveness.note(event, now - asked_at, now)
            self.audience.put(event)
            if self._liveness.is_open and not was_open:
                self._settle(now)
            for hearing in self._hearings:
                hearing.has_news.set()
            self._look_for_wants()

    def _settle(self, now: float) -> None:
        """Leave it to the first one alone, now that it is open, unless all may hear it."""
        if self._liveness.is_certain(now):
            return
        for hearing in self._hearings[1:]:
            hearing.is_turned_away = True
            self.audience.leave(hearing.seat)
            hearing.seat = Seat()  # with nothing of what came

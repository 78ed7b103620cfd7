"""One live source at one server of several: takes the steps of its `PullTurn`, brings it the facts.

Theory of operation. No step is waited for: each begins something that brings facts later, so that
the one who decides is never held up by NATS, and by its own pull only where that is meant: the next
piece of it is taken once the last one was passed on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from scribewire.cluster.connection import ClusterFault
from scribewire.cluster.pulls.feed import MOST_HOSTS, FeedMessage
from scribewire.cluster.pulls.reader import MOST_WAITING_BYTES, FeedReader
from scribewire.cluster.pulls.server import FeedServer
from scribewire.cluster.pulls.steps import (
    AskLease,
    BeginPull,
    FeedCame,
    LeaseAnswer,
    LeaseLost,
    PullOver,
    PullTold,
    ReadFeed,
    ServeFeed,
    StopReadingFeed,
    StopServing,
    TurnFact,
    TurnStep,
)
from scribewire.cluster.pulls.turn import PullTurn, TurnRole, TurnRules
from scribewire.cluster.tasks import end_task
from scribewire.sources.events import SourceAudio
from scribewire.sources.faults import SourceFault
from scribewire.sources.steps import Over, Tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scribewire.cluster.leases import Lease
    from scribewire.cluster.membership import Cluster
    from scribewire.cluster.pulls.names import SourceNames
    from scribewire.sources.events import SourceEvent
    from scribewire.sources.pulled import Sources
    from scribewire.sources.shared.pulls import AskedPull, SharedPull

_LastWords: TypeAlias = "Callable[[FeedServer, Lease], Coroutine[None, None, None]]"

_EPOCH_BYTES = 8
_MESSAGE_BYTES = 1_000  # about what one takes here besides its audio


class ClusterSource:
    """What sessions here hear of one source, whoever pulls it."""

    def __init__(
        self,
        cluster: Cluster,
        names: SourceNames,
        *,
        sources: Sources,
        asked: AskedPull,
        shared: SharedPull,
        end_later: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        """`end_later` has something done that nobody here waits for."""
        self._cluster, self._names = cluster, names
        self._sources, self._asked, self._shared = sources, asked, shared
        self._end_later = end_later
        grant = asked.grant
        self._turn = PullTurn(
            TurnRules(retry=sources.retry, open_timeout_s=sources.open_timeout_s),
            epoch=secrets.token_hex(_EPOCH_BYTES),
            may_reach=grant.may_pull_from,
            may_reach_all=grant.source_hosts is None,
        )
        self._steps = self._turn.begin(_now())
        self._hosts: dict[str, None] = {}  # where our own pull has led, in order
        self._name = ""
        self._lease: Lease | None = None
        self._server: FeedServer | None = None
        self._facts: deque[TurnFact] = deque()
        self._waiting_bytes = 0  # of messages among them
        self._has_facts = asyncio.Event()
        self._may_pull_on = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._doing: dict[str, asyncio.Task[None]] = {}
        self._mistake: Exception | None = None

    @property
    def role(self) -> TurnRole:
        """What this server is to it now."""
        return self._turn.role

    @property
    def listening(self) -> int:
        """How many other servers hear it from this one."""
        return 0 if self._server is None else self._server.listening

    async def events(self) -> AsyncGenerator[SourceEvent, None]:
        """Yield them; raises SourceFault as a pull of one's own does."""
        over: Over | None = None
        try:
            while over is None:
                match await self._next_step():
                    case Tell(event):
                        yield event
                    case Over() as last:
                        over = last
                    case step:
                        self._do(step)
        finally:
            await self._close(over)
        if over.fault is not None:
            raise over.fault

    async def _next_step(self) -> TurnStep:
        while (step := next(self._steps, None)) is None:
            self._steps = await self._next_steps()
        return step

    async def _next_steps(self) -> Iterator[TurnStep]:
        while not self._facts:
            self._has_facts.clear()
            wake_at = self._turn.wake_at
            try:
                async with asyncio.timeout_at(wake_at):
                    await self._has_facts.wait()
            except TimeoutError:
                return self._turn.look(_now())
            if self._mistake is not None:
                raise self._mistake
        fact = self._facts.popleft()
        if isinstance(fact, FeedCame):
            self._waiting_bytes -= _bytes_of(fact.message)
        elif isinstance(fact, PullTold):
            self._may_pull_on.set()
        return self._turn.receive(fact, _now())

    def _note(self, fact: TurnFact) -> None:
        self._facts.append(fact)
        self._has_facts.set()

    def _note_message(self, message: FeedMessage) -> None:
        """Take what was told, unless too much waits; the next message says what is missing."""
        if self._waiting_bytes <= MOST_WAITING_BYTES:
            self._waiting_bytes += _bytes_of(message)
            self._note(FeedCame(message))

    # What the core asks for

    def _do(self, step: TurnStep) -> None:
        match step:
            case AskLease():
                self._asking = asyncio.create_task(self._ask())
            case ReadFeed():
                reader = FeedReader(self._cluster.connection, self._name, self._note_message)
                self._begin("reading", reader.run())
            case StopReadingFeed():
                self._stop("reading")
            case BeginPull():
                self._begin("pulling", self._pull())
            case ServeFeed():
                self._serve(step)
            case StopServing(is_for_all):
                self._stop_serving(self._let_go if is_for_all else self._refuse)
            case _:
                raise AssertionError(step)

    def _begin(self, what: str, doing: Coroutine[None, None, None]) -> None:
        self._doing[what] = asyncio.create_task(doing)

    def _stop(self, what: str) -> None:
        task = self._doing.pop(what, None)
        if task is not None:
            self._end_later(end_task(task))

    async def _ask(self) -> None:
        try:
            self._name = self._names.name(self._asked)
            lease = await self._cluster.leases.acquire(f"pull.{self._name}")
        except ClusterFault:
            self._note(LeaseAnswer("away"))
            return
        if lease is None:
            self._note(LeaseAnswer("taken"))
        else:
            self._lease = lease
            self._note(LeaseAnswer("won", lease.revision))

    def _serve(self, step: ServeFeed) -> None:
        lease = self._lease
        assert lease is not None, "it was won"
        self._server = FeedServer(
            self._cluster.connection,
            self._name,
            lease,
            serve=step,
            shared=self._shared,
            hosts=self._told_hosts,
        )
        self._begin("serving", self._server.run())
        self._begin("holding", self._watch(lease))

    async def _watch(self, lease: Lease) -> None:
        await lease.lost.wait()
        self._note(LeaseLost())

    def _told_hosts(self) -> tuple[str, ...] | None:
        return None if len(self._hosts) > MOST_HOSTS else tuple(self._hosts)

    async def _pull(self) -> None:
        fault: SourceFault | None = None
        asked_at = _now()
        try:
            async with aclosing(self._asked.pull(self._sources, self._may_reach)) as events:
                async for event in events:
                    self._may_pull_on.clear()
                    self._note(PullTold(event, _now() - asked_at))
                    await self._may_pull_on.wait()
                    asked_at = _now()
        except SourceFault as found:
            fault = found
        except Exception as mistake:  # noqa: BLE001 - raised where it is heard
            self._mistake = mistake
            self._has_facts.set()
            return
        self._note(PullOver(fault))

    def _may_reach(self, host: str) -> bool:
        is_allowed = self._asked.grant.may_pull_from(host)
        if is_allowed and len(self._hosts) <= MOST_HOSTS:
            self._hosts[host] = None
        return is_allowed

    # The end

    def let_go(self) -> None:
        """Leave the source to another server, though others hear it from this one."""
        self._stop_serving(self._let_go)

    def _stop_serving(self, last: _LastWords) -> None:
        """Let go of the lease, and of who listens, while sessions here may go on."""
        serving, server, lease = self._doing.pop("serving", None), self._server, self._lease
        self._stop("holding")
        self._server = self._lease = None
        if lease is not None:
            self._end_later(self._end_serving(lease, serving, server, last))

    async def _end_serving(
        self,
        lease: Lease,
        serving: asyncio.Task[None] | None,
        server: FeedServer | None,
        last: _LastWords,
    ) -> None:
        if serving is None or server is None:
            await self._cluster.leases.release(lease)
            return
        await last(server, lease)
        await end_task(serving)

    async def _let_go(self, server: FeedServer, lease: Lease) -> None:
        await self._cluster.leases.release(lease)  # first: whoever is told so asks for it
        await server.let_go()

    async def _refuse(self, server: FeedServer, lease: Lease) -> None:
        await server.refuse()
        await self._cluster.leases.release(lease)

    async def _conclude(
        self, server: FeedServer, lease: Lease, *, fault: SourceFault | None
    ) -> None:
        await server.drain()
        await server.conclude(fault)
        await self._cluster.leases.release(lease)

    async def _close(self, over: Over | None) -> None:
        last = self._let_go if over is None else partial(self._conclude, fault=over.fault)
        self._stop("reading")
        if self._asking is not None and not self._asking.done():
            self._end_later(self._end_asking(self._asking))
        self._stop_serving(last)
        pulling = self._doing.pop("pulling", None)
        if pulling is not None and not pulling.done():
            pulling.cancel()
            await asyncio.wait([pulling])

    async def _end_asking(self, asking: asyncio.Task[None]) -> None:
        """Keep no lease that comes too late."""
        await asyncio.wait([asking])
        if self._lease is not None:
            await self._cluster.leases.release(self._lease)


def _bytes_of(message: FeedMessage) -> int:
    body = message.body
    return _MESSAGE_BYTES + (len(body.pcm) if isinstance(body, SourceAudio) else 0)


def _now() -> float:
    return asyncio.get_running_loop().time()

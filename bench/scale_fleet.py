"""Many machines behind a balancer at the full hour, as processes of SimPy.

Each session is a process: it comes, is given to the replica that has the fewest, waits and tries
again where all are full, and leaves. The autoscaler is another. What a replica does with its
streams is not simulated again here: how long replicas held how many is noted, and `scale_machine`
knows the rest.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import simpy
from numpy.typing import NDArray

from bench.scale_inputs import Assumptions
from scribewire.capacity.arrivals import RETRY_AFTER_S
from scribewire.settings import Settings

PLACE_WAIT_S = Settings.model_fields["place_wait_ms"].default / 1000
BEFORE_S, AFTER_S = 600.0, 3000.0  # an hour of it, from ten minutes before the full one
EARLIEST_S, LATEST_S = -300.0, 600.0
DRAIN_S = Settings.model_fields["drain_timeout_ms"].default / 1000

Scaling = Literal["fixed", "follows", "knows the hour"]
"""How large a fleet is: as large as it must be all the time, as its load was, as it will be."""
Steps = Generator[simpy.Event, object, None]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When each session comes, in seconds from the full hour, and how long it stays."""

    at_s: NDArray[np.float64]
    """In rising order."""
    length_s: NDArray[np.float64]

    @property
    def peak(self) -> int:
        """The most at once, where nobody has to wait."""
        moments = np.concatenate([self.at_s + self.length_s, self.at_s])  # who leaves, first
        changes = np.repeat([-1, 1], self.at_s.size)
        return int(np.cumsum(changes[np.argsort(moments, kind="stable")]).max(initial=0))

    @property
    def most_per_s(self) -> float:
        """The most that come within a second, over the busiest ten."""
        if not self.at_s.size:
            return 0.0
        later = np.searchsorted(self.at_s, self.at_s + 10.0)
        return float((later - np.arange(self.at_s.size)).max()) / 10


def draw_arrivals(streams: int, assumed: Assumptions, *, seed: int) -> Arrivals:
    """Return the sessions about a full hour: those who come, and those still there from before."""
    random = np.random.default_rng(seed)
    left = round(streams * assumed.left_over)
    at_s = np.clip(random.normal(0.0, assumed.spread_s, streams), EARLIEST_S, LATEST_S)
    length_s = np.clip(
        random.normal(assumed.length_s, assumed.length_spread_s, streams), 60.0, None
    )
    over_s = -BEFORE_S * random.random(left)  # they have been there: the first minutes let them in
    over_length_s = -over_s + random.exponential(assumed.left_over_s, left)
    at_s, length_s = np.concatenate([over_s, at_s]), np.concatenate([over_length_s, length_s])
    order = np.argsort(at_s)
    return Arrivals(at_s[order], length_s[order])


@dataclass(eq=False, slots=True)
class Replica:
    """One server."""

    since_s: float
    """When it last held another number."""
    made_s: float
    gone_s: float | None = None
    places: set[Place] = field(default_factory=set)
    is_ready: bool = False


@dataclass(eq=False, slots=True)
class Place:
    """Where a session is."""

    replica: Replica


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What an hour was like."""

    sessions: int
    """That came."""
    at_once: int
    """Let in at the first try."""
    gave_up: int
    """Not let in for as long as they tried."""
    moved: int
    """That went to another replica because theirs was ended."""
    waits_s: NDArray[np.float64] = field(repr=False)
    """How long each waited that was let in, in rising order."""
    replicas: int
    """The most at once."""
    replica_hours: float
    stream_hours: float
    held_s: list[float] = field(repr=False)
    """For how long replicas held 0, 1, 2, ... streams, all of them added up."""

    @property
    def waited(self) -> float:
        """The share that was not let in at the first try."""
        return 1 - self.at_once / self.sessions if self.sessions else 0.0


class Fleet:
    """Replicas, their balancer and what makes them more and fewer."""

    def __init__(self, room: int, assumed: Assumptions, *, warm_up_s: float, seed: int = 0) -> None:
        self.environment = simpy.Environment(initial_time=-BEFORE_S)
        self._room, self._assumed, self._warm_up_s = room, assumed, warm_up_s
        self._random = np.random.default_rng(seed)
        self._replicas: list[Replica] = []
        self._ended: list[Replica] = []
        self._free: list[tuple[int, int, Replica]] = []  # by streams; old entries are passed over
        self._numbers = itertools.count()
        self._held_s = [0.0] * (room + 1)
        self._waits_s: list[float] = []
        self._at_once = self._gave_up = self._moved = self._most = 0

    def start(self, count: int, *, is_ready: bool = False) -> None:
        """Make so many more."""
        for _ in range(count):
            replica = Replica(since_s=self._now, made_s=self._now)
            self._replicas.append(replica)
            if is_ready:
                self._open(replica)
            else:
                self.environment.process(self._warm_up(replica))
        self._most = max(self._most, len(self._replicas))

    def run(self, arrivals: Arrivals, *, scaling: Scaling, wanted: int) -> Hour:
        """Let an hour pass; `wanted` is how many replicas those who come need."""
        self.environment.process(self._come(arrivals))
        if scaling != "fixed":
            floor = 0 if scaling == "follows" else wanted
            self.environment.process(self._scale(floor))
        self.environment.run(until=AFTER_S)
        for replica in self._replicas:
            self._note(replica)
            replica.gone_s = self._now
        lives_s = [(one.gone_s or 0.0) - one.made_s for one in (*self._ended, *self._replicas)]
        held_s = sum(streams * seconds for streams, seconds in enumerate(self._held_s))
        return Hour(
            sessions=arrivals.at_s.size,
            at_once=self._at_once,
            gave_up=self._gave_up,
            moved=self._moved,
            waits_s=np.sort(np.array(self._waits_s)),
            replicas=self._most,
            replica_hours=sum(lives_s) / 3600,
            stream_hours=held_s / 3600,
            held_s=self._held_s,
        )

    def watch(self, noted: list[tuple[float, int]], *, every_s: float) -> None:
        """Note how many streams have a place, again and again."""
        self.environment.process(self._watch(noted, every_s))

    def _watch(self, noted: list[tuple[float, int]], every_s: float) -> Steps:
        while True:
            replicas = (*self._replicas, *self._ended)
            noted.append((self._now, sum(len(one.places) for one in replicas)))
            yield self.environment.timeout(every_s)

    @property
    def _now(self) -> float:
        return float(self.environment.now)

    def _come(self, arrivals: Arrivals) -> Steps:
        for at_s, length_s in zip(arrivals.at_s.tolist(), arrivals.length_s.tolist(), strict=True):
            if at_s > self._now:
                yield self.environment.timeout(at_s - self._now)
            self.environment.process(self._session(length_s))

    def _session(self, length_s: float) -> Steps:
        came_s = self._now
        place = self._enter()
        self._at_once += place is not None
        while place is None:
            if self._now - came_s > self._assumed.patience_s:
                self._gave_up += 1
                return
            again_s = PLACE_WAIT_S + RETRY_AFTER_S * self._random.uniform(0.9, 1.1)
            yield self.environment.timeout(again_s)
            place = self._enter()
        self._waits_s.append(self._now - came_s)
        yield self.environment.timeout(length_s)
        self._hold(place.replica, lambda replica: replica.places.discard(place))

    def _enter(self, place: Place | None = None) -> Place | None:
        """Take a place at the replica that has the fewest; None where all are full."""
        while self._free:
            streams, _, replica = self._free[0]
            if not replica.is_ready or len(replica.places) != streams:
                heapq.heappop(self._free)
                continue
            if streams >= self._room:
                return None
            return self._take(replica, place or Place(replica))
        return None

    def _take(self, replica: Replica, place: Place) -> Place:
        place.replica = replica
        self._hold(replica, lambda one: one.places.add(place))
        return place

    def _hold(self, replica: Replica, change: Callable[[Replica], None]) -> None:
        self._note(replica)
        change(replica)
        if replica.is_ready:
            self._list(replica)

    def _note(self, replica: Replica) -> None:
        self._held_s[len(replica.places)] += self._now - replica.since_s
        replica.since_s = self._now

    def _list(self, replica: Replica) -> None:
        heapq.heappush(self._free, (len(replica.places), next(self._numbers), replica))

    def _open(self, replica: Replica) -> None:
        replica.is_ready = True
        self._list(replica)

    def _warm_up(self, replica: Replica) -> Steps:
        yield self.environment.timeout(self._warm_up_s)
        if replica.gone_s is None:
            self._open(replica)

    def _scale(self, floor: int) -> Steps:
        assumed = self._assumed
        looks = math.ceil(assumed.keep_s / assumed.scale_every_s)
        lately: deque[int] = deque(maxlen=looks)
        while True:
            open_ones = [one for one in self._replicas if one.is_ready]
            streams = sum(len(one.places) for one in open_ones)
            wanted = max(1, math.ceil(streams / (self._room * assumed.target)))
            if -assumed.ahead_s <= self._now < AFTER_S / 2:
                wanted = max(wanted, floor)
            lately.append(wanted)
            self.start(max(0, wanted - len(self._replicas)))
            fewer = len(self._replicas) - max(lately) if len(lately) == looks else 0
            for replica in self._idlest(open_ones, fewer):
                self.environment.process(self._end(replica))
            yield self.environment.timeout(assumed.scale_every_s)

    def _idlest(self, replicas: Iterable[Replica], count: int) -> list[Replica]:
        return sorted(replicas, key=lambda one: len(one.places))[: max(0, count)]

    def _end(self, replica: Replica) -> Steps:
        """Drain it: for a while its sessions go on, then they are taken elsewhere."""
        replica.is_ready = False
        self._replicas.remove(replica)
        self._ended.append(replica)
        yield self.environment.timeout(DRAIN_S if replica.places else 0.0)
        self._note(replica)
        for place in list(replica.places):
            self._moved += self._enter(place) is not None
        replica.places.clear()
        replica.gone_s = self._now

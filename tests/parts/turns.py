"""Who pulls a source that several servers hear, played in a time of its own: one server of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scribewire.audio.container import AudioInfo
from scribewire.cluster.pulls.feed import (
    FeedBody,
    FeedMessage,
    FeedState,
)
from scribewire.cluster.pulls.steps import (
    AskLease,
    FeedCame,
    LeaseAnswer,
    LeaseOutcome,
    PullTold,
    TurnFact,
    TurnStep,
)
from scribewire.cluster.pulls.turn import (
    PullTurn,
    TurnRules,
)
from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceGap,
    SourceOpened,
)
from scribewire.sources.faults import invalid_stream
from scribewire.sources.retry import RetryRules
from scribewire.sources.steps import Over, Tell
from scribewire.types import PCM_BYTES_PER_S, SAMPLE_RATE

INFO = AudioInfo(container="mp3", codec="mp3", rate_hz=44_100, channels=2, duration_ms=None)
RADIO = SourceOpened(INFO, is_live=True, says_live=True)
FILE = SourceOpened(INFO, is_live=False)
OURS, THEIRS = "our epoch", "their epoch"
AIR = np.random.default_rng(7).integers(-5000, 5000, 120 * SAMPLE_RATE).astype("<i2").tobytes()
DEAD = invalid_stream("HTTP 503", is_transient=True)


def air(start_s: float, end_s: float) -> SourceAudio:
    """What is on the air then: no second is like another."""
    return SourceAudio(AIR[round(start_s * PCM_BYTES_PER_S) : round(end_s * PCM_BYTES_PER_S)])


@dataclass
class World:
    """One server, and what was told to whoever hears the source there."""

    turn: PullTurn
    now: float = 1000.0
    heard: list[SourceEvent] = field(default_factory=list)
    over: Over | None = None
    steps: list[TurnStep] = field(default_factory=list)
    """That were not looked at."""

    def take(self, steps: object) -> None:
        for step in steps:  # type: ignore[attr-defined] # an iterator of one kind of step
            if isinstance(step, Tell):
                self.heard.append(step.event)
            elif isinstance(step, Over):
                self.over = step
            else:
                self.steps.append(step)

    def bring(self, *facts: TurnFact) -> None:
        for fact in facts:
            self.take(self.turn.receive(fact, self.now))

    def answer(self, outcome: LeaseOutcome, term: int = 1) -> None:
        """Answer the request for the lease."""
        assert self.asked() is not None
        self.bring(LeaseAnswer(outcome, term))

    def asked(self) -> TurnStep | None:
        """Take the request for the lease, if there is one."""
        for step in self.steps:
            if isinstance(step, AskLease):
                self.steps.remove(step)
                return step
        return None

    def tell(
        self, at_s: float, body: FeedBody, *, term: int = 1, epoch: str = THEIRS, after_s: float = 0
    ) -> None:
        """Have the owner tell something, so much later than the last."""
        self.wait(after_s)
        message = FeedMessage(term, epoch, round(at_s * SAMPLE_RATE), body)
        self.bring(FeedCame(message))

    def pulled(self, *events: SourceEvent) -> None:
        self.bring(*map(PullTold, events))

    def wait(self, seconds: float, *, outcome: LeaseOutcome | None = None) -> None:
        """Let time pass, and answer every request for the lease, if it is said how."""
        until = self.now + seconds
        for _ in range(10_000):
            wake_at = self.turn.wake_at
            if wake_at is None or wake_at > until:
                break
            self.now = max(self.now, wake_at)
            self.take(self.turn.look(self.now))
            if outcome is not None and self.asked():
                self.bring(LeaseAnswer(outcome, 1))
        else:
            raise AssertionError("it looks again and again")
        self.now = until

    def taken(self) -> list[TurnStep]:
        taken, self.steps = self.steps, []
        return taken

    @property
    def pcm(self) -> bytes:
        return b"".join(event.pcm for event in self.heard if isinstance(event, SourceAudio))

    @property
    def gaps_s(self) -> float:
        return sum(event.seconds for event in self.heard if isinstance(event, SourceGap))

    @property
    def kinds(self) -> list[type[SourceEvent]]:
        return [type(one) for one in self.heard if not isinstance(one, SourceAudio | SourceGap)]


def begin(*, hosts: frozenset[str] | None = None, give_up_after_s: float = 300.0) -> World:
    rules = TurnRules(
        retry=RetryRules(give_up_after_s=give_up_after_s), open_timeout_s=14.0, random=lambda: 0.0
    )
    turn = PullTurn(
        rules,
        epoch=OURS,
        may_reach=lambda host: hosts is None or host in hosts,
        may_reach_all=hosts is None,
    )
    world = World(turn)
    world.take(turn.begin(world.now))
    return world


def owning(*events: SourceEvent) -> World:
    world = begin()
    world.answer("won")
    world.pulled(*events)
    world.taken()
    return world


def reading(heard_s: float = 0.0) -> World:
    """One that has heard so much of a feed, second by second."""
    world = begin()
    world.answer("taken")
    world.tell(0, FeedState(RADIO))
    for second in range(round(heard_s)):
        world.tell(second, air(second, second + 1), after_s=1.0)
    world.taken()
    return world

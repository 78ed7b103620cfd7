"""Who pulls a live source that sessions at several servers hear: the part of one server, as a core.

Theory of operation. Facts come in with the time, steps go out. A server that wishes to hear a
source asks for its lease. Who gets it owns the source: it pulls, and tells the others. Who does not
reads what the owner tells. An owner that is silent for `SILENCE_S`, or says that it stops, is
followed by whoever gets the lease next; until then it is lost, as a source may be, and what the new
owner hears is joined to what was heard before (`Loss`), so that times stay true: a radio server
sends the last seconds once more, and nothing need be missing. Where NATS cannot be reached, a
reader pulls alone, and an owner goes on alone; both stay so, since what they hear is whole, and
take the lease when it is free, so that others may read. What is not certain to be live is
everybody's own.

Where a reader is on the timeline is counted in samples. Each message says where it begins: what is
missing before it is a gap, what was heard already is left out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from scribewire.cluster.pulls.feed import (
    FeedMessage,
    FeedOver,
    FeedReleased,
    FeedState,
)
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
)
from scribewire.sources.events import SourceAudio, SourceEvent, SourceGap, SourceLost, SourceOpened
from scribewire.sources.loss import Loss
from scribewire.sources.pull import LOOK_EVERY_S
from scribewire.sources.retry import Backoff, RetryRules
from scribewire.sources.shared.audience import samples_of
from scribewire.sources.shared.liveness import Liveness
from scribewire.sources.steps import Over, Tell
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.cluster.pulls.steps import TurnFact, TurnStep
    from scribewire.sources.faults import SourceFault

SILENCE_S = 3.0
"""An owner tells every second that it is there."""
ASK_AGAIN_S = 0.5
"""For a lease whose holder is silent: it is free within 6 s of its death; 10 s is the promise."""
PATIENCE_S = 12.0
"""With an owner that tells nothing and yet holds its lease: then something else is wrong."""
ALONE_ASKS_EVERY_S = 10.0
"""Nobody waits for it: it is for those who come later."""
SILENT = "the server that pulls it is silent"
"""Why the source is lost to who reads it; for a log."""


class TurnRole(Enum):
    """What one server is to a source."""

    WISHING = auto()
    """It does not know yet."""
    OWNING = auto()
    """It pulls, and tells the others."""
    READING = auto()
    """It is told by the owner."""
    ALONE = auto()
    """It pulls for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRules:
    """How patient a server is."""

    retry: RetryRules
    open_timeout_s: float
    """From the wish to the first audio."""
    random: Callable[[], float] = random.random
    """From 0 to 1, for waits that differ."""


class PullTurn:
    """One source at one server. Times are seconds of one monotonic clock."""

    def __init__(
        self,
        rules: TurnRules,
        *,
        epoch: str,
        may_reach: Callable[[str], bool],
        may_reach_all: bool,
    ) -> None:
        """`epoch` names the timeline, should it begin here."""
        self.role = TurnRole.WISHING
        self._rules, self._epoch = rules, epoch
        self._may_reach, self._may_reach_all = may_reach, may_reach_all
        self._loss, self._liveness = Loss(), Liveness()
        self._backoff = Backoff(rules.retry, rules.random)
        self._opened: SourceOpened | None = None  # what whoever hears it was told last
        self._is_lost = False  # and whether it was told after that that it is lost
        self._is_broken = False  # by us, since we are told nothing, or pull anew
        self._is_rejoining = False  # a timeline that is another
        self._told_samples = 0
        self._next_samples: int | None = None  # where on the timeline the next message should begin
        self._offset_samples = 0  # of what was told here from the timeline, once we pull it
        self._was_for_all = False  # whether another server had found that others may hear it
        self._term = 0
        self._told_at = 0.0  # when the owner has told something last
        self._give_up_at = 0.0
        self._is_asking = False
        self._ask_at: float | None = None
        self._look_at = 0.0
        self._is_pull_open = False
        self._pull_at: float | None = None  # when it is begun again

    @property
    def wake_at(self) -> float | None:
        """When to `look`, if nothing happens before; None: there is nothing to wait for."""
        due = [self._loss.settles_at, self._pull_at]
        if not self._is_asking:
            due.append(self._ask_at)
        if self._is_broken and self._loss.settles_at is None:
            due.append(self._look_at)
        if self.role is TurnRole.READING:
            due.append(self._give_up_at)
            if not self._is_asking and self._ask_at is None:
                due.append(self._told_at + SILENCE_S)
        return min((at for at in due if at is not None), default=None)

    def begin(self, now: float) -> Iterator[TurnStep]:
        """Start."""
        yield from self._ask()

    def receive(self, fact: TurnFact, now: float) -> Iterator[TurnStep]:
        """Take in what happened."""
        match fact:
            case LeaseAnswer():
                yield from self._note_answer(fact, now)
            case LeaseLost() if self.role is TurnRole.OWNING:
                self.role, self._ask_at = TurnRole.ALONE, now + ALONE_ASKS_EVERY_S
                yield StopServing()
            case FeedCame(message) if self.role is TurnRole.READING:
                if message.term >= self._term:
                    yield from self._note_message(message, now)
            case PullTold(event, waited_s):
                yield from self._note_pulled(event, waited_s, now)
            case PullOver(fault):
                yield from self._end_pull(fault, now)
            case _:
                pass  # of a role that it has no more

    def look(self, now: float) -> Iterator[TurnStep]:
        """Do what is due."""
        settles_at = self._loss.settles_at
        if settles_at is not None and now >= settles_at:
            yield from self._tell_all(self._loss.settle(now))
        if self._is_broken and self._loss.settles_at is None and now >= self._look_at:
            self._look_at = now + LOOK_EVERY_S
            yield from self._tell_all(self._loss.look(now))
        if self.role is TurnRole.READING:
            yield from self._look_for_owner(now)
        if self._ask_at is not None and now >= self._ask_at and not self._is_asking:
            if self.role is TurnRole.ALONE and not self._liveness.is_certain(now):
                self._ask_at = now + ALONE_ASKS_EVERY_S
            else:
                yield from self._ask()
        if self._pull_at is not None and now >= self._pull_at:
            yield from self._begin_pull(now)

    # The lease

    def _ask(self) -> Iterator[TurnStep]:
        self._is_asking, self._ask_at = True, None
        yield AskLease()

    def _note_answer(self, answer: LeaseAnswer, now: float) -> Iterator[TurnStep]:
        self._is_asking = False
        if answer.outcome == "won":
            yield from self._take_over(answer.term, now)
        elif self.role is TurnRole.ALONE:
            self._ask_at = now + ALONE_ASKS_EVERY_S
        elif answer.outcome == "away":
            if self.role is TurnRole.WISHING or self._is_silent(now):
                yield from self._go_alone(now)
        elif self.role is TurnRole.WISHING:
            self.role = TurnRole.READING
            self._told_at, self._give_up_at = now, now + self._rules.open_timeout_s + SILENCE_S
            yield ReadFeed()
        elif self._is_silent(now):
            self._ask_at = now + ASK_AGAIN_S

    def _take_over(self, term: int, now: float) -> Iterator[TurnStep]:
        before = self.role
        yield from self._stop_reading(now)
        self.role, self._term = TurnRole.OWNING, term
        yield ServeFeed(term, self._epoch, self._offset_samples)
        if before is not TurnRole.ALONE:
            yield from self._begin_pull(now)

    def _go_alone(self, now: float) -> Iterator[TurnStep]:
        yield from self._stop_reading(now)
        self.role, self._ask_at = TurnRole.ALONE, now + ALONE_ASKS_EVERY_S
        yield from self._begin_pull(now)

    def _stop_reading(self, now: float) -> Iterator[TurnStep]:
        """Leave it where it is: what is heard by a pull of our own follows."""
        if self.role is not TurnRole.READING:
            return
        yield StopReadingFeed()
        yield from self._tell_all(self._loss.settle(now))
        yield from self._break(now)
        if self._next_samples is not None:
            self._offset_samples = self._next_samples - self._told_samples
            self._next_samples = None

    # Reading

    def _is_silent(self, now: float) -> bool:
        return now >= self._told_at + SILENCE_S

    def _look_for_owner(self, now: float) -> Iterator[TurnStep]:
        if now >= self._give_up_at:
            yield from self._go_alone(now)
        elif self._is_silent(now) and not self._is_asking and self._ask_at is None:
            yield from self._break(now)
            self._ask_at = now

    def _note_message(self, message: FeedMessage, now: float) -> Iterator[TurnStep]:
        self._term, self._told_at = message.term, now
        if self._opened is not None:
            self._give_up_at = now + PATIENCE_S
        if not self._is_asking:
            self._ask_at = None
        match message.body:
            case FeedReleased():
                self._told_at = now - SILENCE_S
                yield from self._break(now)
                if not self._is_asking:
                    yield from self._ask()
            case FeedOver(fault):
                yield from self._end(fault, now)
            case FeedState() as state:
                yield from self._note_state(state, message, now)
            case _:
                yield from self._note_event(message, message.body, now)

    def _note_state(self, state: FeedState, message: FeedMessage, now: float) -> Iterator[TurnStep]:
        if not (state.is_for_all and self._may_hear(state.hosts)):
            yield from self._go_alone(now)
        elif state.opened is not None:
            is_followed = self._next_samples is not None and message.epoch == self._epoch
            if not is_followed or self._is_lost:
                yield from self._note_event(message, state.opened, now)

    def _may_hear(self, hosts: tuple[str, ...] | None) -> bool:
        return self._may_reach_all if hosts is None else all(map(self._may_reach, hosts))

    def _note_event(
        self, message: FeedMessage, event: SourceEvent, now: float
    ) -> Iterator[TurnStep]:
        if self._next_samples is None or message.epoch != self._epoch:
            if not isinstance(event, SourceOpened):
                return  # what it is comes within a second
            yield from self._enter(message, event, now)
            return
        if self._is_broken and not self._is_rejoining:
            self._loss.forget()  # the timeline goes on, and says itself what is missing
            self._is_broken = False
        if isinstance(event, SourceLost) and self._is_lost:
            return
        if isinstance(event, SourceAudio) and self._is_lost and not self._is_broken:
            assert self._opened is not None
            yield from self._tell(self._opened, now)
        behind = message.at_samples - self._next_samples
        if behind > 0:
            yield from self._tell(SourceGap(behind / SAMPLE_RATE), now)
        rest = _without_start(event, max(-behind, 0))
        self._next_samples = max(message.at_samples + samples_of(event), self._next_samples)
        if rest is not None:
            yield from self._tell(rest, now)

    def _enter(self, message: FeedMessage, opened: SourceOpened, now: float) -> Iterator[TurnStep]:
        """Begin to follow a timeline, for the first time or where there was another."""
        yield from self._break(now)
        self._is_rejoining = self._is_broken
        self._epoch, self._next_samples = message.epoch, message.at_samples
        self._was_for_all = True
        yield from self._tell(opened, now)

    # Our own pull

    def _begin_pull(self, now: float) -> Iterator[TurnStep]:
        self._pull_at, self._is_pull_open = None, False
        yield BeginPull()

    def _note_pulled(self, event: SourceEvent, waited_s: float, now: float) -> Iterator[TurnStep]:
        if isinstance(event, SourceOpened) and event.is_live and self._was_for_all:
            event = replace(event, says_live=True)  # as was found out elsewhere
        self._liveness.note(event, waited_s, now)
        if isinstance(event, SourceOpened):
            self._is_pull_open = True
            self._backoff.note_audio()
            if self.role is TurnRole.OWNING and not self._liveness.is_certain(now):
                self.role, self._ask_at = TurnRole.ALONE, now + ALONE_ASKS_EVERY_S
                yield StopServing(is_for_all=False)
        yield from self._tell(event, now)

    def _end_pull(self, fault: SourceFault | None, now: float) -> Iterator[TurnStep]:
        """End; what others have heard is waited for, though it could not be opened here yet."""
        is_new_here = self._opened is not None and not self._is_pull_open
        if fault is None or not (is_new_here and fault.may_pass):
            yield from self._end(fault, now)
            return
        wait_s = self._backoff.next_wait_s(now)
        if wait_s is None:
            yield from self._end(fault.given_up(), now)
        else:
            self._pull_at = now + wait_s

    def _end(self, fault: SourceFault | None, now: float) -> Iterator[TurnStep]:
        yield from self._tell_all(self._loss.settle(now))
        yield Over(fault)

    # What is told

    def _break(self, now: float) -> Iterator[TurnStep]:
        """Take the source for lost, from when the last of it was heard, if it was."""
        if self._opened is None or self._is_broken:
            return
        was_lost, self._is_broken, self._look_at = self._is_lost, True, now + LOOK_EVERY_S
        for event in self._loss.begin(SILENT, now):
            if not (was_lost and isinstance(event, SourceLost)):
                yield from self._pass(event)

    def _tell(self, event: SourceEvent, now: float) -> Iterator[TurnStep]:
        yield from self._tell_all(self._loss.receive(event, now))

    def _tell_all(self, events: Iterator[SourceEvent]) -> Iterator[TurnStep]:
        for event in events:
            yield from self._pass(event)

    def _pass(self, event: SourceEvent) -> Iterator[TurnStep]:
        if isinstance(event, SourceOpened):
            self._opened, self._is_lost = event, False
            self._is_broken = self._is_rejoining = False
        elif isinstance(event, SourceLost):
            self._is_lost = True
        samples = samples_of(event)
        self._told_samples += samples
        if self._is_broken and not self._is_rejoining and self._next_samples is not None:
            self._next_samples += samples
        yield Tell(event)


def _without_start(event: SourceEvent, samples: int) -> SourceEvent | None:
    """Return what of it is behind the first samples; None: nothing of what had time."""
    if samples and isinstance(event, SourceAudio | SourceGap):
        return event.without_start(samples / SAMPLE_RATE)
    return event

"""What the core of one source in a cluster asks to be done, and what it is told: values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from scribewire.sources.steps import Over, Tell

if TYPE_CHECKING:
    from scribewire.cluster.pulls.feed import FeedMessage
    from scribewire.sources.events import SourceEvent
    from scribewire.sources.faults import SourceFault

LeaseOutcome: TypeAlias = Literal["won", "taken", "away"]
"""It is ours; another server has it; nobody knows, since NATS cannot be reached."""


@dataclass(frozen=True, slots=True)
class AskLease:
    """Ask for the lease of the source: `LeaseAnswer`."""


@dataclass(frozen=True, slots=True)
class ReadFeed:
    """Hear what the server tells that pulls it: `FeedCame`, until `StopReadingFeed`."""


@dataclass(frozen=True, slots=True)
class StopReadingFeed:
    """Hear it no longer."""


@dataclass(frozen=True, slots=True)
class BeginPull:
    """Pull it here: `PullTold`, at last `PullOver`."""


@dataclass(frozen=True, slots=True)
class ServeFeed:
    """Tell other servers all that is heard from now on, if any of them listens."""

    term: int
    epoch: str
    offset_samples: int
    """Between what was told here and the timeline of the epoch."""


@dataclass(frozen=True, slots=True)
class StopServing:
    """Tell them nothing more, and let go of the lease."""

    is_for_all: bool = True
    """False: it turned out to be what everybody pulls for itself."""


TurnStep: TypeAlias = (
    AskLease | ReadFeed | StopReadingFeed | BeginPull | ServeFeed | StopServing | Tell | Over
)


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """What became of it."""

    outcome: LeaseOutcome
    term: int = 0
    """Where it is ours: greater than that of all who had it before."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """The lease is not ours any more."""


@dataclass(frozen=True, slots=True)
class FeedCame:
    """Another server has told something."""

    message: FeedMessage


@dataclass(frozen=True, slots=True)
class PullTold:
    """Our own pull has given something."""

    event: SourceEvent
    waited_s: float = 0.0
    """So long it was waited for."""


@dataclass(frozen=True, slots=True)
class PullOver:
    """Our own pull has ended."""

    fault: SourceFault | None = None


TurnFact: TypeAlias = LeaseAnswer | LeaseLost | FeedCame | PullTold | PullOver

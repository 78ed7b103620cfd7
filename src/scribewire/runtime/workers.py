"""What the scheduler asks of those who run engines, and what they may ask of it.

Workers fetch: whoever is free asks for what is next, and so nothing is decided before it must be,
and between two calls there is nobody to wait for. How many calls they fetch at once, and in which
order they bring the outcomes, is theirs: one in each of a few threads, a batch for a GPU, as many
as fit into the round trip to another machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from scribewire.recognition.requests import Request, Result

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.errors import ServerFault

Outcome: TypeAlias = Result | Exception
"""What an engine answered, or what it raised."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One request that is to be run now, with `Engines.answer`."""

    request: Request
    speech: SpeechEngine
    """The engine of its stream."""
    is_ahead: bool = False
    """Whether its audio is heard before it is due: others go before it."""


class CallSource(Protocol):
    """Where workers fetch calls, from any thread. Each is to be brought back once."""

    def next_calls(self, at_most: int = 1) -> Sequence[Call]:
        """Return what is to begin now, the most urgent first; nothing while nothing may run."""

    def wait_s(self) -> float | None:
        """Return in how long there may be more without a `wake`; None: not before one."""

    def receive_outcome(self, call: Call, outcome: Outcome, *, busy_s: float | None = None) -> bool:
        """Take what became of a call. Return False if it had been given up in the meantime.

        `busy_s` is how much of a worker's time it took; None: all since it was fetched.
        """

    def give_up(self, call: Call, fault: ServerFault) -> bool:
        """Wait no longer for a call. Return False if its outcome has come in the meantime."""


class Workers(Protocol):
    """Run calls. The scheduler holds no lock of its own while it calls them."""

    @property
    def capacity(self) -> int:
        """How many calls they run side by side."""

    @property
    def others_share(self) -> float:
        """Which part of their time others take who share them, lately; 0: nobody does."""

    def start(self, source: CallSource) -> None:
        """Fetch calls from `source` from now on."""

    def wake(self) -> None:
        """Look at the source again: there may be one more call to fetch."""

    def stop(self) -> None:
        """Fetch no more. Calls that are running go on."""

    def join(self, patience_s: float) -> None:
        """Wait for the calls that are running, after `stop`; one that hangs is left behind."""

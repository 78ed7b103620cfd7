"""Where the entries of a journal go, and where sessions are found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from scribewire.journal.entries import JournalEntry
    from scribewire.journal.reader import JournaledSession


SessionCheck: TypeAlias = "Callable[[JournaledSession], None]"
"""Raises ClientFault where nobody may go on with a session here, whatever becomes of its owner."""


class JournalStore(Protocol):
    """A place for entries, as an event loop uses it: nothing here waits in its thread.

    Whoever calls has patience of its own, and cancels a call that takes too long. All but what
    is about one session is called one after the other; `abandon` comes last. Every call may raise
    JournalFault.
    """

    @property
    def name(self) -> str:
        """What it is called in the log."""

    @property
    def is_busy(self) -> bool:
        """Whether it still works on a call that nobody waits for any more."""

    async def prepare(self) -> Sequence[str]:
        """Make it ready, before there are sessions; return what there is to say of earlier runs."""

    async def write(
        self, entries: Sequence[JournalEntry], note_lost: Callable[[str], None]
    ) -> None:
        """Add entries; once it returns they outlive the process. None at all: try it.

        `note_lost` is told of sessions that another process has taken over: of those nothing is
        added, and nothing may be told any more.
        """

    async def sync(self) -> None:
        """Have what was written outlive the machine, as far as that needs a call."""

    async def catch_up(self) -> None:
        """Return once nothing is being written any more that came before."""

    async def find(self, session_id: str) -> JournaledSession | None:
        """Return what there is of a session, whoever carries it; None: nothing that can be read."""

    async def take_over(self, session_id: str, check: SessionCheck) -> JournaledSession | None:
        """Return what there is of a session that goes on here; None: nothing that can be read.

        Where processes could have it at once it is this one's from now on, unless `check`, which
        is asked before, has raised.
        """

    async def has_lost(self, session_id: str) -> bool:
        """Tell whether another process has taken over a session that goes on here."""

    def on_wanted(self, let_go: Callable[[str], Awaitable[None]]) -> None:
        """Have this called with a session that goes on at another process, before it does there."""

    async def close(self) -> None:
        """End, with all that was written."""

    def abandon(self) -> None:
        """Let go of it, whether or not it has been closed."""

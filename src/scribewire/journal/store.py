"""Where the entries of a journal go, and where sessions are found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.journal.entries import JournalEntry
    from scribewire.journal.reader import JournaledSession


class JournalStore(Protocol):
    """A place for entries, as an event loop uses it: nothing here waits in its thread.

    Whoever calls has patience of its own, and cancels a call that takes too long. All but `find` is
    called one after the other; `abandon` comes last. Every call may raise JournalFault.
    """

    @property
    def name(self) -> str:
        """What it is called in the log."""

    @property
    def is_busy(self) -> bool:
        """Whether it still works on a call that nobody waits for any more."""

    async def prepare(self) -> Sequence[str]:
        """Make it ready, before there are sessions; return what there is to say of earlier runs."""

    async def write(self, entries: Sequence[JournalEntry]) -> None:
        """Add entries; once it returns they outlive the process. None at all: try it."""

    async def sync(self) -> None:
        """Have what was written outlive the machine, as far as that needs a call."""

    async def catch_up(self) -> None:
        """Return once nothing is being written any more that came before."""

    async def find(self, session_id: str) -> JournaledSession | None:
        """Return what there is of a session that may go on; None: nothing that can be read."""

    async def close(self) -> None:
        """End, with all that was written."""

    def abandon(self) -> None:
        """Let go of it, whether or not it has been closed."""

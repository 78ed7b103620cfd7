"""How an attachment comes to the session that its dialogue has started, or to none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.errors import BusyFault, ClientFault, CloseCode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scribewire.protocol.dialogue import Dialogue, SessionStarted
    from scribewire.server.session import Session


class SessionFinder:
    """Finds the session of one dialogue.

    `prepare` is waited for before one that a message has started, and may refuse it as `find` may:
    by ClientFault or BusyFault.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        find: Callable[[SessionStarted], Session],
        prepare: Callable[[SessionStarted], Awaitable[None]] | None = None,
    ) -> None:
        self.is_waited_for = False
        """Whether a session has started that is not there yet: events have to wait for it."""
        self._dialogue, self._find, self._prepare = dialogue, find, prepare

    def find(self, started: SessionStarted) -> Session | None:
        """Return the session; None: the client has been told why there is none."""
        try:
            return self._find(started)
        except (ClientFault, BusyFault) as fault:
            self._turn_away(fault)
            return None

    async def find_when_ready(self, started: SessionStarted) -> Session | None:
        """As `find`, once all is ready. None as well where the dialogue has ended meanwhile."""
        if self._prepare is None:
            return self.find(started)
        self.is_waited_for = True
        try:
            await self._prepare(started)
        except (ClientFault, BusyFault) as fault:
            self._turn_away(fault)
        finally:
            self.is_waited_for = False
        session = None if self._dialogue.is_over else self.find(started)
        if session is None:
            while self._dialogue.next_event() is not None:
                pass  # what was to become of it
        return session

    def _turn_away(self, fault: ClientFault | BusyFault) -> None:
        if isinstance(fault, ClientFault):
            self._dialogue.turn_away(fault.message, fault.close_code)
        else:
            self._dialogue.turn_away(str(fault), CloseCode.TRY_AGAIN_LATER)

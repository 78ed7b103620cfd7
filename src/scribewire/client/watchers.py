"""Who is told how a client's connection fares, in the order in which it has happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from scribewire.client.retry import Reconnecting
from scribewire.protocol.scriptix.states import ConnectionState

StateCallback: TypeAlias = Callable[[ConnectionState], object]
"""Called with each new state."""

ReconnectingCallback: TypeAlias = Callable[[Reconnecting], object]
"""Called before each attempt to come back."""

_MAX_UNTOLD = 64  # told after every step, of which each brings a few


class Watchers:
    """Callbacks, and what they have not been told yet."""

    def __init__(
        self, on_state_change: StateCallback | None, on_reconnecting: ReconnectingCallback | None
    ) -> None:
        self._of_state = [on_state_change] if on_state_change else []
        self._of_reconnecting = [on_reconnecting] if on_reconnecting else []
        self._untold: deque[ConnectionState | Reconnecting] = deque(maxlen=_MAX_UNTOLD)
        self.state = ConnectionState.DISCONNECTED
        """What is shown; moved by `show`."""

    def add(self, callback: StateCallback) -> None:
        """Call back with every state from now on."""
        self._of_state.append(callback)

    def add_of_attempts(self, callback: ReconnectingCallback) -> None:
        """Call back before every attempt from now on."""
        self._of_reconnecting.append(callback)

    def show(self, *states: ConnectionState) -> None:
        """Keep those that are new, in order, for the next `tell`."""
        for state in states:
            if state is not self.state:
                self.state = state
                self._untold.append(state)

    def note(self, attempt: Reconnecting) -> None:
        """Keep it for the next `tell`."""
        self._untold.append(attempt)

    def tell(self) -> None:
        """Tell the callbacks, which may call the client: hold no lock."""
        while (news := self._next_untold()) is not None:
            if isinstance(news, Reconnecting):
                for inform in self._of_reconnecting:
                    inform(news)
            else:
                for callback in self._of_state:
                    callback(news)

    def _next_untold(self) -> ConnectionState | Reconnecting | None:
        try:
            return self._untold.popleft()  # at once: two threads may be here
        except IndexError:
            return None

"""What a session has brought, over all its connections, until its user takes it."""

from __future__ import annotations

from collections import deque
from typing import Final

from scribewire.client.dialogue import Message
from scribewire.client.opening import MAX_UNREAD_MESSAGES
from scribewire.protocol.results import FinalResult
from scribewire.protocol.scriptix.messages import ShuttingDown

# As many as may wait on a connection: of one that is lost all are taken before the next one.
_MAX_UNDELIVERED: Final = MAX_UNREAD_MESSAGES


class Inbox:
    """Messages in order, none twice."""

    def __init__(self) -> None:
        self.last_final = 0
        """The number of the last final that has come; 0 for none, or without numbers."""
        self.last_final_ms = 0
        """How far in the audio it has come."""
        self._messages: deque[Message] = deque(maxlen=_MAX_UNDELIVERED)
        self._shutdown: ShuttingDown | None = None  # that has come

    def receive(self, message: Message) -> None:
        """Take a message, unless it has come on another connection before."""
        if isinstance(message, FinalResult):
            if message.number is not None and message.number <= self.last_final:
                return
            self.last_final = message.number or 0
            # The legacy shape does not say how far one without a word has come.
            self.last_final_ms = max(self.last_final_ms, message.offset_ms)
        elif isinstance(message, ShuttingDown):
            if message == self._shutdown:
                return
            self._shutdown = message
        self._messages.append(message)

    def next_message(self) -> Message | None:
        """Return the next message for the user, or None."""
        return self._messages.popleft() if self._messages else None

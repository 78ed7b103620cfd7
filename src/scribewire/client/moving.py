"""How a session moves to another server because its own goes down.

Either it can be resumed there: then its connection is dropped, and it is come back to. Or another
session follows it.
"""

from __future__ import annotations

import math
from typing import Final

from scribewire.client.dialogue import Message
from scribewire.client.errors import ClientError, RefusedError
from scribewire.client.outcome import Ending
from scribewire.client.retry import is_loss_code, is_passing
from scribewire.client.session_connection import SessionConnection
from scribewire.errors import CloseCode
from scribewire.protocol.dialogue import Close
from scribewire.protocol.results import FinalResult
from scribewire.protocol.scriptix.messages import ShuttingDown

_AGAIN_AFTER_S: Final = 2.0  # where it is the only server, which most often says when by itself


class Move:
    """Whether it is time, which is at the end of an utterance, so that none is cut in two.

    And the connection to where the session may go on, until its server is listening.
    """

    def __init__(self, *, is_told: bool = False) -> None:
        self.is_told = is_told
        """Whether the server goes down."""
        self._can_resume = False  # elsewhere: nothing else has to be begun
        self._is_due = False  # an utterance has ended since
        self._not_before = -math.inf
        self._next: SessionConnection | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether another connection is there, and its server is not listening yet."""
        return self._next is not None

    def note(self, message: Message) -> None:
        """Take note of a message of the session."""
        if isinstance(message, ShuttingDown):
            self.is_told = True
            self._can_resume |= message.can_resume
        elif isinstance(message, FinalResult):
            self._is_due = self.is_told

    @property
    def is_ready_to_resume(self) -> bool:
        """Whether to drop the connection now, and come back to another server."""
        return self._is_due and self._can_resume

    def is_due(self, now: float) -> bool:
        """Tell whether to look for another server now."""
        return self._is_due and not self._can_resume and now >= self._not_before

    def begin(self, following: SessionConnection) -> list[str | bytes]:
        """Take note of another connection, and return what to write on it."""
        self._next = following
        following.dialogue.send_start()
        outgoing = following.dialogue.take_outgoing()
        return [message for message in outgoing if not isinstance(message, Close)]

    def receive(self, message: str | bytes, now: float) -> SessionConnection | None:
        """Take a message that has come over it; return it once its server is listening."""
        following = self._next
        if following is None:
            return None
        following.dialogue.receive(message, now)
        if following.dialogue.session_id is None:
            return None
        self._next = None
        return following

    def fail(self, failure: Exception, now: float) -> None:
        """Take note that it is not possible yet; the next utterance is waited for."""
        self._next, self._is_due = None, False
        again_s = failure.retry_after_s if isinstance(failure, RefusedError) else None
        is_final = isinstance(failure, ClientError) and not is_passing(failure)
        self._not_before = math.inf if is_final else now + (again_s or _AGAIN_AFTER_S)


def is_ended_by_server(ending: Ending, *, is_owed: bool) -> bool:
    """Tell whether a server that goes down has ended a session that has to go on elsewhere.

    `is_owed`: there is, or will be, audio that it has not heard.
    """
    if ending.code == CloseCode.CANNOT_RESUME:
        return True
    return is_owed and ending.has_stopped and ending.code != CloseCode.NORMAL


def may_be_ended_by_server(code: int) -> bool:
    """Tell whether a close with this code may be such an ending, of which no more is known yet."""
    return code in (CloseCode.CANNOT_RESUME, CloseCode.NORMAL) or is_loss_code(code)

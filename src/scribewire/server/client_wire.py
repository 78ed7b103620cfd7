"""A WebSocket as an attachment uses it: messages in and out, and its close in the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scribewire.errors import CloseCode
from scribewire.log_line import LogLine
from scribewire.protocol.dialogue import Close
from scribewire.server.websocket_talk import SCOPE_KEY

if TYPE_CHECKING:
    from starlette.types import Message
    from starlette.websockets import WebSocket

    from scribewire.errors import ClientFault
    from scribewire.server.websocket_talk import WebSocketTalk

_log = logging.getLogger("scribewire.session")


class ClientWire:
    """Carries the messages of one client."""

    def __init__(self, websocket: WebSocket, *, name: str) -> None:
        self._websocket = websocket
        self._name = name  # of the session, in the log
        self._excused: Close | None = None

    async def receive(self) -> Message:
        """Wait for what comes next, a disconnect at the end."""
        return await self._websocket.receive()

    async def send(self, message: str | bytes | Close) -> None:
        """Send it, and wait while the client does not read. Raises OSError where it is gone."""
        if isinstance(message, Close):
            await self._close(message)
        elif isinstance(message, str):
            await self._websocket.send_text(message)
        else:
            await self._websocket.send_bytes(message)

    def excuse_source(self, fault: ClientFault) -> None:
        """Do not count the close for a fault of a source, if it comes: nothing is wrong here."""
        if fault.close_code is CloseCode.SERVER_FAULT:
            self._excused = Close.for_fault(fault)

    def abandon(self, *, is_told: bool) -> None:
        """Give the client little time to read what was written: it is on another connection.

        None at all unless it `is_told` of that.
        """
        if (talk := self._talk) is not None:
            talk.abandon(is_told=is_told)

    async def _close(self, close: Close) -> None:
        reason = close.reason if close.logged is None else close.logged
        words, code = "x closed {code:d} {reason}", close.code
        _log.info(LogLine("closed", words, session=self._name, code=code, reason=reason))
        if (talk := self._talk) is not None and close == self._excused:
            talk.excuse_close()
        await self._websocket.close(close.code, close.reason)

    @property
    def _talk(self) -> WebSocketTalk | None:
        """None under another server than ours."""
        talk: WebSocketTalk | None = self._websocket.scope.get(SCOPE_KEY)
        return talk

"""WebSockets of the blocking client: opened, and written to only as there is room."""

from __future__ import annotations

import contextlib
import selectors
import socket

from websockets.exceptions import WebSocketException
from websockets.protocol import State
from websockets.sync.client import ClientConnection as WebSocket
from websockets.sync.client import reconnect
from websockets.sync.utils import Deadline

from scribewire.client.opening import Opening
from scribewire.client.outcome import explain_opening

CHECK_S = 0.1
"""How soon a thread that waits sees that the connection has gone, or the client was left."""


class Dialling(reconnect):
    """websockets' own, but a redirect is an error: it would take the key to another server.

    `abandon` ends an attempt of another thread that has reached the server, or is about to.
    """

    _opened: socket.socket | None = None
    _is_abandoned = False

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return what to raise, or where to go instead."""
        return exc

    def open_socket(self, deadline: Deadline) -> socket.socket:
        """Connect, and remember with what."""
        self._opened = super().open_socket(deadline)
        if self._is_abandoned:
            self.abandon()
        return self._opened

    def abandon(self) -> None:
        """Have the attempt fail."""
        self._is_abandoned = True
        if self._opened is not None:
            with contextlib.suppress(OSError):
                self._opened.shutdown(socket.SHUT_RDWR)


class OpenConnection:
    """One WebSocket; `end` closes it, and does nothing for one that has gone."""

    def __init__(self, dialling: Dialling) -> None:
        self._stack = contextlib.ExitStack()
        self.websocket: WebSocket = self._stack.enter_context(dialling)
        """Open from the beginning on."""
        self.end = self._stack.close
        """Closes it politely, and soon."""


def open_connection(dialling: Dialling, opening: Opening) -> OpenConnection:
    """Connect. Raises ClientError."""
    try:
        return OpenConnection(dialling)
    except (OSError, WebSocketException) as failure:
        raise explain_opening(failure, opening) from failure


def has_room(websocket: WebSocket, timeout_s: float) -> bool:
    """Tell whether the socket takes a piece at once, or is gone, which sending finds out."""
    with selectors.DefaultSelector() as selector:
        try:
            selector.register(websocket.socket, selectors.EVENT_WRITE)
        except (OSError, ValueError):
            return True
        return bool(selector.select(timeout_s)) or websocket.state is not State.OPEN


def wait_for_room(websocket: WebSocket) -> None:
    """Return once there is room."""
    while not has_room(websocket, CHECK_S):
        pass

"""One connected socket of messages, for several threads that send and one that reads."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final

from scribewire.runtime.shared_engine.frames import Frame, read_frame

if TYPE_CHECKING:
    from collections.abc import Callable

SEND_PATIENCE_S: Final = 5.0  # both ends always read: who does not has stopped
_TIMEVAL = struct.Struct("ll")


class Wire:
    """Messages over a socket. Once it is `shut`, who reads sees the end, and who sends fails."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._sending = threading.Lock()
        connected.setblocking(True)  # noqa: FBT003 - the library's own
        patience = _TIMEVAL.pack(int(SEND_PATIENCE_S), 0)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)

    def send(self, frame: Frame) -> None:
        """Send a message whole. Raises OSError where that cannot be; ServerFault if too large."""
        packed = frame.pack()
        with self._sending:
            self._socket.sendall(packed)

    def receive(self) -> Frame | None:
        """Return the next message; None at the end. Raises ServerFault for what is none."""
        return read_frame(self._reader())

    def receive_within(self, patience_s: float) -> Frame | None:
        """As `receive`, but None where nothing is said for so long."""
        seconds = int(patience_s)
        rest = int((patience_s - seconds) * 1e6)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(seconds, rest))
        try:
            return self.receive()
        finally:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(0, 0))

    def shut(self) -> None:
        """End it in both directions, from any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give it back, once nobody reads any more."""
        self.shut()
        self._socket.close()

    def _reader(self) -> Callable[[int], bytes]:
        def read(size: int) -> bytes:
            taken = bytearray()
            while len(taken) < size:
                try:
                    piece = self._socket.recv(size - len(taken))
                except OSError:  # it was reset, shut, or has waited for too long
                    break
                if not piece:
                    break
                taken += piece
            return bytes(taken)

        return read

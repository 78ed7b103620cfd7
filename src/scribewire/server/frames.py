"""What a client sends once it is a WebSocket, frame by frame: a core without I/O.

Under it is the parser of `websockets`. Here is what makes frames cheap: whatever comes in tiny
pieces is joined before anybody works on it, and nothing is kept of frames that bring nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from scribewire.errors import BROKEN, CloseCode
from scribewire.protocol.strict_json import MAX_MESSAGE_BYTES

JOINED_BYTES = 65_536  # 2 s of audio; more in one piece would hold the event loop

_PONG = bytes([0x80 | Opcode.PONG])  # how a pong begins

_log = logging.getLogger("scribewire.frames")
_log.setLevel(logging.ERROR)  # the parser reports each close at `info`


@dataclass(frozen=True, slots=True)
class ClientClose:
    """The client will send nothing more, or what it sent cannot be read on."""

    code: int
    """What it gave, or what it is told."""
    reason: str
    """For people."""


_BROKEN = ClientClose(BROKEN, "")


class Frames:
    """Messages out of frames and frames out of messages, for one client.

    After `receive_data`: write `data_to_send`, take the messages, and look at `ended`.
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.ended: ClientClose | None = None  # set once no message will follow
        self.idle_frames = 0  # that brought nothing: pings, pongs, and data without a byte
        self.pong_owed: bytes | None = None  # answers the latest ping, and so all before it
        self._websocket = Protocol(SERVER, state=OPEN, max_size=max_message_bytes, logger=_log)
        self._written: list[bytes] = []
        self._messages: deque[str | bytearray] = deque()
        self._message = bytearray()  # the fragments of a message that has begun
        self._is_text = False  # what that message is
        self._is_closing = False  # we were the first to close: what still comes is not looked at

    @property
    def has_messages(self) -> bool:
        """Whether `next_message` has one."""
        return bool(self._messages)

    @property
    def waiting_messages(self) -> int:
        """How many `next_message` has."""
        return len(self._messages)

    @property
    def has_sent_close(self) -> bool:
        """Whether our close has been put out: nothing but it may follow."""
        return self._websocket.close_sent is not None

    @property
    def own_close(self) -> int | None:
        """The code of our close, once it has been put out; None too for an answer to theirs."""
        sent = self._websocket.close_sent
        return None if sent is None or self._websocket.close_rcvd_then_sent else int(sent.code)

    # What came in.

    def receive_data(self, data: bytes) -> None:
        """Take what came over the connection; it may hold parts of frames."""
        if self.ended is not None:
            return
        self._websocket.receive_data(data)
        # The parser answers each ping at once; who pings and does not read would fill our memory.
        written = self._websocket.data_to_send()
        self._written += [one for one in written if not one.startswith(_PONG)]
        for frame in self._websocket.events_received():
            if isinstance(frame, Frame):
                self._receive_frame(frame)
        fault = self._websocket.parser_exc
        if fault is not None and self.ended is None:
            close = self._websocket.close_sent
            self.ended = ClientClose(close.code, close.reason) if close else _BROKEN

    def next_message(self) -> str | bytes | None:
        """Return the next message, or None; binary ones that came together are one."""
        if not self._messages:
            return None
        message = self._messages.popleft()
        return message if isinstance(message, str) else bytes(message)

    # What goes out.

    def send(self, message: str | bytes) -> None:
        """Put out a message, unless a close went out before."""
        if self._websocket.state is not OPEN:
            return
        if isinstance(message, str):
            self._websocket.send_text(message.encode())
        else:
            self._websocket.send_binary(message)

    def send_close(self, code: int, reason: str = "") -> None:
        """Put out a close, unless one went out before."""
        if self._websocket.state is OPEN:
            self._is_closing = True
            self._websocket.send_close(code, reason)

    def send_ping(self) -> None:
        """Ask the client whether it is still there."""
        if self._websocket.state is OPEN:
            self._websocket.send_ping(b"")

    def send_pong(self) -> None:
        """Put out the pong that is owed."""
        if self.pong_owed is not None and self._websocket.state is OPEN:
            self._websocket.send_pong(self.pong_owed)
        self.pong_owed = None

    def data_to_send(self) -> bytes:
        """Return what is to be written; a pong is among it only after `send_pong`."""
        written = [*self._written, *self._websocket.data_to_send()]
        self._written.clear()
        return b"".join(written)

    # Frame by frame.

    def _receive_frame(self, frame: Frame) -> None:
        data = bytes(frame.data)
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._is_text = frame.opcode is Opcode.TEXT
                self._receive_part(data, is_last=frame.fin)
            case Opcode.CONT:
                self._receive_part(data, is_last=frame.fin)
            case Opcode.PING:
                self.idle_frames += 1
                self.pong_owed = data
            case Opcode.PONG:
                self.idle_frames += 1
            case Opcode.CLOSE:
                close = self._websocket.close_rcvd
                self.ended = ClientClose(close.code, close.reason) if close else _BROKEN

    def _receive_part(self, data: bytes, *, is_last: bool) -> None:
        self.idle_frames += not data
        if self._is_closing:
            return
        self._message += data
        if not is_last:
            return
        message, self._message = self._message, bytearray()
        if self._is_text:
            self._receive_text(message)
        else:
            self._join(message)

    def _receive_text(self, message: bytearray) -> None:
        try:
            self._messages.append(message.decode())
        except UnicodeDecodeError as error:
            reason = f"text is not UTF-8 at byte {error.start}"
            self.send_close(CloseCode.INVALID_DATA, reason)
            self.ended = ClientClose(CloseCode.INVALID_DATA, reason)

    def _join(self, message: bytearray) -> None:
        last = self._messages[-1] if self._messages else None
        if isinstance(last, bytearray) and len(last) + len(message) <= JOINED_BYTES:
            last += message
        else:
            self._messages.append(message)

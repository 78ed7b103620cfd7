"""One TCP connection: what is read, what is written, and how long either may take.

A `Link` does the waiting and the giving up, whatever is spoken over it. It never raises: what is
spoken after the end goes nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol as Contract

READ_BYTES = 16_384  # one turn of the event loop: 2,700 empty frames, 15 ms
_LOOK_S = 0.25  # how often a client that does not read is looked at
_QUIET_S = 0.05  # over TLS, which cannot end one way alone: then nothing more comes
_LINGER_S = 2.0  # for the client to read our last words before its own are refused
UNREAD_BYTES = 65_536  # written that the client's system has not taken; then writers wait
PATIENCE_BYTES = 1024 * 1024  # the largest message may be under way when its sender is told


class Hold(Enum):
    """Why nothing is read from a client."""

    APPLICATION = auto()  # it has not taken what came before
    WRITING = auto()  # the client does not read either
    PACE = auto()  # it sent much that brings nothing


class Talk(Contract):
    """What is spoken over a link."""

    def receive_data(self, data: bytes) -> None:
        """Take what came."""

    def receive_eof(self) -> None:
        """Take note that nothing more will come; the client may still read."""

    def may_write(self) -> None:
        """Take note that the client has read all."""

    def stop_waiting(self) -> None:
        """End, because the client has read nothing for too long."""

    def lose(self) -> None:
        """Take note that the connection is gone."""

    def shut_down(self) -> None:
        """End, because the server does."""


class Link(asyncio.BufferedProtocol):
    """A connection that was accepted.

    `meet` says what is spoken first. `buffer` may be shared by all links: it is filled and
    emptied within one turn of the event loop.
    """

    def __init__(
        self,
        meet: Callable[[Link], Talk],
        part: Callable[[Link], None],
        *,
        buffer: memoryview,
        write_timeout_s: float,
        max_unread_bytes: int = UNREAD_BYTES,
    ) -> None:
        self.write_timeout_s = write_timeout_s  # without a byte that the client takes
        self.peer: tuple[str, int] | None = None  # set once connected
        self.local: tuple[str, int] | None = None
        self.can_be_written = asyncio.Event()  # set as well when it is gone
        self._meet = meet
        self._part = part
        self._buffer = buffer
        self._max_unread_bytes = max_unread_bytes
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None  # set while connected
        self._beneath: asyncio.Transport | None = None  # what TLS writes to; set once connected
        self.is_secure = False  # over TLS; set once connected
        self._talk: Talk | None = None  # set once connected
        self._holds: set[Hold] = set()
        self._written_bytes = 0
        self._taken_bytes = 0  # of those, by the client's system, when it was last looked at
        self._taken_at = 0.0
        self._write_timer: asyncio.TimerHandle | None = None  # while there is something to write
        self._deadline: asyncio.TimerHandle | None = None
        self._has_heard = False  # since it was last asked, while lingering
        self._is_lingering = False  # all has been said; what still comes is thrown away
        self._patience_bytes = 0
        self._rests_until = 0.0
        self.can_be_written.set()

    @property
    def is_gone(self) -> bool:
        """Whether nothing can be said any more."""
        return self._transport is None or self._is_lingering or self._transport.is_closing()

    @property
    def is_held(self) -> bool:
        """Whether nothing is read."""
        return bool(self._holds)

    @property
    def unread_bytes(self) -> int:
        """How much was written that the client's system has not taken."""
        if self._transport is None:
            return 0
        beneath = 0 if self._beneath is None else self._beneath.get_write_buffer_size()
        return beneath + self._transport.get_write_buffer_size()

    # What the talk does with it.

    def speak(self, talk: Talk) -> None:
        """Speak this from now on."""
        self._talk = talk

    def write(self, data: bytes) -> None:
        """Send this, as soon as the client takes it."""
        if self._transport is None or self.is_gone or not data:
            return
        self._transport.write(data)
        self._written_bytes += len(data)
        if self._write_timer is None and self.unread_bytes:
            self._taken_at = self._loop.time()
            self._taken_bytes = self._written_bytes - self.unread_bytes
            self._write_timer = self._loop.call_later(_LOOK_S, self._look_at_writing)

    def hold(self, why: Hold) -> None:
        """Read nothing until `release`."""
        if not self._holds and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        self._holds.add(why)

    def release(self, why: Hold) -> None:
        """Read again, unless there is another reason not to."""
        if why not in self._holds:
            return
        self._holds.remove(why)
        if not self._holds and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def rest(self, seconds: float) -> None:
        """Read nothing for this long, after any other such time."""
        self._rests_until = max(self._rests_until, self._loop.time()) + seconds
        if Hold.PACE not in self._holds:
            self.hold(Hold.PACE)
            self._loop.call_at(self._rests_until, self._end_rest)

    def give_up_in(self, seconds: float | None) -> None:
        """Cut the connection off after this time, in place of any set before; None for never."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None
        if seconds is not None and self._transport is not None:
            self._deadline = self._loop.call_later(seconds, self.abort)

    def close(self, *, patience_bytes: int = PATIENCE_BYTES) -> None:
        """Close, once the client has read all and had the time to stop sending.

        Closing on a client that still sends would take our last words from it; so much of what
        it sends is thrown away instead.
        """
        if self._transport is None or self.is_gone:
            return
        self._is_lingering = True
        self._patience_bytes = patience_bytes
        self._holds.clear()
        self.can_be_written.set()  # who waits for it has nothing more to say
        self._transport.resume_reading()
        if not self.unread_bytes:
            self._say_end()

    def close_now(self) -> None:
        """Close, once the client has read all; it has said that it sends nothing more."""
        # Closed twice, a transport over TLS cannot be asked any more what it holds.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection off."""
        if self._transport is not None:
            self._transport.abort()

    def shut_down(self) -> None:
        """End what is spoken, because the server ends."""
        if self._talk is not None:
            self._talk.shut_down()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.peer = _address(transport.get_extra_info("peername"))
        self.local = _address(transport.get_extra_info("sockname"))
        self.is_secure = transport.get_extra_info("ssl_object") is not None
        self._beneath = _beneath(transport) if self.is_secure else None
        holders = [one for one in (transport, self._beneath) if one is not None]
        for one in holders:  # the upper holds what the lower does not take
            one.set_write_buffer_limits(high=self._max_unread_bytes // len(holders))
        self._talk = self._meet(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where what comes is put."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what came."""
        if self._is_lingering:
            self._has_heard = True
            self._patience_bytes -= nbytes
            if self._patience_bytes < 0:
                self.abort()
        elif self._talk is not None:
            self._talk.receive_data(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> bool:
        """Pass on that nothing more comes; what is spoken decides when to close."""
        if self._is_lingering or self._talk is None:
            self.close_now()
        else:
            self._talk.receive_eof()
        return not self.is_secure  # TLS ends both ways at once

    def pause_writing(self) -> None:
        """Wait with more until the client has read."""
        self.can_be_written.clear()
        self.hold(Hold.WRITING)

    def resume_writing(self) -> None:
        """Go on: the client reads."""
        self.can_be_written.set()
        self.release(Hold.WRITING)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self.give_up_in(None)
        if self._write_timer is not None:
            self._write_timer.cancel()
        self._transport = None
        self.can_be_written.set()
        talk, self._talk = self._talk, None
        if talk is not None:
            talk.lose()
        self._part(self)

    def _say_end(self) -> None:
        """Let the client read that this was all, and stop by itself."""
        assert self._transport is not None
        self.give_up_in(_LINGER_S)
        if self.is_secure:
            self._loop.call_later(_QUIET_S, self._close_when_quiet)
            return
        try:
            self._transport.write_eof()
        except OSError:  # it has gone, and we have not been told yet
            self.abort()

    def _close_when_quiet(self) -> None:
        """Close over TLS, unless the client still sends: that would take our last words from it."""
        if self._transport is None:
            return
        if not self._has_heard:
            self.close_now()
            return
        self._has_heard = False
        self._loop.call_later(_QUIET_S, self._close_when_quiet)

    def _end_rest(self) -> None:
        if self._loop.time() < self._rests_until:
            self._loop.call_at(self._rests_until, self._end_rest)
        else:
            self.release(Hold.PACE)

    def _stop_waiting(self, now: float) -> None:
        """Let the last words be said, for a client that reads again now, then cut it off."""
        if self._is_lingering or self._talk is None:
            self.abort()
            return
        self._taken_at = now
        self.write_timeout_s = min(self.write_timeout_s, _LINGER_S)
        self._write_timer = self._loop.call_later(_LOOK_S, self._look_at_writing)
        self._talk.stop_waiting()

    def _look_at_writing(self) -> None:
        """Cut off a client that has not read anything for too long."""
        self._write_timer = None
        unread = self.unread_bytes
        if not unread:
            if self._is_lingering:
                self._say_end()
            elif self._talk is not None:
                self._talk.may_write()
            return
        now = self._loop.time()
        if self._written_bytes - unread > self._taken_bytes:
            self._taken_bytes, self._taken_at = self._written_bytes - unread, now
        elif now - self._taken_at >= self.write_timeout_s:
            self._stop_waiting(now)
            return
        self._write_timer = self._loop.call_later(_LOOK_S, self._look_at_writing)


def _beneath(transport: asyncio.Transport) -> asyncio.Transport | None:
    """Return what a transport over TLS writes to.

    It holds 64 KiB of which the one above says nothing, and asyncio has no public way to it.
    """
    beneath = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
    return beneath if isinstance(beneath, asyncio.Transport) else None


def _address(name: object) -> tuple[str, int] | None:
    match name:
        case (str(host), int(port), *_):
            return host, port
        case _:
            return None

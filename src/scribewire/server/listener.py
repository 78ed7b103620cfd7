"""Accept connections, let strangers go when they are too many, and end all at the end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from typing import TYPE_CHECKING, Final, Protocol

from scribewire.log_line import LogLine
from scribewire.runtime.observer import UNOBSERVED
from scribewire.server.forwarding import NO_PROXIES
from scribewire.server.http_talk import House, HttpTalk
from scribewire.server.link import READ_BYTES, Link
from scribewire.server.strangers import Strangers
from scribewire.server.websocket_talk import WebSocketLimits

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from scribewire.server.forwarding import TrustedProxies
    from scribewire.server.siblings import Siblings

MOST_STRANGERS = 512  # 32 MB at the most, by what each may send; a room's reconnect at once is less
STRANGERS_SHARE = 0.25  # of the file descriptors

_WRITE_TIMEOUT_S = 5.0  # of clients without a session
_HURRIED_STRANGER_S = 0.5
_CLOSE_S = 1.0  # at the end: for closes to be answered
_READ_S = 5.0  # and for what was written to be read
_TIDY_S = 5.0  # and for what served them to end by itself
LONGEST_CLOSE_S: Final = _CLOSE_S + _READ_S + _TIDY_S
_TLS_END_S = 2.0  # for the client to say that it has read our end
_ACCEPTED_AT_ONCE = 16  # so that those who are let go of have gone before the next ones come
_RETRY_S = 0.25  # when there is no descriptor left and no stranger either
_REPORT_S = 60.0  # such news at most this often

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger("scribewire.server")


class _Connection(Protocol):
    """What takes a descriptor, and can be made to give it back."""

    def abort(self) -> None:
        """Cut it off."""


class _Handshake:
    """A connection whose TLS has not been agreed on."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task
        self.is_over = False  # it was cut off, though TLS may be agreed on in the same moment

    def abort(self) -> None:
        """Cut it off."""
        self.is_over = True
        self._task.cancel()


class Listener:
    """Serve an application on a listening socket, from `start` until `aclose`.

    With `tls`, which is asked for every connection, over TLS.
    """

    def __init__(
        self,
        listening: socket.socket,
        app: ASGIApp,
        *,
        start_timeout_s: float,
        most_strangers: int = MOST_STRANGERS,
        tls: Callable[[], ssl.SSLContext] | None = None,
        proxies: TrustedProxies = NO_PROXIES,
        limits: WebSocketLimits | None = None,
        note_close: Callable[[int], None] = UNOBSERVED.note_close,
    ) -> None:
        self._listening = listening
        self._siblings: Siblings | None = None
        self._connecting = 0  # accepted, and no link yet
        self._tls = tls
        self._handshakes: set[_Handshake] = set()
        self._loop = asyncio.get_running_loop()
        self._strangers: Strangers[_Connection] = Strangers(most_strangers)
        self._links: set[Link] = set()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._house = House(
            app=app,
            start_timeout_s=start_timeout_s,
            on_known=self._strangers.forget,
            note_close=note_close,
            proxies=proxies,
            limits=limits or WebSocketLimits(),
        )
        self._reported_at = -_REPORT_S
        self._is_closed = False
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def start(self, siblings: Siblings | None = None) -> None:
        """Accept from now on, beside other processes that wait at the same socket, if any do."""
        self._siblings = siblings
        self._tell_siblings()
        self._listening.setblocking(False)  # noqa: FBT003 - its name in the socket interface
        self._loop.add_reader(self._listening, self._accept)

    def tell_room(self, room: int) -> None:
        """Tell the other processes, if there are any, how many sessions would be let in here."""
        if self._siblings is not None:
            self._siblings.tell_room(room)

    def hurry_strangers(self) -> None:
        """Wait less for clients without a key that do not read: the server goes down.

        Whoever comes now is left to other processes, if there are any.
        """
        self.tell_room(0)
        for link in self._links:
            if link in self._strangers:
                link.write_timeout_s = min(link.write_timeout_s, _HURRIED_STRANGER_S)

    async def aclose(self) -> None:
        """Accept no more, close every connection, and wait until they have gone."""
        self._is_closed = True
        self._loop.remove_reader(self._listening)
        self._listening.close()
        self.hurry_strangers()
        for handshake in list(self._handshakes):
            handshake.abort()
        for link in list(self._links):
            link.shut_down()
        await self._wait(_CLOSE_S)
        for link in list(self._links):
            if link in self._strangers or not link.unread_bytes:
                link.abort()
        await self._wait(_READ_S)
        for link in list(self._links):
            link.abort()
        await self._end_tasks()
        for link in list(self._links):  # accepted in the last moment
            link.abort()

    async def _end_tasks(self) -> None:
        """Let the application tidy up: cut short, it would leave its decoders running."""
        tasks = set(self._house.tasks)
        if tasks:
            _, tasks = await asyncio.wait(tasks, timeout=_TIDY_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_empty.wait()

    def _accept(self, *, is_left: bool = False) -> None:
        """Take who waits; one who `is_left` by the others, in any case."""
        for count in range(_ACCEPTED_AT_ONCE):
            if not (is_left and count == 0) and self._leaves_it():
                return
            try:
                accepted, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._make_room(error)
                return
            accepted.setblocking(False)  # noqa: FBT003 - its name in the socket interface
            self._connecting += 1
            self._tell_siblings()
            self._house.run(self._connect(accepted))

    def _leaves_it(self) -> bool:
        """Leave whoever comes next to another process for a moment, if that has more room."""
        wait_s = 0.0 if self._siblings is None else self._siblings.wait_s()
        if not wait_s:
            return False
        self._loop.remove_reader(self._listening)
        self._loop.call_later(wait_s, self._take_what_is_left)
        return True

    def _take_what_is_left(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._listening, self._accept)
            self._accept(is_left=True)

    def _tell_siblings(self) -> None:
        if self._siblings is not None:
            self._siblings.tell_connections(len(self._links) + self._connecting)

    async def _connect(self, accepted: socket.socket) -> None:
        try:
            await self._make_connection(accepted)
        finally:
            self._connecting -= 1
            self._tell_siblings()

    async def _make_connection(self, accepted: socket.socket) -> None:
        unread_bytes = self._house.limits.max_unread_bytes
        try:
            # Without this the system holds up to megabytes for each client that does not read.
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, unread_bytes)
            if self._tls is None:
                await self._loop.connect_accepted_socket(
                    lambda: self._make_link(self._meet), accepted
                )
            else:
                await self._agree_on_tls(accepted, self._tls())
        except OSError:  # it was reset meanwhile; macOS says so here
            accepted.close()

    async def _agree_on_tls(self, accepted: socket.socket, tls: ssl.SSLContext) -> None:
        """Make a link once TLS is agreed on; who does not get there is a stranger too."""
        host = accepted.getpeername()[0]
        task = asyncio.current_task()
        assert task is not None
        handshake = _Handshake(task)
        self._handshakes.add(handshake)
        self._add_stranger(handshake, host)
        try:  # Cancelled, it closes the socket by itself: its number must not be given away before.
            await self._loop.connect_accepted_socket(
                lambda: self._make_link(lambda link: self._meet_over_tls(link, handshake)),
                accepted,
                ssl=tls,
                ssl_handshake_timeout=self._house.start_timeout_s,
                ssl_shutdown_timeout=_TLS_END_S,
            )
        finally:
            self._forget(handshake)

    def _make_link(self, meet: Callable[[Link], HttpTalk]) -> Link:
        return Link(
            meet,
            self._part,
            buffer=self._buffer,
            write_timeout_s=_WRITE_TIMEOUT_S,
            max_unread_bytes=self._house.limits.max_unread_bytes,
        )

    def _meet(self, link: Link) -> HttpTalk:
        self._links.add(link)
        self._is_empty.clear()
        self._add_stranger(link, link.peer[0] if link.peer else "")
        return HttpTalk(link, self._house)

    def _meet_over_tls(self, link: Link, handshake: _Handshake) -> HttpTalk:
        """Take it for one client, not two; who was let go of meanwhile takes nobody's place."""
        if not handshake.is_over:
            self._forget(handshake)
            return self._meet(link)
        self._links.add(link)
        self._is_empty.clear()
        link.abort()
        return HttpTalk(link, self._house)

    def _forget(self, handshake: _Handshake) -> None:
        self._handshakes.discard(handshake)
        self._strangers.forget(handshake)

    def _add_stranger(self, who: _Connection, host: str) -> None:
        leaving = self._strangers.add(who, host)
        if leaving is not None:
            self._let_go(leaving)

    def _part(self, link: Link) -> None:
        self._links.discard(link)
        self._strangers.forget(link)
        if not self._links:
            self._is_empty.set()
        self._tell_siblings()

    def _let_go(self, who: _Connection) -> None:
        self._strangers.forget(who)
        who.abort()
        words = "! too many clients without a key: the oldest are cut off"
        self._report(LogLine("strangers_cut_off", words))

    def _make_room(self, error: OSError) -> None:
        """Let a stranger go for the one who waits, or wait until somebody leaves."""
        words, reason = "! no connection can be accepted: {reason}", error.strerror or error
        self._report(LogLine("cannot_accept", words, reason=reason))
        leaving = self._strangers.next_to_go()
        if error.errno in _NO_ROOM and leaving is not None:
            self._let_go(leaving)
            return
        self._loop.remove_reader(self._listening)
        self._loop.call_later(_RETRY_S, self._accept_again)

    def _accept_again(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._listening, self._accept)

    def _report(self, line: LogLine) -> None:
        now = self._loop.time()
        if now - self._reported_at >= _REPORT_S:
            self._reported_at = now
            _log.warning(line)


def count_strangers_allowed() -> int:
    """Return how many clients without a key may be connected, by what the system allows."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # not a Unix
        import resource  # noqa: PLC0415 - not there on Windows

        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors > 0:
            return max(1, min(MOST_STRANGERS, int(descriptors * STRANGERS_SHARE)))
    return MOST_STRANGERS

"""Decoders, as many as there are streams, each a process that is forked from one.

Theory of operation. The one that forks (`audio.decoder_forks`) is started with the first decoder,
and again when it has gone. It gets three descriptors for each decoder: the ends of two sockets
that carry media and messages, and of a leash. When our end of the leash is shut, the decoder is
killed; when nothing more can come over it, the decoder has gone.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Self

from scribewire.audio.container import TrackWish
from scribewire.audio.decoder_messages import (
    DESCRIPTORS,
    DecoderLimits,
    encode_limits,
    encode_wish,
)
from scribewire.audio.local_decoder import decoder_environment
from scribewire.sources.decoder import DecoderLink, DecoderProcess

NICENESS: Final = 5
"""A third of the processor time of the server's threads, where there is not enough for all."""

_PCM_AHEAD_BYTES = 16 * 1024  # 0.5 s; the socket itself holds 2 s more
_SOCKET_BYTES = 64 * 1024  # what a pipe holds

_COMMAND: Final = ("-S", "-s", "-P", "-m", "scribewire.audio.decoder_forks")
_FIRST_S, _LAST_S = 30.0, 5.0
"""It answers and ends at once, but for loading FFmpeg on a busy machine; longer, it hangs."""


class Decoders:
    """Use as a context manager: at its end no decoder is left, nor what forks them."""

    def __init__(self) -> None:
        self._forks: _Forks | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._forks is not None:
            self._forks.end()

    @asynccontextmanager
    async def start(
        self, limits: DecoderLimits | None = None, wish: TrackWish | None = None
    ) -> AsyncIterator[DecoderProcess]:
        """Start one, which hears the track that is wished.

        At the end of the block it is gone, whatever happened. Raises OSError.
        """
        limits = limits or DecoderLimits()
        orders = f"{encode_limits(limits)}\n{encode_wish(wish or TrackWish())}\n"
        async with self._link() as link:
            link.stdin.write(orders.encode())
            decoder = DecoderProcess(link, limits)
            try:
                yield decoder
            finally:
                decoder.end()

    @asynccontextmanager
    async def _link(self) -> AsyncIterator[DecoderLink]:
        """Lead to a new process; at the end it is gone."""
        with ExitStack() as closed:
            pairs = [socket.socketpair() for _ in range(DESCRIPTORS)]
            for ours, theirs in pairs:
                closed.callback(ours.close)
                closed.callback(theirs.close)
                ours.setblocking(False)  # noqa: FBT003 - its name in the socket interface
            (stdin, _), (stdout, out), (leash, _) = pairs
            out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
            stdin.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
            pid = await self._fork([theirs for _, theirs in pairs], leash)
            _, writer = await asyncio.open_connection(sock=stdin)
            closed.callback(writer.transport.abort)
            reader, unused = await asyncio.open_connection(sock=stdout, limit=_PCM_AHEAD_BYTES)
            closed.callback(unused.transport.abort)
            link = DecoderLink(pid=pid, stdin=writer, stdout=reader, leash=leash)
            try:
                yield link
            finally:
                link.let_go()
                await _hear_no_more(leash)

    async def _fork(self, theirs: Sequence[socket.socket], leash: socket.socket) -> int:
        """Hand these over; return the number of the new process, 0 when there is none."""
        if self._forks is None or not self._forks.ask(theirs):
            if self._forks is not None:
                self._forks.end()
            self._forks = _Forks()
            self._forks.ask(theirs)
        forks = self._forks
        for one in theirs:
            one.close()
        try:
            async with asyncio.timeout(_FIRST_S):
                return int(await asyncio.get_running_loop().sock_recv(leash, 16) or 0)
        except TimeoutError:  # it hangs, and holds what it was handed
            forks.kill()
            if self._forks is forks:
                self._forks = None
            return 0


class _Forks:
    """The process that forks decoders. It answers once it has loaded all."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)  # noqa: FBT003 - its name in the socket interface
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                (sys.executable, *_COMMAND),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=decoder_environment(),
            )
        except BaseException:
            self._control.close()
            raise
        finally:
            theirs.close()
        # To load FFmpeg takes a quarter of a second of a core: those who speak come first.
        _have_give_way(self._process.pid)

    def ask(self, descriptors: Sequence[socket.socket]) -> bool:
        """Have a decoder forked; return whether there is who could. Raises OSError."""
        try:
            socket.send_fds(self._control, [b"\0"], [one.fileno() for one in descriptors])
        except ConnectionError:
            return False
        return True

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._control.close()
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End it, and with it the decoders that are left."""
        self._control.close()
        try:
            self._process.wait(_LAST_S)
        except subprocess.TimeoutExpired:
            self.kill()


def _have_give_way(leader: int) -> None:
    """Let a process that leads a session, and all that it starts, have less of the cores."""
    with suppress(ProcessLookupError, PermissionError):  # or we give way more than that
        os.setpriority(os.PRIO_PROCESS, leader, NICENESS)
    # Linux shares cores out by sessions where no control groups do, and processes' own niceness
    # counts only within one: see sched(7), "The autogroup feature".
    with suppress(OSError):  # not a Linux, or one that does not
        Path(f"/proc/{leader}/autogroup").write_text(str(NICENESS), "ascii")


async def _hear_no_more(leash: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_LAST_S):
            while await loop.sock_recv(leash, 64):
                pass

"""The parent of the decoders: it has loaded all that they use, and forks for each stream.

Theory of operation. Loading FFmpeg takes a quarter of a second of a core, a fork 2 ms; and what
was loaded is in memory once. Standard input is a Unix socket. With each byte of it come the
input and the output of a decoder and a leash, a socket that nothing is read from: who lets go
of it has that decoder killed, and it is let go of here when the decoder has gone. The decoder's
limits and the track that is wished are the first two lines of its input. This process itself
looks at no media. The network is given up before the first fork, once for all. Start it with
`python -m scribewire.audio.decoder_forks`; it ends with its input, and its decoders with it.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit
from typing import NoReturn

from scribewire.audio.decoder_messages import DESCRIPTORS, decode_limits, decode_wish
from scribewire.audio.decoder_process import run
from scribewire.audio.sandbox import die_with, isolate

_STDIN, _STDOUT = 0, 1
_MOST_DESCRIPTORS = 4096  # one for each decoder, and a few


class _Forks:
    """The decoders that run, and what is heard of them."""

    def __init__(self, control: socket.socket, *, is_isolated: bool) -> None:
        self._control, self._is_isolated = control, is_isolated
        self._leashes: dict[int, socket.socket] = {}
        self._ended, wakeup = socket.socketpair()
        for one in (self._ended, wakeup):
            one.setblocking(False)  # noqa: FBT003 - its name in the socket interface
        self._wakeup = wakeup
        signal.signal(signal.SIGCHLD, lambda *_: None)  # else nobody is woken
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._ended, selectors.EVENT_READ)

    def run(self) -> None:
        """Fork and reap until the control ends."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._ended:
                    self._ended.recv(4096)
                    self._reap()
                elif key.fileobj is not self._control:
                    self._let_go(int(key.data))
                elif not self._fork_next():
                    self._end()
                    return

    def _fork_next(self) -> bool:
        """Start the decoder that is asked for; return whether there was one."""
        data, descriptors, _, _ = socket.recv_fds(self._control, 1, DESCRIPTORS)
        if not data:
            return False
        if len(descriptors) != DESCRIPTORS:  # no room for all: none is held, which tells
            for one in descriptors:
                os.close(one)
            return True
        stdin, stdout, leash = descriptors
        held, parent = socket.socket(fileno=leash), os.getpid()
        try:
            pid = os.fork()
        except OSError:  # no room for it: that its leash is let go of tells
            held.close()
        else:
            if pid == 0:
                _become_decoder(parent, stdin, stdout, is_isolated=self._is_isolated)
            self._leashes[pid] = held
            self._selector.register(held, selectors.EVENT_READ, pid)
            with suppress(OSError):  # let go of already
                held.send(b"%d" % pid)
        finally:
            os.close(stdin)
            os.close(stdout)
        return True

    def _let_go(self, pid: int) -> None:
        if pid in self._leashes:  # not reaped yet, so it is nobody else
            self._selector.unregister(self._leashes[pid])
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                held = self._leashes.pop(pid)
                with suppress(KeyError):
                    self._selector.unregister(held)
                held.close()

    def _end(self) -> None:
        for pid in self._leashes:
            os.kill(pid, signal.SIGKILL)
        for pid in self._leashes:
            os.waitpid(pid, 0)


def _become_decoder(parent: int, stdin: int, stdout: int, *, is_isolated: bool) -> NoReturn:
    try:
        die_with(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(stdin, _STDIN)
        os.dup2(stdout, _STDOUT)
        # The leashes of others, and our own: what holds them is our parent alone.
        os.closerange(3, _MOST_DESCRIPTORS)
        limits, wish = decode_limits(_read_line()), decode_wish(_read_line())
        run(limits, wish, is_isolated=is_isolated)
        os._exit(0)
    finally:  # whatever was raised: this is no copy of the parent
        os._exit(1)


def _read_line() -> str:
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(_STDIN, 1)
        if not byte:
            os._exit(1)
        line += byte
    return line.decode()


def main() -> int:
    """Fork decoders until the standard input ends."""
    control = socket.socket(fileno=_STDIN)
    hard = getrlimit(RLIMIT_NOFILE)[1]
    most = _MOST_DESCRIPTORS if hard == RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    setrlimit(RLIMIT_NOFILE, (most, hard))
    forks = _Forks(control, is_isolated=isolate())
    gc.collect()
    gc.freeze()  # a collection in a child would copy what it could share
    forks.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

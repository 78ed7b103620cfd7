from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from scribewire.audio.container import TrackWish
from scribewire.audio.decoder_messages import DecoderLimits, encode_limits, encode_wish
from tests.parts.wav import FOREVER, wav

pytestmark = pytest.mark.slow  # each case starts a process that loads FFmpeg

ORDERS = f"{encode_limits(DecoderLimits())}\n{encode_wish(TrackWish())}\n".encode()
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Forked:
    """Our ends of what one decoder was given."""

    media: socket.socket
    messages: socket.socket
    leash: socket.socket
    pid: int

    def close(self) -> None:
        for one in (self.media, self.messages, self.leash):
            one.close()


@dataclass(frozen=True)
class Forking:
    """The process that forks, and what leads to it."""

    process: subprocess.Popen[bytes]
    control: socket.socket

    def fork(self) -> Forked:
        pairs = [socket.socketpair() for _ in range(3)]
        socket.send_fds(self.control, [b"\0"], [theirs.fileno() for _, theirs in pairs])
        for ours, theirs in pairs:
            ours.settimeout(PATIENCE_S)
            theirs.close()
        (media, _), (messages, _), (leash, _) = pairs
        return Forked(media, messages, leash, int(leash.recv(16)))


@pytest.fixture
def forking() -> Iterator[Forking]:
    control, theirs = socket.socketpair()
    with control, theirs:
        command = (sys.executable, "-m", "scribewire.audio.decoder_forks")
        process = subprocess.Popen(command, stdin=theirs.fileno())
        theirs.close()
        yield Forking(process, control)
    assert process.wait(PATIENCE_S) in (0, -signal.SIGKILL)


def read_to_end(messages: socket.socket) -> bytes:
    data = b""
    while more := messages.recv(65_536):
        data += more
    return data


def test_a_decoder_takes_its_orders_and_then_media(forking: Forking) -> None:
    forked = forking.fork()
    forked.media.sendall(ORDERS + wav(bytes(32_000), size=FOREVER))
    forked.media.shutdown(socket.SHUT_WR)

    assert b"pcm_s16le" in read_to_end(forked.messages)
    assert forked.leash.recv(1) == b""  # it has gone
    forked.close()


def test_a_leash_that_is_let_go_of_ends_its_decoder_alone(forking: Forking) -> None:
    one, other = forking.fork(), forking.fork()
    one.leash.shutdown(socket.SHUT_WR)

    assert one.leash.recv(1) == b""
    os.kill(other.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(one.pid, 0)
    for forked in (one, other):
        forked.close()


def test_a_leash_is_let_go_of_when_its_decoder_has_gone(forking: Forking) -> None:
    forked = forking.fork()
    os.kill(forked.pid, signal.SIGKILL)

    assert forked.leash.recv(1) == b""
    forked.close()


@pytest.mark.parametrize("orders", [b"", b"{", b"{}\n[\n"], ids=["none", "a part", "wrong"])
def test_without_orders_nothing_is_decoded(forking: Forking, orders: bytes) -> None:
    forked = forking.fork()
    forked.media.sendall(orders)
    forked.media.shutdown(socket.SHUT_WR)

    assert read_to_end(forked.messages) == b""
    assert forked.leash.recv(1) == b""
    forked.close()


def test_no_decoder_outlives_the_control(forking: Forking) -> None:
    forked = forking.fork()
    forking.control.shutdown(socket.SHUT_RDWR)

    assert forked.leash.recv(1) == b""
    with pytest.raises(ProcessLookupError):
        os.kill(forked.pid, 0)
    forked.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of it")
def test_no_decoder_outlives_what_forked_it(forking: Forking) -> None:
    forked = forking.fork()
    forking.process.send_signal(signal.SIGKILL)
    forking.process.wait(PATIENCE_S)

    assert read_to_end(forked.messages) == b""
    forked.close()

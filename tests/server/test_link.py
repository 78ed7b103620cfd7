from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scribewire.server.link import READ_BYTES, UNREAD_BYTES, Hold, Link
from tests.parts.certificates import certify, served_with


@dataclass
class Ears:
    """What is spoken here is only listened to."""

    heard: bytes = b""
    ends: list[str] = field(default_factory=list)
    has_news: asyncio.Event = field(default_factory=asyncio.Event)

    def receive_data(self, data: bytes) -> None:
        self.heard += data
        self.has_news.set()

    def receive_eof(self) -> None:
        self._end("eof")

    def may_write(self) -> None:
        self._end("read")

    def stop_waiting(self) -> None:
        self._end("not waited for")

    def lose(self) -> None:
        self._end("lost")

    def shut_down(self) -> None:
        self._end("shut down")

    def _end(self, how: str) -> None:
        self.ends.append(how)
        self.has_news.set()

    async def hear(self, end: str) -> None:
        async with asyncio.timeout(5):
            while end not in self.ends:
                self.has_news.clear()
                await self.has_news.wait()


@contextlib.asynccontextmanager
async def linked(
    write_timeout_s: float = 5,
    *,
    max_unread_bytes: int = UNREAD_BYTES,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[Link, Ears, socket.socket]]:
    loop = asyncio.get_running_loop()
    ears = Ears()
    ours, theirs = socket.socketpair()
    with theirs:
        for one in (ours, theirs):
            one.setblocking(False)  # noqa: FBT003 - its name in the socket interface
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        buffer = memoryview(bytearray(READ_BYTES))

        def make_link() -> Link:
            return Link(
                lambda _: ears,
                lambda _: None,
                buffer=buffer,
                write_timeout_s=write_timeout_s,
                max_unread_bytes=max_unread_bytes,
            )

        connecting = loop.connect_accepted_socket(make_link, ours, ssl=tls)
        if tls is None:
            transport, link = await connecting
        else:
            (transport, link), _ = await asyncio.gather(connecting, agree_on_tls(theirs))
        yield link, ears, theirs
        transport.abort()
        await ears.hear("lost")


async def agree_on_tls(theirs: socket.socket) -> None:
    """Do what a client over TLS does, until both agree."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(heard, said)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    await loop.sock_sendall(theirs, said.read())
    heard.write(await loop.sock_recv(theirs, 16_384))
    client.do_handshake()
    await loop.sock_sendall(theirs, said.read())


async def test_what_comes_is_passed_on_unless_it_is_held() -> None:
    async with linked() as (link, ears, theirs):
        link.hold(Hold.APPLICATION)
        link.hold(Hold.WRITING)
        link.release(Hold.APPLICATION)
        theirs.send(b"a")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held = ears.heard
        link.release(Hold.WRITING)
        link.release(Hold.WRITING)  # once more does no harm
        await ears.has_news.wait()

    assert (held, ears.heard) == (b"", b"a")


@pytest.mark.slow
async def test_a_client_that_reads_nothing_is_cut_off() -> None:
    async with linked(write_timeout_s=0.1) as (link, ears, _):
        link.write(bytes(1_000_000))
        assert not link.can_be_written.is_set()
        await ears.hear("not waited for")
        link.write(b"last words")
        link.close()
        await ears.hear("lost")

        assert link.is_gone
        assert link.can_be_written.is_set()  # nobody waits for it
        link.write(b"late")


@pytest.mark.slow
async def test_a_client_over_tls_that_reads_nothing_is_cut_off_however_little_waits(
    tmp_path: Path,
) -> None:
    tls = served_with(certify("127.0.0.1"), folder=tmp_path)
    async with linked(0.1, tls=tls) as (link, ears, _):
        link.write(bytes(30_000))
        assert link.can_be_written.is_set()
        await ears.hear("not waited for")

        assert 0 < link.unread_bytes < 31_000


async def test_over_tls_no_more_is_held_than_without(tmp_path: Path) -> None:
    tls = served_with(certify("127.0.0.1"), folder=tmp_path)
    async with linked(max_unread_bytes=16_384, tls=tls) as (link, ears, _):
        written = 0
        while link.can_be_written.is_set():
            link.write(bytes(1_000))
            written += 1_000

        assert 16_384 <= written < 30_000  # with what the system holds
        assert ears.ends == []


async def test_over_tls_it_may_be_closed_twice(tmp_path: Path) -> None:
    tls = served_with(certify("127.0.0.1"), folder=tmp_path)
    async with linked(tls=tls) as (link, _, _):
        link.close_now()
        link.close_now()

        assert link.unread_bytes == 0


async def test_over_tls_one_that_closes_and_is_closed_meanwhile_can_be_cut_off(
    tmp_path: Path,
) -> None:
    tls = served_with(certify("127.0.0.1"), folder=tmp_path)
    async with linked(tls=tls) as (link, ears, _):
        link.close()  # once it is quiet: 0.05 s
        link.close_now()
        link.give_up_in(0.1)
        await ears.hear("lost")

        assert link.unread_bytes == 0


@pytest.mark.slow
async def test_a_client_that_reads_slowly_is_not() -> None:
    async with linked(write_timeout_s=1.0) as (link, ears, theirs):
        loop = asyncio.get_running_loop()
        link.write(bytes(100_000))
        left = 100_000
        while left:  # a little in each half of the time it has
            await asyncio.sleep(0.05)
            left -= len(await loop.sock_recv(theirs, 4096))
        await ears.hear("read")

        assert "lost" not in ears.ends


async def test_last_words_reach_a_client_that_is_still_sending() -> None:
    loop = asyncio.get_running_loop()
    async with linked() as (link, ears, theirs):
        link.write(b"bye")
        link.close()
        await loop.sock_sendall(theirs, bytes(50_000))

        assert await loop.sock_recv(theirs, 10) == b"bye"
        assert await loop.sock_recv(theirs, 10) == b""
        theirs.shutdown(socket.SHUT_WR)
        await ears.hear("lost")

    assert ears.heard == b""


async def test_a_client_that_shuts_its_sending_side_may_read_on() -> None:
    loop = asyncio.get_running_loop()
    async with linked() as (link, ears, theirs):
        theirs.shutdown(socket.SHUT_WR)
        await ears.hear("eof")
        link.write(b"more")

        assert await loop.sock_recv(theirs, 10) == b"more"
        link.close_now()


async def test_a_deadline_cuts_off_unless_it_is_taken_back() -> None:
    async with linked() as (link, ears, _):
        link.give_up_in(0)
        link.give_up_in(None)
        await asyncio.sleep(0)
        assert not link.is_gone
        link.give_up_in(0)
        await ears.hear("lost")


async def test_rests_add_up() -> None:
    async with linked() as (link, ears, theirs):
        link.rest(0.01)
        link.rest(0.01)
        assert link.is_held
        theirs.send(b"a")
        await ears.has_news.wait()

        assert not link.is_held

"""A proxy on loopback in front of one address, whose connections are lost when it is told.

async with run_cutting_proxy(server.port, [Cut(after_sent=5000), Cut(is_at_accept=True)]) as proxy:
    ... f"ws://127.0.0.1:{proxy.port}" ... proxy.cut_all() ... proxy.connections, proxy.cuts ...
    async with proxy.refusing():
        ...

Each connection follows the next plan; those behind the last one are never cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LOOPBACK: Final = "127.0.0.1"
_PIECE_BYTES: Final = 1 << 16
_RESET: Final = struct.pack("ii", 1, 0)  # lingering for no time: closing sends a reset


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """When a connection is lost: at what comes first of these. With none of them it never is.

    A reset overtakes what a side has not taken yet, so it may get less than was let through.
    """

    is_at_accept: bool = False
    """At once; the server never hears of it."""
    after_sent: int | None = None
    """So many bytes of the client were let through; 0: at the first, which is not."""
    after_answered: int | None = None
    """So many bytes of the server were; 0: at the first of its answer to the handshake."""
    at_words: bytes | None = None
    """The server has said this. It is let through, and what comes behind it is not: that is in the
    midst of a message, unless there is more."""
    more_bytes: int = 0
    """Of what comes behind these words, so many bytes are let through."""
    is_silent: bool = False
    """Nothing is closed, and nothing goes through any more, as in a network that has died."""
    name: str = "planned"
    """What such cuts are counted as."""


NEVER: Final = Cut()


def random_cuts(seed: int, *, count: int, most_bytes: int) -> Iterator[Cut]:
    """Return plans for so many connections that are cut anywhere, in `most_bytes` of audio."""
    drawn = random.Random(seed)
    for _ in range(count):
        yield drawn.choice(
            (
                Cut(is_at_accept=True, name="accept"),
                Cut(after_answered=0, name="handshake"),
                Cut(after_sent=drawn.randrange(most_bytes), name="sending"),
                Cut(after_answered=drawn.randrange(2000), name="receiving"),
            )
        )


@dataclass
class CuttingProxy:
    """A running proxy. The port it leads to may be changed; that holds for new connections."""

    upstream_port: int
    plans: Iterator[Cut]
    """For the connections that are to come."""
    upstream_host: str = _LOOPBACK
    port: int = 0
    connections: int = 0
    """Accepted so far."""
    made: Counter[str] = field(default_factory=Counter)
    """The cuts so far, silences too, by their names."""
    _links: dict[asyncio.Task[None], _Link] = field(default_factory=dict)
    _listener: asyncio.Server | None = None

    @property
    def cuts(self) -> int:
        """How many were made."""
        return self.made.total()

    def cut_all(self, *, is_silent: bool = False, name: str = "all") -> int:
        """Lose all connections there are, now; return how many. Silent ones may be reset yet."""
        links = list(self._links.values())
        return sum(link.cut(is_silent=is_silent, name=name) for link in links)

    @contextlib.asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """Refuse new connections for as long as the context is open."""
        assert self._listener is not None, "it refuses already"
        self._listener.close()
        self._listener = None
        bound = _bind(self.port)  # it does not listen, and nobody else gets the port
        try:
            yield
        finally:
            await self._listen(bound)

    async def _listen(self, bound: socket.socket) -> None:
        self.port = bound.getsockname()[1]
        accept = self._accept
        self._listener = await asyncio.start_server(accept, sock=bound, start_serving=False)
        await self._listener.start_serving()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._listener is None:  # it was accepted just before
            writer.transport.abort()
            return
        self.connections += 1
        link = _Link(reader, writer, next(self.plans, NEVER), self.made)
        task = asyncio.create_task(link.run(self.upstream_host, self.upstream_port))
        self._links[task] = link
        task.add_done_callback(self._links.pop)

    async def _end(self) -> None:
        listener, self._listener = self._listener, None
        assert listener is not None
        listener.close()
        links = dict(self._links)
        for task, link in links.items():
            link.reset()  # one that has not begun yet will not
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        await listener.wait_closed()


@contextlib.asynccontextmanager
async def run_cutting_proxy(
    upstream_port: int,
    plans: Iterable[Cut] = (),
    *,
    upstream_host: str = _LOOPBACK,
    port: int = 0,
) -> AsyncIterator[CuttingProxy]:
    """Listen for as long as the context is open, on a free port unless told."""
    proxy = CuttingProxy(upstream_port, iter(plans), upstream_host)
    await proxy._listen(_bind(port))  # noqa: SLF001 - its own
    try:
        yield proxy
    finally:
        await proxy._end()  # noqa: SLF001 - its own


def _bind(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((_LOOPBACK, port))
    return bound


class _Link:
    """One connection of a client, and ours to the server."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        plan: Cut,
        made: Counter[str],
    ) -> None:
        self._client = reader, writer
        self._writers = [writer]
        self._plan = plan
        self._made = made
        self._is_silent = False
        self._is_over = asyncio.Event()

    async def run(self, host: str, port: int) -> None:
        """Let through what comes, until the plan's cut or until both sides have closed."""
        try:
            if self._plan.is_at_accept:
                self._cut_as_planned()
            else:
                await self._join(host, port)
        except OSError:
            pass  # one side has gone, or there is no server: so has the other
        finally:
            self.reset()
            for writer in self._writers:
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    def cut(self, *, is_silent: bool, name: str) -> bool:
        """Lose it now; whether it was not lost before."""
        if self._is_over.is_set() or (self._is_silent and is_silent):
            return False
        self._made[name] += 1
        if is_silent:
            self._is_silent = True
            for writer in self._writers:
                assert isinstance(writer.transport, asyncio.Transport)
                writer.transport.pause_reading()
        else:
            self.reset()
        return True

    def _cut_as_planned(self) -> None:
        self.cut(is_silent=self._plan.is_silent, name=self._plan.name)

    def reset(self) -> None:
        """Leave both sides, whatever of it is still on its way."""
        self._is_over.set()
        for writer in self._writers:
            if not writer.is_closing():
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _RESET
                )
                writer.transport.abort()

    async def _join(self, host: str, port: int) -> None:
        client_reader, client_writer = self._client
        server_reader, server_writer = await asyncio.open_connection(host, port)
        self._writers.append(server_writer)
        if self._is_over.is_set():
            return
        for writer in self._writers:
            writer.transport.set_write_buffer_limits(0)  # `drain` returns when all is on its way
        plan = self._plan
        up = _Gate(plan.after_sent)
        down = _Gate(plan.after_answered, plan.at_words, plan.more_bytes)
        sides = (
            asyncio.create_task(self._pump(client_reader, server_writer, up)),
            asyncio.create_task(self._pump(server_reader, client_writer, down)),
        )
        try:
            await asyncio.gather(*sides)
            for writer in self._writers:
                writer.close()
        finally:
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: _Gate
    ) -> None:
        while data := await reader.read(_PIECE_BYTES):
            if self._is_silent:
                await self._is_over.wait()
            if self._is_over.is_set():
                return
            passing = gate.let_through(data)
            if passing:
                writer.write(passing)
                await writer.drain()
            if gate.is_shut:
                self._cut_as_planned()
                await self._is_over.wait()
        if self._is_silent:
            await self._is_over.wait()
        if not writer.is_closing():
            writer.write_eof()


class _Gate:
    """What is let through in one direction before the cut."""

    def __init__(self, most_bytes: int | None, words: bytes | None = None, more: int = 0) -> None:
        self._left = most_bytes
        self._words, self._more = words, more
        self._tail = b""  # what may be the beginning of the words
        self.is_shut = False

    def let_through(self, data: bytes) -> bytes:
        """Return what of this goes through, and shut where something does not."""
        if self._words is not None:
            self._look_for(self._words, data)
        if self._left is None:
            return data
        end = min(len(data), self._left)
        self.is_shut = end == self._left
        self._left -= end
        return data[:end]

    def _look_for(self, words: bytes, data: bytes) -> None:
        seen = self._tail + data
        if (at := seen.find(words)) < 0:
            self._tail = seen[max(0, len(seen) - len(words) + 1) :]
            return
        behind = at + len(words) - len(self._tail) + self._more
        self._left = behind if self._left is None else min(self._left, behind)
        self._words = None

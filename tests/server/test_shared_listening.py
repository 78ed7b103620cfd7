"""Several listeners at one socket, as processes have it: who takes whom."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from scribewire.server.listener import Listener
from scribewire.server.siblings import Board, Siblings, making_board
from tests.parts.raw_websocket import RawSocket, open_raw
from tests.server.test_listener import echo


@pytest.fixture
def board() -> Iterator[Board]:
    with making_board(2) as board:
        yield board


class SharedPortOfTwo:
    """Two listeners at one port; what each has is read from the board."""

    def __init__(self, board: Board, port: int, siblings: tuple[Siblings, Siblings]) -> None:
        self.port, self.siblings, self._board = port, siblings, board

    @property
    def connections(self) -> list[int]:
        standings = [self._board.standing(one) for one in (0, 1)]
        return [0 if one is None else -one.fewer_connections for one in standings]


@contextlib.asynccontextmanager
async def two_listeners(board: Board, *, started: int = 2) -> AsyncIterator[SharedPortOfTwo]:
    siblings = Siblings(board, 0), Siblings(board, 1)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        listeners = [Listener(sock.dup(), echo, start_timeout_s=15) for _ in siblings]
        for listener, own in list(zip(listeners, siblings, strict=True))[:started]:
            listener.start(own)
        try:
            yield SharedPortOfTwo(board, sock.getsockname()[1], siblings)
        finally:
            await asyncio.gather(*(listener.aclose() for listener in listeners))


@contextlib.asynccontextmanager
async def clients(port: int, count: int) -> AsyncIterator[list[RawSocket]]:
    """Open so many WebSockets, all at once."""
    async with contextlib.AsyncExitStack() as owned:
        opened = [open_raw("127.0.0.1", port, "/") for _ in range(count)]
        yield list(await asyncio.gather(*(owned.enter_async_context(one) for one in opened)))


async def test_connections_that_come_at_once_are_shared_out(board: Board) -> None:
    async with two_listeners(board) as port:
        for siblings in port.siblings:
            siblings.tell_room(100)
        async with clients(port.port, 20):
            fewest, most = sorted(port.connections)

    assert fewest + most == 20
    assert fewest >= 8


async def test_who_is_full_takes_nobody_while_another_has_room(board: Board) -> None:
    async with two_listeners(board) as port:
        port.siblings[0].tell_room(0)
        port.siblings[1].tell_room(100)
        async with clients(port.port, 20):
            assert port.connections == [0, 20]


async def test_who_is_full_takes_those_whom_the_other_does_not(board: Board) -> None:
    async with two_listeners(board, started=1) as port:
        port.siblings[0].tell_room(0)
        port.siblings[1].tell_room(100)  # it hangs
        async with clients(port.port, 3):
            assert port.connections == [3, 0]

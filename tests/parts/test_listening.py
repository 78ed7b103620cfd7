from __future__ import annotations

import asyncio
import contextlib
import gc
import socket

import pytest

from tests.parts.listening import run_listener


async def test_a_connection_is_closed_when_it_has_been_served() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())

    async with run_listener(serve) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\n")
        assert await reader.read() == b"HELLO\n"
        writer.close()


async def test_one_that_is_being_served_ends_with_the_listener() -> None:
    begun = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        begun.set()
        await reader.read()

    async with run_listener(serve) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await begun.wait()
    assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize("is_served", [False, True])
async def test_one_that_takes_nothing_any_more_ends_with_it_too(*, is_served: bool) -> None:
    begun = asyncio.Queue[asyncio.StreamWriter]()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(50_000_000))
        begun.put_nowait(writer)
        if not is_served:
            await writer.drain()

    async with run_listener(serve) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        served = await begun.get()
    try:
        async with asyncio.timeout(10):
            await served.wait_closed()
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("ticks", range(8))
def test_nothing_is_left_of_one_that_came_in_the_last_moment(ticks: int) -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def come(opened: list[socket.socket]) -> None:
        async with run_listener(serve) as port:
            opened += [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
            for _ in range(ticks):
                await asyncio.sleep(0)

    opened: list[socket.socket] = []
    asyncio.run(come(opened))
    gc.collect()  # pytest fails on what a destructor warns of
    for one in opened:
        with one:
            one.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1) == b""

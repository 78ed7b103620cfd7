from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.parts.cutting_proxy import NEVER, Cut, CuttingProxy, random_cuts, run_cutting_proxy
from tests.parts.listening import run_listener
from tests.parts.raw_origin import HANG, RawOrigin, run_raw_origin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

ASKED = b"GET / HTTP/1.0\r\n\r\n"
PATIENCE_S = 20.0


@contextlib.asynccontextmanager
async def run_echo(heard: bytearray) -> AsyncIterator[int]:
    """Answer whatever comes with itself, in capitals; return the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1000):
                heard.extend(data)
                writer.write(data.upper())
                await writer.drain()

    async with run_listener(serve) as port:
        yield port


async def say(proxy: CuttingProxy, data: bytes) -> bytes | None:
    """Return the answer to it, when all has been said; None where the connection is reset."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            writer.write(data)
            writer.write_eof()
            return await reader.read()
        except ConnectionResetError:
            return None
        finally:
            writer.close()


async def test_what_is_not_cut_goes_through_both_ways() -> None:
    said = os.urandom(1_000_000).lower()
    async with run_echo(bytearray()) as port, run_cutting_proxy(port) as proxy:
        answers = await asyncio.gather(*(say(proxy, said) for _ in range(3)))

    assert answers == [said.upper()] * 3
    assert (proxy.connections, proxy.cuts) == (3, 0)


@pytest.mark.parametrize(
    ("plan", "heard"),
    [
        (Cut(is_at_accept=True), b""),
        (Cut(after_sent=0), b""),
        (Cut(after_sent=4), b"abcd"),
        (Cut(after_sent=6), b"abcdef"),
        (Cut(after_answered=0), b"abcdef"),
        (Cut(after_answered=3), b"abcdef"),
        (Cut(at_words=b"CD"), b"abcdef"),
    ],
)
async def test_a_plan_cuts_its_connection_alone(plan: Cut, heard: bytes) -> None:
    reached = bytearray()
    async with run_echo(reached) as port, run_cutting_proxy(port, [NEVER, plan]) as proxy:
        answers = [await say(proxy, b"abcdef") for _ in range(3)]

    assert answers == [b"ABCDEF", None, b"ABCDEF"]
    assert reached == b"abcdef" + heard + b"abcdef"
    assert (proxy.connections, proxy.made) == (3, Counter(planned=1))


@pytest.mark.parametrize(
    ("plan", "sent", "expected"),
    [
        (Cut(after_answered=4, is_silent=True), b"abcdef", b"ABCD"),
        (Cut(at_words=b"CD", is_silent=True), b"abcdef", b"ABCD"),
        (Cut(at_words=b"CD", is_silent=True), b"abc.cdcd", b"ABC.CD"),
        (Cut(at_words=b"BC", more_bytes=2, is_silent=True), b"abcdefbc", b"ABCDE"),
        (Cut(after_sent=2, is_silent=True), b"ab", b""),
    ],
)
async def test_in_silence_nothing_is_closed(plan: Cut, sent: bytes, expected: bytes) -> None:
    async with run_echo(bytearray()) as port, run_cutting_proxy(port, [plan]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        for at in range(len(sent)):  # letter by letter: words may come in pieces
            writer.write(sent[at : at + 1])
            await asyncio.sleep(0)
        assert await reader.readexactly(len(expected)) == expected
        while not proxy.cuts:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(), 0.05)
        assert proxy.cut_all(is_silent=True) == 0
        assert proxy.cut_all() == 1
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_all_are_cut_at_once(proxy_of_a_hanging_origin: CuttingProxy) -> None:
    proxy = proxy_of_a_hanging_origin
    saying = [asyncio.create_task(say(proxy, ASKED)) for _ in range(5)]
    while proxy.connections < 5:  # noqa: ASYNC110 - nobody is told of them
        await asyncio.sleep(0)

    assert proxy.cut_all(name="mine") == 5
    assert await asyncio.gather(*saying) == [None] * 5
    assert proxy.cut_all() == 0
    assert proxy.made == Counter(mine=5)


@pytest.fixture
async def origin() -> AsyncIterator[RawOrigin]:
    async with run_raw_origin((b"begun", HANG)) as running:
        yield running


@pytest.fixture
async def proxy_of_a_hanging_origin(origin: RawOrigin) -> AsyncIterator[CuttingProxy]:
    async with run_cutting_proxy(origin.port) as proxy:
        yield proxy


async def test_a_reset_of_the_server_is_passed_on() -> None:
    async with (
        run_echo(bytearray()) as port,
        run_cutting_proxy(port, [Cut(after_sent=3)]) as far,
        run_cutting_proxy(far.port) as near,
    ):
        assert await say(near, b"abcdef") is None

    assert (near.connections, near.cuts, far.cuts) == (1, 0, 1)


async def test_refused_for_a_while(proxy_of_a_hanging_origin: CuttingProxy) -> None:
    proxy = proxy_of_a_hanging_origin
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(ASKED)
    async with proxy.refusing():
        with pytest.raises(ConnectionRefusedError):
            await say(proxy, ASKED)
        assert await reader.readexactly(5) == b"begun"  # who is connected stays so
    writer.close()
    again, other = await asyncio.open_connection("127.0.0.1", proxy.port)
    other.write(ASKED)

    assert await again.readexactly(5) == b"begun"
    other.close()


@pytest.mark.slow
async def test_who_reads_slowly_holds_up_the_server() -> None:
    piece, most, written = bytes(1 << 20), 200 << 20, asyncio.Queue[int]()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(most // len(piece)):
            writer.write(piece)
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                written.put_nowait(number * len(piece))
                break
        else:
            written.put_nowait(most)
        writer.transport.abort()

    async with run_listener(serve) as port, run_cutting_proxy(port) as proxy:
        _, client = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1000)
        assert await written.get() < most / 2
        client.transport.abort()


async def test_a_server_that_is_not_there_is_a_reset() -> None:
    async with run_echo(bytearray()) as port:
        pass
    async with run_cutting_proxy(port) as proxy:
        assert await say(proxy, ASKED) is None

    assert proxy.cuts == 0


@pytest.mark.parametrize("plans", [(), [Cut(after_answered=5, is_silent=True)]])
async def test_nothing_is_left_of_it(origin: RawOrigin, plans: Iterable[Cut]) -> None:
    before = _descriptors(), len(asyncio.all_tasks())
    async with run_cutting_proxy(origin.port, plans) as proxy:
        open_ones = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in range(3)]
        for _, writer in open_ones:
            writer.write(ASKED)
        await open_ones[0][0].readexactly(5)
    for reader, writer in open_ones:
        with pytest.raises(ConnectionResetError):
            await reader.read(1000) and await reader.read(1000)
        writer.close()
    async with asyncio.timeout(PATIENCE_S):
        while (_descriptors(), len(asyncio.all_tasks())) != before:  # noqa: ASYNC110 - ends of others
            await asyncio.sleep(0)


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_random_plans_are_those_of_their_seed() -> None:
    first, second, third = (list(random_cuts(seed, count=50, most_bytes=100)) for seed in (1, 1, 2))

    assert first == second != third
    assert {plan.name for plan in first} == {"accept", "handshake", "sending", "receiving"}

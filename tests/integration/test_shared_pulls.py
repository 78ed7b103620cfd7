"""Sessions of one server that hear the same radio: one connection to it, everybody's own finals."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from scribewire.grants import Grant
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.raw_origin import HANG, Answer, live, ok, run_raw_origin
from tests.parts.wav import FOREVER, wav

if TYPE_CHECKING:
    from tests.parts.raw_origin import RawOrigin

PATIENCE_S = 30.0
SPEECH = draw_pcm("." * 20 + "hello" * 3 + "." * 40 + "again" * 3 + "." * 40)
SPEECH_MS = len(SPEECH) // 32
ON_AIR = "icy-name: Radio Example"


def radio(*steps: bytes | asyncio.Event) -> Answer:
    return (live(wav(b"", size=FOREVER), ON_AIR), *steps, HANG)


@contextlib.asynccontextmanager
async def hearing(server: RunningServer, origin: RawOrigin, key: str) -> AsyncIterator[RawClient]:
    path = f"/v2/client/{key}?url={quote(origin.url('/live'), safe='')}"
    async with server.dial(path) as client:
        yield client


async def until_finals(client: RawClient, count: int) -> list[tuple[str, int]]:
    """Return what was said, and where on the client's own clock."""
    while len(client.finals) < count:
        await client.next()
    return [(m["text"], m["offset_ms"]) for m in client.messages if m.get("is_final")]


async def until_state(client: RawClient, state: str) -> None:
    while not any(m.get("state") == state for m in client.messages):
        await client.next()


@pytest.mark.slow
async def test_one_connection_serves_all_and_finals_are_those_of_a_pull_of_ones_own() -> None:
    may_speak = asyncio.Event()
    async with (
        asyncio.timeout(PATIENCE_S),
        run_raw_origin(radio(may_speak, SPEECH)) as origin,
        run_server(allow_source=("127.0.0.1",)) as server,
    ):
        async with hearing(server, origin, "key-1") as alone:
            may_speak.set()
            expected = await until_finals(alone, 2)
        may_speak.clear()
        connected = origin.connections
        async with (
            hearing(server, origin, "key-1") as one,
            hearing(server, origin, "key-2") as other,
        ):
            await asyncio.gather(*(until_state(client, "loading") for client in (one, other)))
            while origin.connections == connected:  # noqa: ASYNC110 - it has no event of it
                await asyncio.sleep(0.01)
            may_speak.set()
            found = await asyncio.gather(until_finals(one, 2), until_finals(other, 2))

    assert list(found) == [expected, expected]
    assert origin.connections == connected + 1


@pytest.mark.slow
async def test_who_comes_later_begins_at_nought_and_hears_what_is_said_from_then_on() -> None:
    again = asyncio.Event()
    async with (
        asyncio.timeout(PATIENCE_S),
        run_raw_origin(radio(SPEECH, again, SPEECH)) as origin,
        run_server(allow_source=("127.0.0.1",)) as server,
        hearing(server, origin, "key-1") as one,
    ):
        first = await until_finals(one, 2)
        async with hearing(server, origin, "key-2") as late:
            await until_state(late, "listening")
            again.set()
            heard = await until_finals(late, 2)
            both = await until_finals(one, 4)

    behind_ms = both[2][1] - heard[0][1]
    assert [text for text, _ in heard] == [text for text, _ in first]
    assert both[2:] == [(text, at_ms + behind_ms) for text, at_ms in heard]
    # The end of what was said before may be on its way.
    assert first[-1][1] <= behind_ms <= SPEECH_MS
    assert origin.connections == 1


@pytest.mark.slow
async def test_each_session_counts_the_minutes_that_it_hears(tmp_path: Path) -> None:
    may_speak = asyncio.Event()
    async with (
        asyncio.timeout(PATIENCE_S),
        run_raw_origin(radio(may_speak, SPEECH)) as origin,
        run_server(
            keys=(), database=f"sqlite:///{tmp_path / 'keys'}", allow_source=("127.0.0.1",)
        ) as server,
    ):
        keys = server.services.keys
        made = [
            await keys.call(lambda books: books.store.create(Grant(name="x"), now=time.time()))
            for _ in range(2)
        ]
        async with (
            hearing(server, origin, made[0].key) as one,
            hearing(server, origin, made[1].key) as other,
        ):
            while not origin.connections:  # noqa: ASYNC110 - it has no event of it
                await asyncio.sleep(0.01)
            may_speak.set()
            await asyncio.gather(until_finals(one, 2), until_finals(other, 2))
        await keys.synchronise()
        today = datetime.now(UTC).date()
        counts = await keys.call(lambda books: books.usage.by_day(today=today, days=2))

    assert origin.connections == 1
    assert [count.sessions for count in counts] == [1, 1]
    # Each all of it, but for what was under way behind the last final when its client left.
    assert all(SPEECH_MS / 2 < count.audio_ms <= SPEECH_MS for count in counts)


@pytest.mark.slow
async def test_a_file_is_heard_by_each_from_its_beginning() -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        run_raw_origin(ok(wav(SPEECH))) as origin,
        run_server(allow_source=("127.0.0.1",)) as server,
        hearing(server, origin, "key-1") as one,
        hearing(server, origin, "key-2") as other,
    ):
        codes = await asyncio.gather(one.until_closed(), other.until_closed())

    assert list(codes) == [1000, 1000]
    assert one.finals == other.finals == ["hello" * 3, "again" * 3]
    assert origin.connections == 2

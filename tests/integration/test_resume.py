"""A session goes on over another connection as if nothing had happened."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scribewire.engines.engines import Engines
from scribewire.grants import Grant
from scribewire.testing.faulty import StuckEngine
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import ScriptedVad, draw_pcm
from tests.parts.origin import run_origin
from tests.parts.wav import wav

START = '{"action":"start"}'
STOP = '{"action":"stop"}'
ASKING = "/v2/realtime?token=key-1&resume=true"
SAID = "..hello" + "." * 20 + "again" + "." * 20 + "third" + "." * 25
PIECE_BYTES = 3200
PATIENCE_S = 20.0


@pytest.fixture
def pcm() -> bytes:
    return draw_pcm(SAID)


def path_back(listening: dict[str, Any], seen: int, **others: object) -> str:
    """Return where a client goes that comes back."""
    given = {
        "session": listening["session_id"],
        "epoch": listening["epoch"],
        "finals": seen,
        "oldest_byte": 0,
        **others,
    }
    return ASKING + "".join(f"&{name}={value}" for name, value in given.items())


async def listened(client: RawClient, *, starts: bool = True) -> dict[str, Any]:
    if starts:
        await client.send(START)
    while (message := await client.next()).get("state") != "listening":
        assert "error" not in message, message
    return message


def cut(client: RawClient) -> None:
    """Have the network lose the connection."""
    client.websocket.transport.abort()


def finals_of(client: RawClient) -> list[str]:
    """Return the finals as they came, letter by letter."""
    return [text for text in client.texts if '"is_final":true' in text]


def numbers_of(finals: list[str]) -> list[int]:
    return [int(text.rpartition('"number":')[2].rstrip("}")) for text in finals]


async def undisturbed(server: RunningServer, pcm: bytes) -> list[str]:
    async with server.dial(ASKING) as client:
        await listened(client)
        await client.send(pcm, STOP)
        assert await client.until_closed() == 1000
    return finals_of(client)


async def until_kept(server: RunningServer, count: int = 1) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while server.services.kept.count != count:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)


async def send_until_cut(client: RawClient, pcm: bytes, until: int) -> None:
    with contextlib.suppress(Exception):
        for start in range(0, until, PIECE_BYTES):
            await client.send(pcm[start : min(start + PIECE_BYTES, until)])


async def hear_cut(servers: Sequence[RunningServer], pcm: bytes, cuts: Iterable[int]) -> list[str]:
    """Send it with the connection cut at these bytes, each time back at the next server."""
    path, finals = ASKING, list[str]()
    for server, at in zip(itertools.cycle(servers), [*cuts, None], strict=False):
        async with server.dial(path) as client:
            listening = await listened(client)
            rest = pcm[listening["received_bytes"] :]
            if at is None:
                await client.send(rest, STOP)
                assert await client.until_closed() == 1000
            else:
                await send_until_cut(client, rest, at)
                cut(client)
                await client.websocket.wait_closed()
        finals += finals_of(client)
        path = path_back(listening, len(finals))
    return finals


async def test_the_wire_is_as_ever_for_who_does_not_ask(server: RunningServer, pcm: bytes) -> None:
    async with server.dial() as client:
        listening = await listened(client)
        await client.send(pcm, STOP)
        await client.until_closed()

    assert set(listening) == {"state", "session_id"}
    assert not any("number" in one or one.get("state") == "received" for one in client.messages)


async def test_nothing_can_be_come_back_to_where_it_is_turned_off(pcm: bytes) -> None:
    async with run_server(resume_window_ms=0) as server, server.dial(ASKING) as client:
        assert set(await listened(client)) == {"state", "session_id"}
        await client.send(pcm, STOP)
        await client.until_closed()

    assert len(client.finals) == 3
    assert not any("number" in one for one in client.messages)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 120_000), max_size=4))
async def test_wherever_it_is_cut_the_finals_are_those_of_an_undisturbed_run(
    server: RunningServer, pcm: bytes, cuts: list[int]
) -> None:
    expected = await undisturbed(server, pcm)
    finals = await hear_cut([server], pcm, cuts)

    assert finals == expected
    assert numbers_of(finals) == list(range(1, len(finals) + 1))


async def test_what_was_said_last_is_told_though_the_end_was_lost(
    server: RunningServer, pcm: bytes
) -> None:
    async with server.dial(ASKING) as client:
        listening = await listened(client)
        await client.send(pcm, STOP)
        cut(client)
    await until_kept(server)
    async with server.dial(path_back(listening, 0)) as again:
        back = await listened(again)
        if back["received_bytes"] < len(pcm):
            await again.send(pcm[back["received_bytes"] :])
        await again.send(STOP)
        assert await again.until_closed() == 1000
    async with server.dial(path_back(listening, 2)) as third:  # and `stopped` once more
        await listened(third)
        assert await third.until_closed() == 1000

    assert [one["text"] for one in again.messages if one.get("is_final")] == [
        "hello",
        "again",
        "third",
    ]
    assert numbers_of(finals_of(third)) == [3]
    assert third.messages[-1] == {"state": "stopped"}


async def test_audio_is_acknowledged(server: RunningServer, pcm: bytes) -> None:
    async with server.dial(ASKING) as client:
        await listened(client)
        await client.send(pcm[:PIECE_BYTES])
        while (message := await client.next()).get("state") != "received":
            pass

    assert message == {
        "state": "received",
        "received_bytes": PIECE_BYTES,
        "replay_from_bytes": PIECE_BYTES,
    }


async def test_the_newer_of_two_connections_has_it(server: RunningServer, pcm: bytes) -> None:
    async with server.dial(ASKING) as older:
        listening = await listened(older)
        await older.send(pcm[:9600])
        while (await older.next()).get("state") != "received":
            pass
        async with server.dial(path_back(listening, 0)) as newer:
            back = await listened(newer)
            assert await older.until_closed() == 4409
            await newer.send(pcm[back["received_bytes"] :], STOP)
            assert await newer.until_closed() == 1000

    assert older.errors == ["another connection goes on with this session"]
    assert newer.finals == ["hello", "again", "third"]


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"session": "0" * 32}, "no such session"),
        ({"epoch": "00000000"}, "begun anew"),
        ({"finals": 5}, "it has 0 finals, not 5"),
        ({"oldest_byte": 99_999_999}, "needs audio from byte"),
    ],
)
async def test_what_cannot_be_gone_on_with_is_told(
    server: RunningServer, others: dict[str, object], why: str
) -> None:
    async with server.dial(ASKING) as client:
        listening = await listened(client)
        cut(client)
    await until_kept(server)
    async with server.dial(path_back(listening, 0, **others)) as again:
        await again.send(START)
        assert await again.until_closed() == 4410
    async with server.dial(path_back(listening, 0)) as third:  # it has lost nothing by that
        assert (await listened(third))["session_id"] == listening["session_id"]

    assert why in again.errors[0]


async def test_a_session_is_that_of_its_key(server: RunningServer) -> None:
    async with server.dial(ASKING) as client:
        listening = await listened(client)
        cut(client)
    await until_kept(server)
    errors = []
    for session_id in (listening["session_id"], "0" * 32):
        path = path_back(listening | {"session_id": session_id}, 0)
        async with server.dial(path.replace("key-1", "key-2")) as other:
            await other.send(START)
            assert await other.until_closed() == 4410
        errors += other.errors

    assert errors[0] == errors[1]


async def test_who_leaves_does_not_come_back(server: RunningServer) -> None:
    async with server.dial(ASKING) as client:
        listening = await listened(client)
    async with server.dial(path_back(listening, 0)) as again:
        await again.send(START)
        assert await again.until_closed() == 4410

    assert server.services.kept.count == 0


async def test_after_the_window_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    async with run_server(resume_window_ms=50) as server:
        async with server.dial(ASKING) as client:
            listening = await listened(client)
            cut(client)
        async with asyncio.timeout(PATIENCE_S):
            while "has not come back" not in caplog.text:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        async with server.dial(path_back(listening, 0)) as again:
            await again.send(START)
            assert await again.until_closed() == 4410
        assert server.services.kept.count == 0


async def lose(server: RunningServer, key: str = "key-1") -> str:
    """Have the network lose a client that was listened to, and return its way back."""
    async with server.dial(ASKING.replace("key-1", key)) as client:
        listening = await listened(client)
        (carrying,) = server.services.attachments
        cut(client)
    await carrying.has_ended.wait()
    while carrying in server.services.attachments:  # noqa: ASYNC110 - then it is kept at once
        await asyncio.sleep(0)
    return path_back(listening, 0)


async def is_gone(server: RunningServer, path: str) -> bool:
    async with server.dial(path) as client:
        await client.send(START)
        while not client.errors:
            if (await client.next()).get("state") == "listening":
                return False
    return "no such session" in client.errors[0]


async def test_those_lost_first_go_first() -> None:
    async with run_server(max_kept_sessions=2) as server:
        paths = [await lose(server) for _ in range(3)]
        assert server.services.kept.count == 2
        assert [await is_gone(server, path) for path in paths] == [True, False, False]


async def test_a_key_keeps_no_more_than_it_may_have(tmp_path: Path) -> None:
    async with run_server(database=f"sqlite:///{tmp_path / 'keys.sqlite3'}") as server:
        made = await server.services.keys.call(
            lambda books: books.store.create(Grant(name="one", max_sessions=1), now=time.time())
        )
        first = (await lose(server, made.key)).replace("key-1", made.key)
        second = (await lose(server, made.key)).replace("key-1", made.key)
        others = await lose(server)
        gone = [await is_gone(server, path) for path in (first, second, others)]

    assert gone == [True, False, False]


async def test_a_stream_goes_on_meanwhile(pcm: bytes, tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(wav(pcm))
    async with run_origin(tmp_path) as origin, run_server(allow_source=("127.0.0.1",)) as server:
        url = quote(origin.url("said.wav"), safe="")
        path = f"/v2/client/key-1?resume=true&url={url}"
        async with server.dial(path) as client:
            listening = await listened(client, starts=False)
            cut(client)
        await until_kept(server)
        back = f"&session={listening['session_id']}&epoch={listening['epoch']}&finals=0"
        async with server.dial(path + back) as again:
            await listened(again, starts=False)
            assert await again.until_closed() == 1000

    assert again.finals == ["hello", "again", "third"]
    assert numbers_of(finals_of(again)) == [1, 2, 3]


async def test_on_a_full_server_who_is_carried_comes_back_to_its_own_place() -> None:
    """The server may not have found out yet that the older connection is gone."""
    async with run_server(max_sessions=1) as full, full.dial(ASKING) as older:
        listening = await listened(older)
        async with full.dial(path_back(listening, 0)) as newer:
            assert (await listened(newer))["session_id"] == listening["session_id"]


async def test_how_the_audio_has_failed_is_told_to_who_comes_back(server: RunningServer) -> None:
    async with server.dial(ASKING) as client:
        listening = await listened(client)
        await client.send(b"fLaC" + bytes(50_000))
        client.websocket.transport.close()  # behind what was sent, without a close of ours
    await until_kept(server)
    async with server.dial(path_back(listening, 0)) as again:
        await listened(again)
        await again.send(STOP)
        assert await again.until_closed() == 1008

    assert again.errors
    assert {"state": "stopped"} not in again.messages


async def test_why_a_session_was_ended_is_told_to_who_comes_back(
    server: RunningServer, pcm: bytes
) -> None:
    async with server.dial(ASKING) as client:
        listening = await listened(client)
        await client.send(pcm[: len(pcm) // 2], "no JSON")
        assert await client.until_closed() == 1008
    finals = finals_of(client)
    async with server.dial(path_back(listening, 0)) as again:
        await listened(again)
        assert await again.until_closed() == 1008

    assert again.errors == client.errors
    assert finals_of(again) == finals
    assert {"state": "stopped"} not in again.messages


async def test_who_comes_back_to_a_session_that_its_server_has_ended_is_told_so(pcm: bytes) -> None:
    engine = StuckEngine()
    async with (
        run_server(Engines(ScriptedVad(), (engine,))) as server,
        server.dial(ASKING) as client,
    ):
        listening = await listened(client)
        await client.send(pcm[:40_000])
        await asyncio.to_thread(engine.has_begun.wait, PATIENCE_S)
        server.services.draining.hurry()
        while (await client.next()).get("state") != "shutting_down":
            pass
        async with server.dial(path_back(listening, 0)) as again:  # its connection is lost
            await listened(again)
            engine.release.set()
            assert await again.until_closed() == 1012

    assert again.finals[0] == "hello"

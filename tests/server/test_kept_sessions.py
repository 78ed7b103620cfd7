"""What becomes of sessions that nobody carries; that they can be gone on with: test_resume.py."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from scribewire.errors import ClientFault, CloseCode
from scribewire.protocol.dialogue import SessionStarted
from scribewire.protocol.resuming import ComeBack
from scribewire.server.attachment import Attachment
from scribewire.server.link import Link
from scribewire.server.session_clock import SessionTimes
from scribewire.server.session_opening import open_session
from scribewire.testing.observing import RememberingObserver
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from scribewire.wishes import Wishes
from tests.parts.asgi_clients import SlowClient, attach_client
from tests.parts.origin import run_origin
from tests.parts.wav import wav

START, STOP = '{"action":"start"}', '{"action":"stop"}'
ASKING = "/v2/realtime?token=key-1&resume=true"


async def lose(server: RunningServer, path: str = ASKING, *, data: bytes = b"") -> dict[str, Any]:
    """Have the network lose a client that was listened to, and return what it was told."""
    kept = server.services.kept.count
    async with server.dial(path) as client:
        listening = await until_listened(client, starts=path == ASKING)
        if data:
            await client.send(data)
            while (await client.next()).get("state") != "received":
                pass
        client.websocket.transport.abort()
    async with asyncio.timeout(20):
        while server.services.kept.count == kept:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)
    return listening


async def until_listened(client: RawClient, *, starts: bool) -> dict[str, Any]:
    if starts:
        await client.send(START)
    while (message := await client.next()).get("state") != "listening":
        assert "error" not in message, message
    return message


def come_back(listening: dict[str, Any]) -> ComeBack:
    return ComeBack(session_id=listening["session_id"], epoch=listening["epoch"], finals=0)


def places(server: RunningServer) -> int:
    """Return how many sessions count for admission."""
    return server.services.admission.open_sessions


def streams(server: RunningServer) -> int:
    """Return how many streams are taken to need the workers."""
    engine = server.services.engines.speech_for("en", "fast")
    return server.services.scheduler.loads().of(engine).streams.count


async def test_one_that_only_waits_takes_nobodys_place(server: RunningServer) -> None:
    listening = await lose(server)
    assert (places(server), streams(server)) == (0, 0)
    path = f"{ASKING}&session={listening['session_id']}&epoch={listening['epoch']}&finals=0"
    async with server.dial(path) as client:
        await until_listened(client, starts=True)
        assert (places(server), streams(server)) == (1, 1)


async def test_one_whose_recording_is_decoded_on_counts(server: RunningServer) -> None:
    await lose(server, data=b"fLaC" + bytes(60))

    assert (places(server), streams(server)) == (1, 1)


async def test_one_whose_source_is_read_on_counts(tmp_path: Path) -> None:
    async with run_origin(tmp_path) as origin, run_server(allow_source=("127.0.0.1",)) as server:
        (tmp_path / "said.wav").write_bytes(wav(draw_pcm("." * 600)))  # 60 s
        url = quote(origin.url("said.wav"), safe="")
        await lose(server, f"/v2/client/key-1?resume=true&pace=realtime&url={url}")
        assert places(server) == 1


def connections() -> int:
    """Count what there is of connections in this process, whoever's they are."""
    gc.collect()
    return sum(isinstance(one, Attachment | Link) for one in gc.get_objects())


@pytest.mark.slow
async def test_it_takes_little_memory_and_nothing_of_its_lost_connection_stays(
    server: RunningServer,
) -> None:
    before = connections()
    await lose(server, data=bytes(32_000))  # what the first one has libraries load stays
    sessions = 20
    tracemalloc.start()
    for _ in range(sessions):
        await lose(server, data=bytes(32_000))
    after = connections()
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert server.services.kept.count == sessions + 1
    assert held_bytes / sessions < 100_000  # of it 41 KB of audio, the latest 0.6 s
    assert after <= before


async def test_it_is_known_to_its_key_alone(server: RunningServer) -> None:
    back = come_back(await lose(server))
    kept, keys = server.services.kept, server.services.policy.grant_of
    own, other = keys("key-1"), keys("key-2")
    assert own is not None
    assert other is not None

    assert kept.is_known(back, frozenset({own.key_id}))
    assert not kept.is_known(back, frozenset({other.key_id}))


async def test_one_that_is_being_dropped_is_not_gone_on_with(server: RunningServer) -> None:
    async with server.dial(ASKING) as client:
        listening = await until_listened(client, starts=True)
        (carrying,) = server.services.attachments
        grant = server.services.policy.grant_of("key-1")
        assert grant is not None
        carrying.cut_off(CloseCode.RESTART, at=0)
        with pytest.raises(ClientFault, match="no such session"):
            await server.services.kept.take(come_back(listening), grant.key_id, carrying)


async def test_the_end_of_the_server_ends_them() -> None:
    async with run_server() as server:
        await lose(server)
        await lose(server)
        assert server.services.kept.count == 2

    assert server.services.kept.count == 0


async def test_coming_back_makes_no_session_longer_than_it_may_be(server: RunningServer) -> None:
    session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
    session.began_at -= 60  # on an earlier connection
    client = SlowClient({"type": "websocket.receive", "text": START}, takes_s=0)
    attachment = await attach_client(
        server, client, SessionTimes(max_session_s=59), session=session
    )
    async with asyncio.timeout(5):
        await attachment.run()
    await session.aclose()

    assert client.close is not None
    assert client.close["code"] == 1008
    assert any("has lasted" in text for text in client.read)


def noted(observer: RememberingObserver) -> list[str]:
    """Return what was noted of keeping sessions, in order."""
    return [one for one in observer.told if "kept" in one or "resumed" in one]


def path_back(listening: dict[str, Any]) -> str:
    return f"{ASKING}&session={listening['session_id']}&epoch={listening['epoch']}&finals=0"


async def test_whoever_observes_is_told_who_was_kept_who_came_back_and_who_did_not() -> None:
    observer = RememberingObserver()
    async with run_server(observer=observer, max_kept_sessions=1) as server:
        first = await lose(server)
        async with server.dial(path_back(first)) as client:
            await until_listened(client, starts=True)
            assert noted(observer) == ["kept", "resumed"]
            await client.websocket.close()
        await lose(server)
        async with server.dial(ASKING) as client:
            await until_listened(client, starts=True)
            client.websocket.transport.abort()
        async with asyncio.timeout(20):
            while len(noted(observer)) < 5:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)

    lost = ["kept", "kept", "not resumed: no room", "not resumed: server down"]
    assert noted(observer) == ["kept", "resumed", *lost]


async def test_the_end_of_a_window_is_noted() -> None:
    observer = RememberingObserver()
    async with run_server(observer=observer, resume_window_ms=50) as server:
        async with server.dial(ASKING) as client:
            await until_listened(client, starts=True)
            client.websocket.transport.abort()
        async with asyncio.timeout(20):
            while len(noted(observer)) < 2:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)

    assert noted(observer) == ["kept", "not resumed: window over"]


async def test_of_one_that_is_over_nothing_is_lost() -> None:
    observer = RememberingObserver()
    async with run_server(observer=observer) as server:
        async with server.dial(ASKING) as client:
            await until_listened(client, starts=True)
            await client.send(STOP)
            assert await client.until_closed() == 1000
        async with asyncio.timeout(20):
            while not server.services.kept.count:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)
        kept = server.services.kept
        assert (kept.count_going_on, kept.count_ended) == (0, 1)

    assert noted(observer) == []

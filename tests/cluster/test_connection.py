"""The connection to NATS: there, away, and there again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from scribewire.cluster.connection import UNUSABLE_S, ClusterConnection, ClusterFault
from scribewire.cluster.leases import Leases
from scribewire.errors import ServerFault
from tests.parts.installed import find_part
from tests.parts.programs import Program

if TYPE_CHECKING:
    from tests.parts.nats_server import NatsServer


async def until_away(connection: ClusterConnection) -> None:
    async with asyncio.timeout(20):
        while connection.is_up:  # noqa: ASYNC110 - another process cannot set an Event
            await asyncio.sleep(0.02)


async def test_it_is_up_once_all_is_declared(nats: NatsServer) -> None:
    connection = ClusterConnection([nats.url])
    declared: list[bool] = []

    async def declare() -> None:
        declared.append(connection.is_up)

    connection.on_up(declare)
    async with connection.open():
        assert await connection.wait_up(10)
        assert declared == [False]


async def test_what_cannot_be_declared_yet_is_declared_a_moment_later(nats: NatsServer) -> None:
    connection = ClusterConnection([nats.url])
    tries: list[int] = []

    async def declare() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise OSError

    connection.on_up(declare)
    async with connection.open():
        assert await connection.wait_up(10)
    assert tries == [0, 1, 2]


async def test_a_fault_of_ours_in_what_is_declared_is_told_and_it_is_tried_again(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = ClusterConnection([nats.url])
    tries: list[int] = []

    async def declare() -> None:
        tries.append(len(tries))
        assert len(tries) > 1

    connection.on_up(declare)
    async with connection.open():
        assert await connection.wait_up(10)
    assert "AssertionError" in caplog.text


async def test_while_nats_is_away_calls_fail_at_once_and_then_they_work_again(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    connection = ClusterConnection([nats.url])
    async with connection.open():
        assert await connection.wait_up(10)
        await nats.kill()
        await until_away(connection)
        with pytest.raises(ClusterFault, match="cannot be reached now"):
            _ = connection.nats
        with pytest.raises(ClusterFault, match="cannot be reached now"):
            _ = connection.jetstream
        await nats.start()
        assert await connection.wait_up(10)
        account = await connection.jetstream.account_info()
        assert account.streams == 0
    said = [getattr(one.msg, "event", "") for one in caplog.records]
    assert [event for event in said if event.startswith("cluster_") and "error" not in event] == [
        "cluster_joined",
        "cluster_away",
        "cluster_back",
    ]
    assert nats.token not in caplog.text


async def test_a_nats_that_stands_still_is_away(nats: NatsServer) -> None:
    connection = ClusterConnection([nats.url])
    async with connection.open():
        assert await connection.wait_up(10)
        nats.pause()
        try:
            await until_away(connection)
        finally:
            nats.go_on()
        assert await connection.wait_up(10)


async def test_a_server_begins_without_nats_and_joins_when_it_is_there(nats: NatsServer) -> None:
    await nats.kill()
    connection = ClusterConnection([nats.url])
    async with connection.open():
        assert not await connection.wait_up(0.1)
        await nats.start()
        assert await connection.wait_up(10)


@pytest.mark.slow
async def test_why_a_nats_that_is_there_cannot_be_used_is_told(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = ClusterConnection([nats.url], copies=3)
    Leases(connection)
    async with connection.open():
        assert not await connection.wait_up(UNUSABLE_S + 1)
    (told,) = (one for one in caplog.records if "is there, but" in one.getMessage())
    assert "replicas > 1 not supported" in told.getMessage()
    assert nats.token not in caplog.text


@pytest.mark.parametrize("url", ["", "localhost:4222", "http://localhost", "nats://", "nats://h:x"])
def test_what_is_no_address_of_nats_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ServerFault, match="--cluster: expected nats://HOST:PORT") as caught:
        ClusterConnection([url])
    assert len(url) < 8 or url not in str(caught.value)


def test_where_it_is_told_without_user_and_password() -> None:
    connection = ClusterConnection(["nats://me:secret@nats.example:4333", "tls://[::1]"])
    assert connection.where == "nats.example:4333, [::1]:4222"


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for text in caplog.messages if "does not let this server in" in text]


async def until_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(20):
        while not refusals(caplog):  # noqa: ASYNC110 - the log sets no Event
            await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_a_token_that_nats_refuses_is_told_once(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = ClusterConnection([f"nats://a-wrong-token@127.0.0.1:{nats.port}"])
    async with connection.open():
        await until_refused(caplog)
        assert not await connection.wait_up(1.5)  # it is tried again meanwhile

    assert connection.trouble == "it refuses the user, the password or the token"
    assert refusals(caplog) == [
        f"! NATS at 127.0.0.1:{nats.port} does not let this server in: {connection.trouble}"
    ]
    assert "a-wrong-token" not in caplog.text


@pytest.mark.slow
async def test_a_nats_without_jetstream_says_what_to_do(nats: NatsServer) -> None:
    await nats.kill()
    command = (find_part("nats-server"), "-a", "127.0.0.1", "-p", str(nats.port))
    program = await Program.start(command, nats.folder / "bare.log")
    connection = ClusterConnection([nats.url])
    leases = Leases(connection)
    try:
        async with connection.open(), leases.renewing(), asyncio.timeout(20):
            while "-js" not in connection.trouble:  # noqa: ASYNC110 - it sets no Event
                await asyncio.sleep(0.02)
            assert not connection.is_up
    finally:
        await program.end()

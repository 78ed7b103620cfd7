"""A connection that comes back from what ends the client of NATS for good."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from scribewire.cluster.connection import ClusterConnection
from tests.cluster.test_connection import until_away
from tests.parts.listening import run_listener
from tests.parts.nats_server import run_nats
from tests.parts.private_authority import PrivateAuthority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parts.nats_server import NatsServer

MUCH_BYTES = 40_000_000
"""More than systems take for a connection whose other side reads nothing."""


async def publish_much(connection: ClusterConnection) -> None:
    for _ in range(MUCH_BYTES // 100_000):
        await connection.nats.publish("x", bytes(100_000))


@pytest.mark.slow
async def test_a_nats_that_stands_still_is_left_for_another_whatever_was_to_be_sent(
    nats: NatsServer, tmp_path: Path
) -> None:
    async with run_nats(tmp_path / "other") as other:
        connection = ClusterConnection([nats.url, other.url])
        async with connection.open():
            assert await connection.wait_up(10)
            found = connection.nats.connected_url
            assert found is not None
            stopped = nats if found.port == nats.port else other
            stopped.pause()
            try:
                await publish_much(connection)
                await until_away(connection)
                busy_s = time.process_time()
                assert await connection.wait_up(10)
                assert time.process_time() - busy_s < 0.5  # not all the time
            finally:
                stopped.go_on()


@pytest.mark.slow
async def test_a_server_ends_in_time_though_nats_takes_nothing_any_more(nats: NatsServer) -> None:
    connection = ClusterConnection([nats.url])
    async with connection.open():
        assert await connection.wait_up(10)
        nats.pause()
        await publish_much(connection)
        ended_at = time.monotonic()
    nats.go_on()
    assert time.monotonic() - ended_at < 3


async def test_a_nats_that_refuses_it_is_heard_out() -> None:
    heard = asyncio.Queue[bytes]()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"auth_required":true}\r\n')
        heard.put_nowait(await reader.read(10_000))
        writer.write(b"-ERR 'Authorization Violation'\r\n")

    async with run_listener(refuse) as port:
        connection = ClusterConnection([f"nats://a-wrong-token@127.0.0.1:{port}"])
        async with connection.open():
            first = await heard.get()
            await heard.get()  # it tries again
            trouble = connection.trouble
    assert first.startswith(b"CONNECT {")
    assert first.endswith(b"}\r\nPING\r\n")  # said later, it would be answered with a reset
    assert trouble == "it refuses the user, the password or the token"


async def test_a_nats_that_refuses_it_for_a_while_is_tried_again(nats: NatsServer) -> None:
    connection, file = ClusterConnection([nats.url]), nats.folder / "nats.conf"
    async with connection.open():
        assert await connection.wait_up(10)
        good = await asyncio.to_thread(file.read_text)
        await asyncio.to_thread(file.write_text, good.replace(nats.token, "another"))
        os.kill(nats.pid, signal.SIGHUP)  # read anew
        await until_away(connection)
        await asyncio.to_thread(file.write_text, good)
        os.kill(nats.pid, signal.SIGHUP)
        assert await connection.wait_up(10)


async def test_tls_is_done_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = PrivateAuthority.make(tmp_path / "authority")
    certificate = authority.certify("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.pem))
    async with run_nats(tmp_path / "nats", certificate=certificate) as nats:
        connection = ClusterConnection([nats.url])
        async with connection.open():
            assert await connection.wait_up(10)
            await nats.kill()
            await until_away(connection)
            await nats.start()
            assert await connection.wait_up(10)


async def test_where_there_is_no_tls_the_secret_is_not_sent(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = ClusterConnection([nats.url.replace("nats:", "tls:")])
    async with connection.open():
        async with asyncio.timeout(10):
            while "does no TLS" not in caplog.text:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)
        assert not connection.is_up
    assert caplog.text.count("does no TLS") == 1
    assert nats.token not in caplog.text

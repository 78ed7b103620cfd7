"""The server's own TLS: clients over it, its certificate changed under them, and who misuses it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import warnings
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import anyio.to_thread
import pytest
from starlette.types import Receive, Scope, Send
from websockets.exceptions import ConnectionClosed

from scribewire import client
from scribewire.cli.exits import ExitCode
from scribewire.client import blocking
from scribewire.server.address import listen
from scribewire.server.certificate import LOOK_INTERVAL_S
from scribewire.server.listener import Listener
from scribewire.testing.running import KEYS, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.certificates import Certified, certify, served_with
from tests.parts.installed import need_part
from tests.parts.private_authority import PrivateAuthority
from tests.parts.wav import wav

SPOKEN = draw_pcm("..SSSSSSSSSS............")
ROOT = certify("A test authority", is_authority=True)


def write(folder: Path, own: Certified) -> Path:
    file = folder / "server.pem"
    fresh = folder / "fresh.pem"
    fresh.write_bytes(own.key_pem + own.pem)
    fresh.rename(file)
    return file


@pytest.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningServer]:
    """A server with a certificate of an authority that this process trusts."""
    authority = tmp_path / "ca.pem"
    authority.write_bytes(ROOT.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    file = write(tmp_path, certify("127.0.0.1", by=ROOT))
    async with run_server(tls_cert=file) as running:
        yield running


def shown_serial(server: RunningServer) -> int:
    """Connect, and return the number of the certificate that is shown."""
    tls = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    place = (server.address.host, server.address.port)
    with (
        socket.create_connection(place) as plain,
        tls.wrap_socket(plain, server_hostname=place[0]) as wrapped,
    ):
        shown = wrapped.getpeercert()
        assert shown is not None
        return int(str(shown["serialNumber"]), 16)


async def test_both_clients_speak_over_tls(secure: RunningServer) -> None:
    url = secure.address.url
    assert url.startswith("wss://")

    async with client.connect(url, key=KEYS[0]) as one:
        await one.send_audio(SPOKEN)
        await one.stop()
        heard = [message async for message in one]

    def speak() -> list[client.Message]:
        with blocking.connect(url, key=KEYS[0]) as other:
            other.send_audio(SPOKEN)
            other.stop()
            return list(other)

    assert heard
    assert [
        m for m in await anyio.to_thread.run_sync(speak) if isinstance(m, client.FinalResult)
    ] == [m for m in heard if isinstance(m, client.FinalResult)]


@pytest.mark.slow
async def test_transcribe_trusts_an_authority_of_ones_own_once_it_is_told(tmp_path: Path) -> None:
    need_part("openssl")
    authority = PrivateAuthority.make(tmp_path / "authority")
    audio = tmp_path / "a.wav"
    audio.write_bytes(wav(SPOKEN))
    async with run_server(tls_cert=authority.certify("localhost")) as server:
        url = f"wss://localhost:{server.address.port}"
        told, untold = await asyncio.gather(
            transcribe(audio, url, {"SSL_CERT_FILE": str(authority.pem)}),
            transcribe(audio, url, {}),
        )

    assert told == (0, "SSSSSSSSSS\n", "")
    code, heard, complaint = untold
    assert (code, heard, complaint.count("\n")) == (ExitCode.UNREACHABLE, "", 1)
    assert "is not trusted: unable to get local issuer certificate" in complaint
    assert "set SSL_CERT_FILE to the file" in complaint


async def transcribe(audio: Path, url: str, trust: dict[str, str]) -> tuple[int | None, str, str]:
    """Run the command in an environment that names nobody else to trust."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT_")}
    command = [sys.executable, "-m", "scribewire", "transcribe", str(audio)]
    process = await asyncio.create_subprocess_exec(
        *command, "--server", url, "--key", KEYS[0], env=kept | trust, stdout=PIPE, stderr=PIPE
    )
    output, complaint = await process.communicate()
    return process.returncode, output.decode(), complaint.decode()


async def test_the_certificate_changes_under_live_sessions_and_none_is_dropped(
    secure: RunningServer, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        live = [await stack.enter_async_context(secure.dial()) for _ in range(8)]
        for one in live:
            await one.send('{"action":"start"}', SPOKEN[: len(SPOKEN) // 2])
            assert (await one.next())["state"] == "listening"
        before = await anyio.to_thread.run_sync(shown_serial, secure)

        fresh = certify("127.0.0.1", by=ROOT)
        write(tmp_path, fresh)
        async with asyncio.timeout(20 * LOOK_INTERVAL_S):
            while await anyio.to_thread.run_sync(shown_serial, secure) == before:  # noqa: ASYNC110 - files set no Event
                await asyncio.sleep(LOOK_INTERVAL_S / 10)  # it is looked at so often
        assert (
            await anyio.to_thread.run_sync(shown_serial, secure) == fresh.certificate.serial_number
        )

        for one in live:
            await one.send(SPOKEN[len(SPOKEN) // 2 :], '{"action":"stop"}')
        closed = await asyncio.gather(*(one.until_closed() for one in live))
        assert closed == [1000] * 8
        assert len({tuple(one.finals) for one in live}) == 1
        assert live[0].finals


async def test_a_client_that_still_sends_reads_why_it_was_closed(secure: RunningServer) -> None:
    async with secure.dial() as one:
        with contextlib.suppress(ConnectionClosed):  # it may be cut off while it sends
            await one.send('{"action":"start"}', "no JSON", *[b"\x00" * 64_000] * 4)
        code = await one.until_closed()

    assert code == 1008
    assert one.errors


async def test_who_speaks_no_tls_gets_nothing_and_harms_nobody(secure: RunningServer) -> None:
    host = urlsplit(secure.address.url).hostname
    reader, writer = await asyncio.open_connection(host, secure.address.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    said = await reader.read()
    writer.close()

    assert b"HTTP" not in said
    async with secure.dial():
        pass


async def test_old_tls_is_refused(secure: RunningServer) -> None:
    tls = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        tls.minimum_version = ssl.TLSVersion.TLSv1
        tls.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(secure.address.host, secure.address.port, ssl=tls)


async def test_of_those_who_never_agree_on_tls_the_oldest_go(tmp_path: Path) -> None:
    tls = served_with(certify("127.0.0.1"), folder=tmp_path)
    listening = listen("127.0.0.1", 0)
    listener = Listener(listening, _no_app, start_timeout_s=60, most_strangers=3, tls=lambda: tls)
    listener.start()
    place = listening.getsockname()[:2]
    mute = [await asyncio.open_connection(*place) for _ in range(5)]
    try:
        async with asyncio.timeout(10):
            assert [await reader.read() for reader, _ in mute[:2]] == [b"", b""]
    finally:
        await listener.aclose()  # and the others go with it, at once
        for reader, writer in mute:
            assert await reader.read() == b""
            writer.close()


async def _no_app(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("nobody got so far")

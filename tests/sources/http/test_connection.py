from __future__ import annotations

import asyncio
import gc
import ssl
from typing import TYPE_CHECKING

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.bodies import CHUNKS_A_BITE, BodyEnd
from scribewire.sources.http.connection import MAX_ADDRESSES, ask
from scribewire.sources.http.limits import FetchLimits
from scribewire.sources.http.urls import check_url
from tests.parts.raw_origin import HANG, RawOrigin, run_raw_origin

if TYPE_CHECKING:
    from tests.sources.conftest import Certificate

TLS = ssl.create_default_context()
NOBODY = "127.0.0.2"
REPLY = b"HTTP/1.1 200 OK\r\n\r\nmedia"


async def body_at(server: RawOrigin, addresses: list[str], tls: ssl.SSLContext = TLS) -> bytes:
    url = check_url(server.url("/;", "a.example"))
    async with ask(
        url, addresses, fields={"Icy-MetaData": "1"}, tls=tls, limits=FetchLimits()
    ) as reply:
        body = b""
        while data := await reply.read_some():
            body += data
        return body


async def test_the_request_names_the_host_and_goes_to_the_address(raw_server: RawOrigin) -> None:
    raw_server.answers = [REPLY]
    assert await body_at(raw_server, ["127.0.0.1"]) == b"media"
    assert raw_server.requests == [
        f"GET /; HTTP/1.1\r\nHost: a.example:{raw_server.port}\r\n"
        "Icy-MetaData: 1\r\nConnection: close\r\n\r\n".encode()
    ]


async def test_the_next_address_is_tried(raw_server: RawOrigin) -> None:
    raw_server.answers = [REPLY]
    assert await body_at(raw_server, [NOBODY, "127.0.0.1"]) == b"media"
    with pytest.raises(SourceFault, match="cannot be reached") as caught:
        await body_at(raw_server, [NOBODY] * MAX_ADDRESSES + ["127.0.0.1"])
    assert caught.value.is_transient


@pytest.mark.slow
async def test_an_address_that_says_nothing_does_not_keep_the_next_one_waiting(
    certificate: Certificate,
) -> None:
    trusting = ssl.create_default_context(cafile=certificate.path)
    async with (
        run_raw_origin(REPLY, tls=certificate.tls) as server,
        run_raw_origin((HANG,), host=NOBODY, port=server.port) as silent,
    ):
        silent.speaks_first = True
        assert await body_at(server, [NOBODY, "127.0.0.1"], trusting) == b"media"
        assert silent.connections == 1


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [NOBODY, "127.0.0.1"]])
async def test_who_is_cancelled_while_it_connects_leaves_nothing_open(addresses: list[str]) -> None:
    async with run_raw_origin((HANG,)) as server:
        for turns in range(25):
            asking = asyncio.create_task(body_at(server, addresses))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert asking.cancelled()
        assert server.connections > 1
    gc.collect()  # pytest fails on the warning of a stream that nobody has closed


async def test_a_server_that_is_reached_says_more_than_one_that_is_not(
    tls_server: RawOrigin,
) -> None:
    with pytest.raises(SourceFault, match="certificate"):
        await body_at(tls_server, ["127.0.0.1", NOBODY])


async def test_nothing_that_cannot_be_sent_is_sent(raw_server: RawOrigin) -> None:
    url = check_url(raw_server.url())
    with pytest.raises(AssertionError):
        async with ask(
            url, ["127.0.0.1"], fields={"X": "a\r\nY: b"}, tls=TLS, limits=FetchLimits()
        ):
            pass
    assert raw_server.requests == []


async def test_a_body_comes_in_bites_and_stops_at_its_end(raw_server: RawOrigin) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw_server.answers = [(head + b"1\r\nx\r\n" * 2 * CHUNKS_A_BITE + b"0\r\n", HANG)]
    url = check_url(raw_server.url())
    async with ask(url, ["127.0.0.1"], fields={}, tls=TLS, limits=FetchLimits()) as reply:
        assert reply.ends_by is BodyEnd.MARK
        sizes = []
        while data := await reply.read_some():
            sizes.append(len(data))
    assert sum(sizes) == 2 * CHUNKS_A_BITE
    assert max(sizes) <= CHUNKS_A_BITE

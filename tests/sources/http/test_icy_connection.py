from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.icy_connection import open_icy
from scribewire.sources.http.limits import FetchLimits
from scribewire.sources.http.urls import check_url

if TYPE_CHECKING:
    from tests.parts.raw_origin import RawOrigin

TLS = ssl.create_default_context()


async def ask(raw_server: RawOrigin, addresses: list[str], reply: bytes) -> tuple[int, bytes]:
    raw_server.answers = [reply]
    url = check_url(raw_server.url("/;", "a.example"))
    fields = {"Icy-MetaData": "1"}
    async with open_icy(
        url, addresses, fields=fields, tls=TLS, limits=FetchLimits(line_bytes=100, header_fields=3)
    ) as answer:
        body = b""
        while data := await answer.read_some():
            body += data
        return answer.status, body


async def test_the_request_names_the_host_and_goes_to_the_address(raw_server: RawOrigin) -> None:
    assert await ask(raw_server, ["127.0.0.1"], b"ICY 200 OK\nicy-br:128\n\nmedia") == (
        200,
        b"media",
    )
    assert raw_server.requests == [
        f"GET /; HTTP/1.0\r\nHost: a.example:{raw_server.port}\r\n"
        "Icy-MetaData: 1\r\nConnection: close\r\n\r\n".encode()
    ]


async def test_the_next_address_is_tried(raw_server: RawOrigin) -> None:
    reply = b"ICY 200 OK\r\n\r\nmedia"
    assert await ask(raw_server, ["127.0.0.2", "127.0.0.1"], reply) == (200, b"media")


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"ICY",
        b"ICY 200",
        b"ICY 999 OK\r\n\r\n",
        b"icy 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"ICY 200 OK\r\n",
        b"ICY 200 OK\r\na:b\r\n",
        b"ICY 200 OK\r\n" + b"a:b\r\n" * 3 + b"\r\n",
        b"ICY 200 " + b"x" * 200 + b"\r\n\r\n",
        b"ICY 200 OK\r\na:" + b"x" * 200 + b"\r\n\r\n",
    ],
)
async def test_any_other_answer_is_refused(raw_server: RawOrigin, reply: bytes) -> None:
    with pytest.raises(SourceFault, match="the server's answer is"):
        await ask(raw_server, ["127.0.0.1"], reply)

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.fetcher import FetchLimits, GuardedFetcher
from scribewire.sources.http.response import BodyEnd
from scribewire.sources.http.urls import check_url
from tests.parts.raw_origin import HANG, RESET, RawOrigin, run_raw_origin

if TYPE_CHECKING:
    from tests.sources.conftest import Certificate, Names

LOOPBACK = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))
OK = b"HTTP/1.1 200 OK\r\n"


def answer(body: bytes, *fields: str) -> bytes:
    lines = "".join(f"{field}\r\n" for field in (*fields, f"Content-Length: {len(body)}"))
    return OK + lines.encode() + b"\r\n" + body


def redirect(location: str, status: int = 302) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    return head.encode()


async def fetch(url: str, **options: Any) -> bytes:  # noqa: ANN401 - those of open
    async with (
        GuardedFetcher(LOOPBACK) as fetcher,
        fetcher.open(check_url(url), **options) as response,
    ):
        return await response.read(1000)


async def fault_of(url: str, limits: FetchLimits | None = None) -> SourceFault:
    async with GuardedFetcher(LOOPBACK, limits=limits or FetchLimits()) as fetcher:
        with pytest.raises(SourceFault) as caught:
            async with fetcher.open(check_url(url)) as response:
                await response.read(1000)
    return caught.value


async def test_a_file_comes_with_its_length(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(b"media", "Content-Type: audio/mpeg")]
    url = raw_server.url("/x?sig=a%2Bb%2f+c==&t=ä")
    async with GuardedFetcher(LOOPBACK) as fetcher, fetcher.open(check_url(url)) as response:
        assert (response.status, response.length, response.is_icy) == (200, 5, False)
        assert response.headers["content-TYPE"] == "audio/mpeg"
        assert [chunk async for chunk in response.chunks()] == [b"media"]
    assert raw_server.requests[0].startswith(b"GET /x?sig=a%2Bb%2f+c==&t=%C3%A4 HTTP/1.1\r\n")
    fields = raw_server.fields()
    assert fields["host"] == f"127.0.0.1:{raw_server.port}"
    assert fields["accept-encoding"] == "identity"
    assert fields["user-agent"].startswith("scribewire/")
    assert not {"icy-metadata", "range", "authorization", "cookie"} & set(fields)


async def test_a_later_start_is_asked_for(raw_server: RawOrigin) -> None:
    head = b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 2\r\n\r\n"
    raw_server.answers = [head + b"ia"]
    async with (
        GuardedFetcher(LOOPBACK) as fetcher,
        fetcher.open(check_url(raw_server.url()), start=3) as response,
    ):
        assert (response.status, response.length) == (206, 5)
        assert await response.read(10) == b"ia"
    assert raw_server.fields()["range"] == "bytes=3-"


async def test_user_info_is_sent_to_its_server(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(b"media")]
    url = raw_server.url(user="user:secret")
    assert await fetch(url) == b"media"
    assert raw_server.fields()["authorization"] == "Basic dXNlcjpzZWNyZXQ="


async def test_credentials_follow_to_the_same_server_only(
    raw_server: RawOrigin, other_server: RawOrigin
) -> None:
    raw_server.answers = [redirect("/second"), redirect(other_server.url("/third"))]
    other_server.answers = [redirect(raw_server.url("/fourth"))]
    raw_server.answers.append(answer(b"media"))
    assert await fetch(raw_server.url(user="user:secret")) == b"media"
    assert "authorization" in raw_server.fields(1)
    assert "authorization" not in other_server.fields(0)
    assert "authorization" not in raw_server.fields(2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(raw_server: RawOrigin, status: int) -> None:
    raw_server.answers = [redirect("/next?a=%2B", status), answer(b"media")]
    async with (
        GuardedFetcher(LOOPBACK) as fetcher,
        fetcher.open(check_url(raw_server.url("/first"))) as response,
    ):
        assert await response.read(10) == b"media"
        assert response.url.text == raw_server.url("/next?a=%2B")


async def test_redirects_end(raw_server: RawOrigin) -> None:
    raw_server.answers = [redirect("/again") for _ in range(7)]
    fault = await fault_of(raw_server.url())
    assert "redirects more than 5 times" in fault.message
    assert len(raw_server.requests) == 6


async def test_a_redirect_is_looked_up_and_checked_again(
    raw_server: RawOrigin, other_server: RawOrigin, names: type[Names]
) -> None:
    table = names({"a.example": [["127.0.0.1"], ["10.0.0.1"]], "b.example": [["127.0.0.2"]]})
    raw_server.answers = [redirect(other_server.url("/", "b.example"))]
    async with GuardedFetcher(LOOPBACK, look_up=table) as fetcher:
        with pytest.raises(SourceFault, match=r"b\.example leads to a loopback address"):
            async with fetcher.open(check_url(raw_server.url("/", "a.example"))):
                pass
    assert table.asked == ["a.example", "b.example"]
    assert other_server.connections == 0


@pytest.mark.parametrize(
    ("reply", "ended_by"),
    [
        (answer(b"media"), BodyEnd.LENGTH),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nmedia\r\n0\r\n\r\n", BodyEnd.MARK),
        (OK + b"\r\nmedia", BodyEnd.CLOSE),
        (b"ICY 200 OK\r\n\r\nmedia", BodyEnd.CLOSE),
    ],
)
async def test_a_file_can_be_told_from_a_stream_by_its_end(
    raw_server: RawOrigin, reply: bytes, ended_by: BodyEnd
) -> None:
    raw_server.answers = [reply]
    async with (
        GuardedFetcher(LOOPBACK) as fetcher,
        fetcher.open(check_url(raw_server.url())) as response,
    ):
        assert response.ended_by is None
        assert await response.read(10) == b"media"
        assert response.ended_by is ended_by


async def test_a_gzip_playlist_is_read(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(gzip.compress(b"#EXTM3U"), "Content-Encoding: gzip")]
    assert await fetch(raw_server.url()) == b"#EXTM3U"


async def test_a_radio_stream_over_http_loses_its_metadata(raw_server: RawOrigin) -> None:
    body = b"a" * 64 + b"\x01" + b"t" * 16 + b"b" * 64 + b"\0c"
    raw_server.answers = [OK + b"icy-metaint: 64\r\nicy-name: radio\r\n\r\n" + body]
    async with (
        GuardedFetcher(LOOPBACK) as fetcher,
        fetcher.open(check_url(raw_server.url()), accepts_icy=True) as response,
    ):
        assert (response.is_icy, response.length) == (True, None)
        assert await response.read(200) == b"a" * 64 + b"b" * 64 + b"c"
    assert raw_server.fields()["icy-metadata"] == "1"


async def test_a_server_that_answers_icy_is_understood(raw_server: RawOrigin) -> None:
    body = b"a" * 64 + b"\x01" + b"t" * 16 + b"b" * 64 + b"\0c"
    head = b"ICY 200 OK\r\nicy-name:radio\r\nicy-metaint:64\r\ncontent-type:audio/mpeg\r\n\r\n"
    raw_server.answers = [head + body]
    async with GuardedFetcher(LOOPBACK) as fetcher:
        url = raw_server.url("/;?x=1").replace("//", "//user:secret@")
        async with fetcher.open(check_url(url), accepts_icy=True) as response:
            assert (response.status, response.is_icy, response.length) == (200, True, None)
            assert response.headers["Content-Type"] == "audio/mpeg"
            assert await response.read(200) == b"a" * 64 + b"b" * 64 + b"c"
    assert raw_server.connections == 1
    assert {"icy-metadata", "host", "user-agent", "authorization"} <= raw_server.fields().keys()


@pytest.mark.parametrize(
    ("reply", "message", "is_transient"),
    [
        (b"HTTP/1.1 401 No\r\n\r\n", "stream requires authentication: ", False),
        (b"HTTP/1.1 404 No\r\n\r\n", "invalid stream: the server answered HTTP 404", False),
        (b"HTTP/1.1 503 No\r\n\r\n", "invalid stream: the server answered HTTP 503", True),
        (b"HTTP/1.1 302 No\r\n\r\n", "invalid stream: the server answered HTTP 302", False),
        (b"ICY 404 No\r\n\r\n", "invalid stream: the server answered HTTP 404", False),
        (b"SSH-2.0-OpenSSH\r\n", "invalid stream: the server's answer is neither", False),
        (b"", "invalid stream: the connection broke off", True),
        (OK + b"Content-Length: 9\r\n\r\nabc", "invalid stream: the connection broke", True),
        (OK + b"X: y\r\n", "invalid stream: the connection broke off", True),
        (OK + b"X: " + b"y" * 70_000, "invalid stream: the server's answer has too", False),
        (OK + b"X: y\r\n" * 2000 + b"\r\n", "invalid stream: the server's answer has too", False),
        (OK + b"Content-Encoding: br\r\n\r\n", "invalid stream: it is compressed", False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "invalid stream: the server's", False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab", "invalid stream: the conn", True),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_what_a_server_does_wrong_is_told(
    raw_server: RawOrigin, reply: bytes, message: str, *, is_transient: bool
) -> None:
    raw_server.answers = [reply]
    fault = await fault_of(raw_server.url())
    assert fault.message.startswith(message)
    assert fault.is_transient is is_transient


@pytest.mark.parametrize("head", [b"", b"Content-Length: 9\r\n"])
async def test_a_reset_is_a_passing_fault(raw_server: RawOrigin, head: bytes) -> None:
    raw_server.answers = [(OK + head + b"\r\nabc", RESET)]
    fault = await fault_of(raw_server.url())
    assert fault.message.startswith("invalid stream: the connection broke off")
    assert fault.is_transient


async def test_a_server_that_never_answers_times_out(raw_server: RawOrigin) -> None:
    raw_server.answers = [(HANG,)]
    fault = await fault_of(raw_server.url(), FetchLimits(connect_s=0.05))
    assert fault.message.startswith("connection timeout: the stream did not answer within 0.05 s")
    assert fault.is_transient


async def test_a_stream_that_falls_silent_is_lost(raw_server: RawOrigin) -> None:
    raw_server.answers = [(OK + b"\r\nabc", HANG)]
    fault = await fault_of(raw_server.url(), FetchLimits(stall_s=0.05))
    assert "nothing came for 0.05 s" in fault.message
    assert fault.is_transient


async def test_a_closed_port_cannot_be_reached(unused_tcp_port: int) -> None:
    fault = await fault_of(f"http://127.0.0.1:{unused_tcp_port}/")
    assert fault.message.startswith("invalid stream: the server cannot be reached")
    assert fault.is_transient


async def test_no_tls_where_it_was_asked_for() -> None:
    greeting = (b"220 no TLS here\r\n", HANG)
    async with run_raw_origin(greeting, speaks_first=True) as server:
        fault = await fault_of(f"https://127.0.0.1:{server.port}/")
    assert fault.message.startswith("invalid stream: TLS failure, no secure connection")


async def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server: RawOrigin) -> None:
    fault = await fault_of(tls_server.url())
    assert fault.message.startswith("invalid stream: TLS failure, the source's certificate")
    assert tls_server.requests == []


@pytest.mark.parametrize("head", [OK, b"ICY 200 OK\r\n"])
async def test_the_certificate_must_be_for_the_name_not_the_address(
    head: bytes, tls_server: RawOrigin, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    tls_server.answers = [head + b"\r\nmedia", head + b"\r\nmedia"]

    async def look_up(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async with GuardedFetcher(LOOPBACK, look_up=look_up) as fetcher:
        async with fetcher.open(check_url(tls_server.url("/", "a.example"))) as response:
            assert await response.read(10) == b"media"
        with pytest.raises(SourceFault, match="certificate is for another host"):
            async with fetcher.open(check_url(tls_server.url("/", "b.example"))):
                pass


async def test_a_password_is_not_shown_by_a_redirect_to_http(
    tls_server: RawOrigin,
    raw_server: RawOrigin,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    tls_server.answers = [redirect(raw_server.url("/", "a.example"))]

    async def look_up(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async with GuardedFetcher(LOOPBACK, look_up=look_up) as fetcher:
        url = tls_server.url("/", "a.example").replace("//", "//user:secret@")
        with pytest.raises(SourceFault, match="would show the password"):
            async with fetcher.open(check_url(url)):
                pass
    assert raw_server.connections == 0


async def test_neither_proxies_nor_cookies_take_part(
    raw_server: RawOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    raw_server.answers = [answer(b"one", "Set-Cookie: a=b"), answer(b"two")]
    async with GuardedFetcher(LOOPBACK) as fetcher:
        for body in (b"one", b"two"):
            async with fetcher.open(check_url(raw_server.url())) as response:
                assert await response.read(10) == body
    assert "cookie" not in raw_server.fields()


async def test_a_storage_service_says_why_it_refuses(raw_server: RawOrigin) -> None:
    body = b"<?xml version='1.0'?><Error><Code>ContainerNotFound</Code></Error>"
    head = f"HTTP/1.1 404 Gone\r\nx-ms-request-id: 1\r\nContent-Length: {len(body)}\r\n\r\n"
    raw_server.answers = [head.encode() + body]
    fault = await fault_of(raw_server.url("/c/talk.mp3?sv=1&se=2&sig=s3cret"))
    assert "there is no such container (HTTP 404 ContainerNotFound)" in fault.message
    assert "s3cret" not in fault.message
    assert fault.status == 404

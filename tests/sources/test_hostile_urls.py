"""What must not be reached is not reached: no byte, no connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.fetcher import FetchLimits, GuardedFetcher
from scribewire.sources.http.urls import check_url
from tests.parts.raw_origin import RawOrigin, head, live, run_raw_origin

NOT_ALLOWED = "stream address not allowed: "
MAPPED = "::ffff:127.0.0.1 is an IPv4 address mapped"
INVALID = "invalid stream: "

# URL (PORT is that of the listener), what the message begins with.
URLS = [
    # Loopback, as it is and in every notation that some program reads.
    ("http://127.0.0.1:PORT/", NOT_ALLOWED + "127.0.0.1 is a loopback address"),
    ("https://127.0.0.1:PORT/", NOT_ALLOWED + "127.0.0.1 is a loopback address"),
    ("HTTP://127.0.0.1:PORT/", NOT_ALLOWED + "127.0.0.1 is a loopback address"),
    ("http://127.255.255.254:PORT/", NOT_ALLOWED),
    ("http://127.1:PORT/", NOT_ALLOWED + "the host is an IP address in an unusual notation"),
    ("http://127.0.1:PORT/", NOT_ALLOWED),
    ("http://127.0.0.1.:PORT/", NOT_ALLOWED),
    ("http://127.0.0.1..:PORT/", INVALID),
    ("http://2130706433:PORT/", NOT_ALLOWED),
    ("http://0x7f000001:PORT/", NOT_ALLOWED),
    ("http://0X7F000001:PORT/", NOT_ALLOWED),
    ("http://0x7f.0.0.1:PORT/", NOT_ALLOWED),
    ("http://0x7f.0x0.0x0.0x1:PORT/", NOT_ALLOWED),
    ("http://0177.0.0.1:PORT/", NOT_ALLOWED),
    ("http://017700000001:PORT/", NOT_ALLOWED),
    ("http://0177.0x0.0.1:PORT/", NOT_ALLOWED),
    ("http://127.0.0.0x1:PORT/", NOT_ALLOWED),
    ("http://127.000.000.001:PORT/", NOT_ALLOWED),
    ("http://127.0.0.256:PORT/", NOT_ALLOWED),
    ("http://127.0.0.1.5:PORT/", NOT_ALLOWED),
    ("http://0x:PORT/", NOT_ALLOWED),
    ("http://00000000000000000000127.0.0.1:PORT/", NOT_ALLOWED),
    ("http://4294967297:PORT/", NOT_ALLOWED),
    ("http://0:PORT/", NOT_ALLOWED),
    ("http://0.0.0.0:PORT/", NOT_ALLOWED + "0.0.0.0 is the unspecified address"),
    # Other alphabets for the same digits and dots.
    ("http://１２７.0.0.1:PORT/", NOT_ALLOWED),
    ("http://①②⑦.⓪.⓪.①:PORT/", NOT_ALLOWED),
    ("http://127。0。0。1:PORT/", NOT_ALLOWED),
    ("http://127．0．0．1:PORT/", NOT_ALLOWED),
    ("http://𝟏𝟐𝟕.𝟎.𝟎.𝟏:PORT/", NOT_ALLOWED),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/", NOT_ALLOWED + "localhost leads to a loopback address"),
    ("http://LOCALHOST:PORT/", NOT_ALLOWED + "localhost leads to a loopback address"),
    ("http://localhost.:PORT/", NOT_ALLOWED),
    ("http://%6c%6f%63alhost:PORT/", INVALID),
    ("http://127%2e0%2e0%2e1:PORT/", INVALID),
    ("http://127.0.0.1%00.example.com:PORT/", INVALID),
    ("http://loca\u00adlhost:PORT/", INVALID),  # a soft hyphen
    ("http://\u202e1.0.0.721:PORT/", INVALID),  # right to left
    ("http://xn--:PORT/", INVALID),
    # IPv6, and IPv4 inside it.
    ("http://[::1]:PORT/", NOT_ALLOWED + "::1 is a loopback address"),
    ("http://[0:0:0:0:0:0:0:1]:PORT/", NOT_ALLOWED + "::1 is a loopback address"),
    ("http://[0000::0001]:PORT/", NOT_ALLOWED),
    ("http://[::]:PORT/", NOT_ALLOWED),
    ("http://[::ffff:127.0.0.1]:PORT/", NOT_ALLOWED + MAPPED),
    ("http://[::ffff:7f00:1]:PORT/", NOT_ALLOWED + MAPPED),
    ("http://[::FFFF:10.0.0.1]:PORT/", NOT_ALLOWED),
    ("http://[::ffff:169.254.169.254]:PORT/", NOT_ALLOWED),
    ("http://[::ffff:0:127.0.0.1]:PORT/", NOT_ALLOWED),
    ("http://[::127.0.0.1]:PORT/", NOT_ALLOWED),
    ("http://[64:ff9b::127.0.0.1]:PORT/", NOT_ALLOWED),
    ("http://[64:ff9b::a00:1]:PORT/", NOT_ALLOWED),
    ("http://[64:ff9b:1::a9fe:a9fe]:PORT/", NOT_ALLOWED),
    ("http://[2002:7f00:1::]:PORT/", NOT_ALLOWED),
    ("http://[2002:a00:1::1]:PORT/", NOT_ALLOWED),
    ("http://[2001:0:7f00:1::80ff:fffe]:PORT/", NOT_ALLOWED),
    ("http://[2a00::5efe:7f00:1]:PORT/", NOT_ALLOWED),
    ("http://[fe80::1]:PORT/", NOT_ALLOWED),
    ("http://[fe80::1%25lo]:PORT/", INVALID),
    ("http://[::1%25lo]:PORT/", INVALID),
    ("http://[fc00::1]:PORT/", NOT_ALLOWED),
    ("http://[fd00:ec2::254]:PORT/", NOT_ALLOWED),
    ("http://[fec0::1]:PORT/", NOT_ALLOWED),
    ("http://[ff02::1]:PORT/", NOT_ALLOWED),
    ("http://[2001:db8::1]:PORT/", NOT_ALLOWED),
    ("http://[100::1]:PORT/", NOT_ALLOWED),
    ("http://[4000::1]:PORT/", NOT_ALLOWED),
    ("http://[::1:PORT/", INVALID),
    ("http://[127.0.0.1]:PORT/", INVALID),
    ("http://[v1.127.0.0.1]:PORT/", INVALID),
    ("http://[]:PORT/", INVALID),
    ("http://::1:PORT/", INVALID),
    # Everything else that is not public.
    ("http://10.0.0.1:PORT/", NOT_ALLOWED + "10.0.0.1 is a private address"),
    ("http://172.16.0.1:PORT/", NOT_ALLOWED),
    ("http://172.31.255.255:PORT/", NOT_ALLOWED),
    ("http://192.168.1.1:PORT/", NOT_ALLOWED),
    ("http://100.64.0.1:PORT/", NOT_ALLOWED + "100.64.0.1 is an address inside a carrier's"),
    ("http://169.254.0.1:PORT/", NOT_ALLOWED + "169.254.0.1 is a link-local address"),
    ("http://169.254.169.254:PORT/latest/", NOT_ALLOWED + "169.254.169.254 is a cloud metadata"),
    ("http://2852039166:PORT/", NOT_ALLOWED),
    ("http://168.63.129.16:PORT/", NOT_ALLOWED),
    ("http://100.100.100.200:PORT/", NOT_ALLOWED),
    ("http://192.0.0.192:PORT/", NOT_ALLOWED),
    ("http://192.0.2.1:PORT/", NOT_ALLOWED),
    ("http://198.18.0.1:PORT/", NOT_ALLOWED),
    ("http://224.0.0.1:PORT/", NOT_ALLOWED + "224.0.0.1 is a multicast address"),
    ("http://239.255.255.250:PORT/", NOT_ALLOWED),
    ("http://240.0.0.1:PORT/", NOT_ALLOWED),
    ("http://255.255.255.255:PORT/", NOT_ALLOWED),
    # Names that lead there.
    ("http://private.example:PORT/", NOT_ALLOWED + "private.example leads to a private address"),
    ("http://loopback.example:PORT/", NOT_ALLOWED),
    ("http://metadata.example:PORT/", NOT_ALLOWED),
    ("http://mapped.example:PORT/", NOT_ALLOWED),
    ("http://nat64.example:PORT/", NOT_ALLOWED),
    ("http://scoped.example:PORT/", NOT_ALLOWED),
    ("http://mixed.example:PORT/", NOT_ALLOWED + "mixed.example leads to a loopback address"),
    ("http://mixed6.example:PORT/", NOT_ALLOWED),
    ("http://nonsense.example:PORT/", NOT_ALLOWED),
    ("http://empty.example:PORT/", INVALID + "the host name empty.example has no address"),
    ("http://missing.example:PORT/", INVALID + "the host name missing.example was not found"),
    # User info that looks like a host, hosts that look like user info.
    ("http://example.com@127.0.0.1:PORT/", NOT_ALLOWED + "127.0.0.1 is"),
    ("http://example.com:80@127.0.0.1:PORT/", NOT_ALLOWED + "127.0.0.1 is"),
    ("http://example.com%40@127.0.0.1:PORT/", NOT_ALLOWED + "127.0.0.1 is"),
    ("http://a@example.com@127.0.0.1:PORT/", INVALID + "the URL has a misleading host"),
    ("http://127.0.0.1:PORT\\@example.com/", INVALID + "the URL has a misleading host"),
    ("http://example.com\\@127.0.0.1:PORT/", INVALID + "the URL has a misleading host"),
    ("http://127.0.0.1:PORT#@example.com/", NOT_ALLOWED + "127.0.0.1 is"),
    ("http://127.0.0.1:PORT?@example.com/", NOT_ALLOWED + "127.0.0.1 is"),
    ("http://127.0.0.1:PORT;@loopback.example:PORT/", NOT_ALLOWED),
    ("http://@127.0.0.1:PORT/", NOT_ALLOWED),
    ("http://127.0.0.1 @loopback.example:PORT/", INVALID),
    ("http://@:PORT/", INVALID),
    # Other schemes, and those of media programs.
    ("file:///etc/passwd", NOT_ALLOWED + "the scheme of the URL is file"),
    ("FILE:///etc/passwd", NOT_ALLOWED),
    ("file://127.0.0.1:PORT/x", NOT_ALLOWED),
    ("data:audio/wav;base64,UklGRg==", NOT_ALLOWED + "the scheme of the URL is data"),
    ("gopher://127.0.0.1:PORT/_GET", NOT_ALLOWED),
    ("ftp://127.0.0.1:PORT/", NOT_ALLOWED),
    ("ws://127.0.0.1:PORT/", NOT_ALLOWED),
    ("rtmp://127.0.0.1:PORT/", NOT_ALLOWED),
    ("dict://127.0.0.1:PORT/", NOT_ALLOWED),
    ("concat:http://127.0.0.1:PORT/|http://127.0.0.1:PORT/", NOT_ALLOWED),
    ("crypto+http://127.0.0.1:PORT/", NOT_ALLOWED),
    ("view-source:http://127.0.0.1:PORT/", NOT_ALLOWED),
    ("subfile,,start,0,end,9,,:/etc/passwd", INVALID),
    ("unix:/var/run/docker.sock:http://localhost/", NOT_ALLOWED),
    ("javascript:alert(1)", NOT_ALLOWED),
    # No URL at all.
    ("", INVALID + "the URL has no scheme"),
    ("/etc/passwd", INVALID),
    ("//127.0.0.1:PORT/", INVALID),
    ("127.0.0.1:PORT/", INVALID),
    (" http://127.0.0.1:PORT/", INVALID),
    ("http:", INVALID + "the URL names no host"),
    ("http:127.0.0.1:PORT/", INVALID),
    ("http:/127.0.0.1:PORT/", INVALID),
    ("http://", INVALID),
    ("http:///127.0.0.1:PORT/", INVALID),
    ("http://:PORT/", INVALID),
    ("http://./", INVALID),
    ("http://a..b/", INVALID),
    ("http://-/", INVALID),
    ("http://127.0.0.1,example.com:PORT/", INVALID),
    ("http://*:PORT/", INVALID),
    # Ports.
    ("http://127.0.0.1:0/", INVALID + "the URL has a bad port"),
    ("http://127.0.0.1:65536/", INVALID + "the URL has a bad port"),
    ("http://127.0.0.1:-1/", INVALID),
    ("http://127.0.0.1:8o/", INVALID),
    ("http://127.0.0.1:PORT:PORT/", INVALID),
    ("http://127.0.0.1:٨٠/", INVALID),
    ("http://127.0.0.1:99999999999999999999/", INVALID),
    ("http://127.0.0.1:/", NOT_ALLOWED),
    # What would break a request or a log line.
    ("http://127.0.0.1:PORT/\r\nHost: evil", INVALID + "the URL has characters"),
    ("http://127.0.0.1:PORT/\nX: y", INVALID),
    ("http://127.0.0.1\t:PORT/", INVALID),
    ("http://loop\nback.example:PORT/", INVALID),
    ("http://127.0.0.1:PORT/\0", INVALID),
    ("http://127.0.0.1:PORT/\x1b[2J", INVALID),
    ("http://127.0.0.1:PORT/\ud800", INVALID),
    ("http://127.0.0.1:PORT/" + "a" * 8000, INVALID + "the URL is longer than 8000"),
    ("http://" + "a" * 64 + ".example:PORT/", INVALID),
    ("http://" + "a." * 127 + "example:PORT/", INVALID),
    ("http://" + "ä" * 7000 + ":PORT/", INVALID),
    ("http://" + "1" * 7000 + ":PORT/", INVALID),
]

TABLE = {
    "localhost": ["127.0.0.1"],
    "private.example": ["10.1.2.3"],
    "loopback.example": ["127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "scoped.example": ["fe80::1%lo"],
    "mixed.example": ["93.184.215.14", "127.0.0.1"],
    "mixed6.example": ["2606:2800:21f::1", "::1"],
    "nonsense.example": ["127.1"],
    "empty.example": [],
}

MAX_HEADER_VALUE = 1000

TINY = FetchLimits(connect_s=5, stall_s=5)


async def look_up(host: str, _port: int) -> list[str]:
    if host not in TABLE:
        raise OSError(host)
    return TABLE[host]


async def refusal_of(url: str, policy: AddressPolicy) -> str:
    async with GuardedFetcher(policy, look_up=look_up, limits=TINY) as fetcher:
        with pytest.raises(SourceFault) as caught:
            async with fetcher.open(check_url(url)):
                pass
    return caught.value.message


async def with_listener(check: Callable[[RawOrigin], Awaitable[None]]) -> None:
    """Run one to which nobody may come."""
    async with run_raw_origin(speaks_first=True) as listener:
        await check(listener)
        # A connection from before would be accepted before this one.
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await reader.read()
        writer.close()
        assert listener.connections == 1


@pytest.mark.parametrize(("url", "expected"), URLS, ids=lambda text: repr(text)[:60])
async def test_a_hostile_url_is_refused_and_nothing_is_reached(url: str, expected: str) -> None:
    async def check(listener: RawOrigin) -> None:
        message = await refusal_of(url.replace("PORT", str(listener.port)), AddressPolicy())
        assert message.startswith(expected)
        assert message.count("; expected ") == 1
        assert message.isprintable()

    await with_listener(check)


# The first server is one's own, at 127.0.0.2; what it points at is not.
ALLOWED = AddressPolicy(allowed=(parse_address_rule("127.0.0.2"),))
REDIRECTED = [
    url
    for url, _ in URLS
    if url.isascii() and url.isprintable() and len(url) < MAX_HEADER_VALUE and "//" in url
]


@pytest.mark.parametrize("url", REDIRECTED, ids=lambda text: repr(text)[:60])
async def test_a_redirect_to_a_hostile_url_is_refused(url: str) -> None:
    async def check(listener: RawOrigin) -> None:
        location = url.replace("PORT", str(listener.port))
        redirect = head("302 Found", f"Location: {location}")
        async with run_raw_origin(redirect, host="127.0.0.2") as server:
            message = await refusal_of(server.url(), ALLOWED)
        assert message.startswith((NOT_ALLOWED, INVALID))

    await with_listener(check)


async def test_only_the_first_answer_of_a_changing_name_counts() -> None:
    answers = [["10.0.0.1"], ["127.0.0.1"]]
    asked: list[str] = []

    async def change(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    async def check(listener: RawOrigin) -> None:
        async with GuardedFetcher(AddressPolicy(), look_up=change, limits=TINY) as fetcher:
            with pytest.raises(SourceFault, match="private address"):
                async with fetcher.open(check_url(f"http://rebinding.example:{listener.port}/")):
                    pass
        assert asked == ["rebinding.example"]

    await with_listener(check)


async def test_a_name_that_changes_after_the_check_is_connected_to_where_it_was_checked() -> None:
    asked: list[str] = []

    async def change(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    async def check(listener: RawOrigin) -> None:
        async with (
            run_raw_origin(live(b"media"), host="127.0.0.2", port=listener.port),
            GuardedFetcher(ALLOWED, look_up=change, limits=TINY) as fetcher,
        ):
            url = f"http://rebinding.example:{listener.port}/"
            async with fetcher.open(check_url(url)) as response:
                assert await response.read(100) == b"media"
            assert asked == ["rebinding.example"]
            with pytest.raises(SourceFault, match="leads to a loopback address"):
                async with fetcher.open(check_url(url)):
                    pass

    await with_listener(check)

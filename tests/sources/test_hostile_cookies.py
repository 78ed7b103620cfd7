"""What a cookie gives away: nothing to a server that is not meant by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.cookies import MAX_BYTES
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.http.urls import check_url
from tests.parts.raw_origin import head, ok
from tests.sources.test_hostile_urls import NOT_ALLOWED, with_listener

if TYPE_CHECKING:
    from tests.parts.raw_origin import RawOrigin

HOME = AddressPolicy(allowed=(parse_address_rule("127.0.0.2"),))


async def look_up(_host: str, _port: int) -> list[str]:
    return ["127.0.0.2"]


async def cookies_of(server: RawOrigin, first: str) -> str | None:
    """Follow from that host to the end; return the cookies that the last request had."""
    async with (
        GuardedFetcher(HOME, look_up=look_up) as fetcher,
        fetcher.for_one_source().open(check_url(server.url("/a/first", first))) as response,
    ):
        assert await response.read(10) == b"media"
    return server.fields().get("cookie")


# Who sets a cookie, what stands in it, who is asked next, and whether it is told there.
TOLD = [
    ("a.example", "", "a.example", True),
    ("a.example", "", "b.example", False),
    ("a.example", "", "b.a.example", False),
    ("a.example", "; Domain=a.example", "b.a.example", True),
    ("a.example", "; Domain=.A.Example", "b.a.example", True),
    ("a.example", "; Domain=a.example", "ba.example", False),
    ("b.a.example", "; Domain=a.example", "c.a.example", True),
    # For somebody else, or for everybody.
    ("a.example", "; Domain=b.example", "b.example", False),
    ("a.example", "; Domain=b.a.example", "b.a.example", False),
    ("ba.example", "; Domain=a.example", "a.example", False),
    ("a.example", "; Domain=example", "b.example", False),
    ("a.example", "; Domain=.", "b.example", False),
    ("a.co.uk", "; Domain=co.uk", "b.co.uk", False),
    ("a.example", "; Domain=b.example; Domain=a.example", "b.example", False),
    ("a.example", "; Domain=a.example; Domain=b.example", "b.example", False),
    ("a.example", "; Domain=a.example\t", "b.example", False),
    # Addresses are no domains.
    ("127.0.0.2", "; Domain=0.0.2", "127.0.0.2", False),
    ("127.0.0.2", "; Domain=127.0.0.2", "a.127.0.0.2.example", False),
    ("a.example", "; Domain=127.0.0.2", "127.0.0.2", False),
    # Elsewhere on the same host.
    ("a.example", "; Path=/b", "a.example", False),
    ("a.example", "; Path=/a/", "a.example", True),
    ("a.example", "; Path=/a/sec", "a.example", False),
    ("a.example", "; Secure", "a.example", False),
]


@pytest.mark.parametrize(("first", "attributes", "then", "is_told"), TOLD)
async def test_a_cookie_is_told_to_whom_it_is_meant_for(
    first: str, attributes: str, then: str, is_told: bool, server: RawOrigin
) -> None:
    following = f"Location: {server.url('/a/second', then)}"
    server.paths["/a/first"] = head("302 Found", following, f"Set-Cookie: pass=yes{attributes}")
    server.paths["/a/second"] = ok(b"media")

    assert await cookies_of(server, first) == ("pass=yes" if is_told else None)
    assert server.fields()["host"] == f"{then}:{server.port}"


# What would break a request, or make one of two.
BROKEN = [
    "a",
    "=b",
    "a b=c",
    "a=b\x01",
    "a=b\x7f",
    "a=\xe9",
    "\xe9=b",
    "a\x0bc=b",
    f"a={'b' * 4096}",
]


@pytest.mark.parametrize("line", BROKEN, ids=range(len(BROKEN)))
async def test_what_cannot_be_a_cookie_is_not_told(line: str, server: RawOrigin) -> None:
    fields = f"Location: /a/second\r\nSet-Cookie: {line}\r\nSet-Cookie: good=1\r\n\r\n"
    server.paths["/a/first"] = b"HTTP/1.1 302 Found\r\n" + fields.encode("latin-1")
    server.paths["/a/second"] = ok(b"media")

    assert await cookies_of(server, "a.example") == "good=1"


async def test_cookies_without_end_do_not_make_a_request_without_end(server: RawOrigin) -> None:
    for at in range(5):
        many = [f"Set-Cookie: a{at}-{number}={'b' * 1000}" for number in range(60)]
        server.paths[f"/a/{at or 'first'}"] = head("302 Found", f"Location: /a/{at + 1}", *many)
    server.paths["/a/5"] = ok(b"media")

    told = await cookies_of(server, "a.example")

    assert told is not None
    assert len(told) <= MAX_BYTES
    assert told.endswith(f"a4-59={'b' * 1000}")  # the latest


async def test_a_cookie_opens_no_way_to_a_forbidden_address(server: RawOrigin) -> None:
    async def check(listener: RawOrigin) -> None:
        location = f"Location: http://127.0.0.1:{listener.port}/"
        cookie = "Set-Cookie: a=b; Domain=127.0.0.1; Path=/"
        server.paths["/a/first"] = head("302 Found", location, cookie)
        with pytest.raises(SourceFault) as caught:
            await cookies_of(server, "a.example")
        assert caught.value.message.startswith(NOT_ALLOWED + "127.0.0.1 is a loopback address")

    await with_listener(check)

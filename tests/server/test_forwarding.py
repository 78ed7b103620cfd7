from __future__ import annotations

import pytest

from scribewire.server.forwarding import NO_PROXIES, Forwarded, TrustedProxies

PROXIES = TrustedProxies.read(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])


def client(peer: str, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", text.encode("latin-1")) for text in forwarded]
    return PROXIES.look_behind(peer, headers).host


@pytest.mark.parametrize(
    ("peer", "forwarded", "host"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("127.0.0.1", "192.0.2.7:5000", "192.0.2.7"),
        ("127.0.0.1", " 192.0.2.7 ", "192.0.2.7"),
        ("::ffff:127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("fd00::2", "::ffff:192.0.2.7", "192.0.2.7"),
        # A second proxy of ours stands between.
        ("127.0.0.1", "192.0.2.7, 10.1.2.3", "192.0.2.7"),
        # What a client has invented stands before its own address.
        ("127.0.0.1", "203.0.113.9, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1, 192.0.2.7", "192.0.2.7"),
        # Everybody is ours: the farthest of them asks.
        ("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"),
        # Somebody else's word counts for nothing.
        ("198.51.100.1", "192.0.2.7", "198.51.100.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, s3cret", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, s3cret, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "192.0.2.7\xff", "127.0.0.1"),
        ("127.0.0.1", "[192.0.2.7", "192.0.2.7"),
        ("a unix socket", "192.0.2.7", "a unix socket"),
    ],
)
def test_who_asks_is_the_last_one_that_is_no_proxy_of_ours(
    peer: str, forwarded: str, host: str
) -> None:
    assert client(peer, forwarded) == host


def test_a_header_that_comes_twice_is_one_list() -> None:
    assert client("127.0.0.1", "203.0.113.9", "192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize(
    ("said", "is_secure"),
    [
        (["https"], True),
        (["HTTPS"], True),
        (["wss"], True),
        (["http"], False),
        (["https, http"], False),
        (["http", "https"], True),
        (["gopher"], None),
        ([], None),
    ],
)
def test_a_proxy_says_whether_it_was_asked_over_tls(
    said: list[str], is_secure: bool | None
) -> None:
    headers = [(b"x-forwarded-proto", text.encode()) for text in said]

    assert PROXIES.look_behind("10.0.0.1", headers) == Forwarded("10.0.0.1", is_secure)
    assert PROXIES.look_behind("192.0.2.7", headers) == Forwarded("192.0.2.7", None)


def test_without_proxies_nobody_speaks_for_others() -> None:
    headers = [(b"x-forwarded-for", b"192.0.2.7"), (b"x-forwarded-proto", b"https")]

    assert NO_PROXIES.look_behind("127.0.0.1", headers) == Forwarded("127.0.0.1", None)

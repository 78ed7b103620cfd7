from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.http.cookies import MAX_BYTES, MAX_COOKIE_BYTES, MAX_COOKIES, CookieJar
from scribewire.sources.http.urls import check_url

NOW = 1_800_000_000.0
HERE = "https://tv.radio.example/a/live.m3u8?x=/y/"


def sent(lines: list[str], to: str, *, at: str = HERE, later_s: float = 0) -> str | None:
    jar = CookieJar()
    jar.receive(check_url(at), lines, NOW)
    return jar.header_for(check_url(to), NOW + later_s)


# What a server sets, where it is asked for, whether it goes there.
PLACES = [
    # The host.
    ("a=b", HERE, True),
    ("a=b", "https://tv.radio.example:8443/a/1.ts", True),
    ("a=b", "https://radio.example/a/1.ts", False),
    ("a=b", "https://x.tv.radio.example/a/1.ts", False),
    ("a=b; Domain=radio.example", "https://radio.example/a/", True),
    ("a=b; domain=.Radio.Example", "https://cdn.radio.example/a/", True),
    ("a=b; Domain=tv.radio.example", "https://x.tv.radio.example/a/", True),
    ("a=b; Domain=radio.example", "https://myradio.example/a/", False),
    ("a=b; Domain=example", "https://other.example/a/", False),
    ("a=b; Domain=example", HERE, True),
    ("a=b; Domain=other.example", HERE, False),
    ("a=b; Domain=other.example", "https://other.example/a/", False),
    ("a=b; Domain=x.tv.radio.example", "https://x.tv.radio.example/a/", False),
    # The path.
    ("a=b", "https://tv.radio.example/b/1.ts", False),
    ("a=b; Path=/", "https://tv.radio.example/b/1.ts", True),
    ("a=b; Path=/b", "https://tv.radio.example/b/1.ts", True),
    ("a=b; Path=/b", "https://tv.radio.example/b?c", True),
    ("a=b; Path=/b", "https://tv.radio.example/bc", False),
    ("a=b; Path=c", "https://tv.radio.example/a/1.ts", True),
    # The scheme.
    ("a=b; Secure; HttpOnly; SameSite=None", "https://tv.radio.example/a/1.ts", True),
    ("a=b; Secure", "http://tv.radio.example/a/1.ts", False),
    ("a=b", "http://tv.radio.example/a/1.ts", True),
]


@pytest.mark.parametrize(("line", "to", "is_sent"), PLACES)
def test_a_cookie_goes_where_it_belongs(line: str, to: str, *, is_sent: bool) -> None:
    assert sent([line], to) == ("a=b" if is_sent else None)


def test_nobody_sets_one_for_a_whole_country() -> None:
    set_at, other = "https://a.co.uk/", "https://b.co.uk/"
    assert sent(["a=b; Domain=co.uk"], set_at, at=set_at) == "a=b"
    assert sent(["a=b; Domain=co.uk"], other, at=set_at) is None


def test_an_address_is_no_domain() -> None:
    assert sent(["a=b; Domain=10.0.0.1"], "http://10.0.0.1/", at="http://10.0.0.1/") == "a=b"
    assert sent(["a=b; Domain=0.0.1"], "http://10.0.0.1/", at="http://10.0.0.1/") is None


def test_a_secure_one_is_not_set_over_http() -> None:
    assert sent(["a=b; Secure"], HERE, at="http://tv.radio.example/a/") is None


# What a server sets, how much later it is asked, what is sent.
TIMES = [
    ("a=b; Max-Age=10", 9, "a=b"),
    ("a=b; Max-Age=10", 10, None),
    ("a=b; Max-Age=0", 0, None),
    ("a=b; Max-Age=-5", 0, None),
    ("a=b; Max-Age=soon", 1e9, "a=b"),
    ("a=b; Expires=Fri, 15 Jan 2027 08:00:10 GMT", 9, "a=b"),
    ("a=b; Expires=Fri, 15-Jan-2027 08:00:10 GMT", 10, None),
    ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=10", 9, "a=b"),
    ("a=b; Expires=never", 1e9, "a=b"),
]


@pytest.mark.parametrize(("line", "later_s", "expected"), TIMES)
def test_a_cookie_has_its_time(line: str, later_s: float, expected: str | None) -> None:
    assert sent([line], HERE, later_s=later_s) == expected


def test_a_later_one_stands_for_an_earlier_and_may_take_it_away() -> None:
    assert sent(["a=b", "c=d", "a=e"], HERE) == "c=d; a=e"
    assert sent(["a=b", "c=d", "a=; Max-Age=0"], HERE) == "c=d"


def test_the_nearest_path_comes_first() -> None:
    assert sent(["a=far; Path=/", "a=near; Path=/a"], HERE) == "a=near; a=far"


@pytest.mark.parametrize(
    "line", ["", "a", "=b", "a b=c", "a=b\r\nX: y", "a=\xe4", "a=\0", "ä=b", f"a={'b' * 4096}"]
)
def test_what_cannot_be_sent_is_not_kept(line: str) -> None:
    assert sent([line], HERE) is None


def test_what_is_kept_is_bounded() -> None:
    many = sent([f"a{number}=b" for number in range(MAX_COOKIES + 5)], HERE)
    assert many is not None
    assert many.split("; ") == [f"a{number}=b" for number in range(5, MAX_COOKIES + 5)]
    large = sent([f"a{number}={'b' * (MAX_COOKIE_BYTES - 2)}" for number in range(9)], HERE)
    assert large is not None
    assert MAX_BYTES - MAX_COOKIE_BYTES < len(large) <= MAX_BYTES


PIECES = ["a", "=", ";", " ", "Domain=", "example", ".", "Max-Age=", "9", "Expires=", "Path=/"]


@given(st.lists(st.text() | st.lists(st.sampled_from(PIECES)).map("".join)))
def test_any_lines_are_kept_or_left(lines: list[str]) -> None:
    found = sent(lines, HERE)
    assert found is None or found.isprintable()

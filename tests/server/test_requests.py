from __future__ import annotations

import json

import pytest

from scribewire.server.requests import (
    MAX_HEAD_BYTES,
    HttpAnswer,
    HttpExchange,
    RequestHead,
    refuse,
    shake_hands,
)
from tests.parts.raw_websocket import upgrade

READING_BYTES = 16_384
POST = b"POST /v1/tokens HTTP/1.1\r\nHost: here\r\n"


def read(data: bytes) -> RequestHead | HttpAnswer | None:
    exchange = HttpExchange()
    for start in range(0, len(data), READING_BYTES):
        result = exchange.receive_data(data[start : start + READING_BYTES])
        if result is not None:
            return result
    return None


@pytest.mark.parametrize(
    "data",
    [
        upgrade("/v2/realtime?token=k"),
        upgrade("/v2/client/k?url=" + "a" * 12_000),
        upgrade("/v2/realtime?token=k", *(f"X-{number}: y" for number in range(300))),
        upgrade("/v2/realtime?token=k", "Content-Length: 0"),
        upgrade("/v2/realtime?token=k", "X: " + "y" * 20_000),
    ],
    ids=["plain", "long address", "many headers", "no body", "long header"],
)
def test_a_handshake_of_up_to_32_kilobytes_is_accepted(data: bytes) -> None:
    head = read(data)

    assert isinstance(head, RequestHead)
    assert head.is_upgrade
    assert isinstance(shake_hands(head), list)
    assert len(data) <= MAX_HEAD_BYTES


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (upgrade("/" + "a" * 60_000), 431, "32768 bytes"),
        (b"GET /" + b"a" * 60_000, 431, "32768 bytes"),
        (upgrade("/", "X: " + "y" * 60_000), 431, "32768 bytes"),
        (upgrade("/", "Content-Length: 5") + b"hello", 400, "no body"),
        (upgrade("/", "Transfer-Encoding: chunked"), 400, "no body"),
        (POST + b"Content-Length: 16385\r\n\r\n", 413, "16384 bytes"),
        (POST + b"Content-Length: 999999999999999999999\r\n\r\n", 400, ""),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n4001\r\n" + bytes(16_385), 413, "16384 bytes"),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "Content-Length"),
        (b"HELO there\r\n\r\n", 400, "request line"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400, "header"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""),
    ],
)
def test_what_is_no_request_is_refused_in_words(data: bytes, status: int, words: str) -> None:
    answer = read(data)

    assert isinstance(answer, HttpAnswer)
    assert answer.status == status
    assert words in json.loads(answer.body)["message"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (upgrade("/").replace(b"Version: 13", b"Version: 8"), 400),
        (upgrade("/").replace(b"GET", b"POST"), 405),
        (upgrade("/", "X: \x7f"), 400),
        (upgrade("/").replace(b"Sec-WebSocket-Key", b"Sec-WebSocket-Quay"), 400),
    ],
)
def test_a_handshake_that_is_none_is_refused(data: bytes, status: int) -> None:
    head = read(data)

    assert isinstance(head, RequestHead)
    answer = shake_hands(head)
    assert isinstance(answer, HttpAnswer)
    assert answer.status == status


def test_a_header_may_be_spread_over_lines() -> None:
    head = read(upgrade("/", "Connection: keep-alive"))

    assert isinstance(head, RequestHead)
    assert head.is_upgrade


@pytest.mark.parametrize("data", [b"", b"GET /v2/re", upgrade("/")[:-2]])
def test_half_a_request_is_waited_for(data: bytes) -> None:
    assert HttpExchange().receive_data(data) is None


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: 5\r\n\r\nhello",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        POST + b"Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n",
    ],
)
def test_a_body_is_complete_however_it_comes(data: bytes) -> None:
    exchange = HttpExchange()
    last = data.index(b"lo")
    results = [exchange.receive_data(data[at : at + 1]) for at in range(last + 1)]

    assert set(results) == {None}
    head = exchange.receive_data(data[last + 1 :])
    assert isinstance(head, RequestHead)
    assert (head.method, exchange.body) == ("POST", b"hello")


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_once() -> None:
    exchange = HttpExchange()
    head = POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"

    assert exchange.receive_data(head) is None
    assert exchange.go_ahead().startswith(b"HTTP/1.1 100 ")
    assert exchange.go_ahead() == b""
    assert isinstance(exchange.receive_data(b"ab"), RequestHead)


def test_an_answer_is_written_with_its_length_and_that_it_is_the_last() -> None:
    exchange = HttpExchange()
    exchange.receive_data(b"GET /healthz?a=b HTTP/1.1\r\nHost: here\r\n\r\n")
    answer = HttpAnswer(404, [(b"content-length", b"7"), (b"x", b"y")], b"no")

    assert exchange.answer(answer) == (
        b"HTTP/1.1 404 Not Found\r\nx: y\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    )


@pytest.mark.parametrize("status", [204, 304])
def test_what_never_has_a_body_says_no_length(status: int) -> None:
    """A 304 that says 0 tells caches that what they hold is empty."""
    exchange = HttpExchange()
    exchange.receive_data(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")

    written = exchange.answer(HttpAnswer(status, [(b"content-length", b"0"), (b"x", b"y")], b""))

    assert written.partition(b"\r\n")[2] == b"x: y\r\nConnection: close\r\n\r\n"


def test_who_asks_for_the_head_gets_no_body() -> None:
    exchange = HttpExchange()
    exchange.receive_data(b"HEAD / HTTP/1.1\r\nHost: here\r\n\r\n")

    assert exchange.answer(HttpAnswer(200, [], b"body")).endswith(b"Connection: close\r\n\r\n")


def test_what_a_hasty_client_sends_behind_its_handshake_is_of_the_next_protocol() -> None:
    exchange = HttpExchange()
    head = exchange.receive_data(upgrade("/a%20b?c=d") + b"frames")

    assert isinstance(head, RequestHead)
    assert (head.path, head.query) == ("/a b", b"c=d")
    accepting = shake_hands(head)
    assert isinstance(accepting, list)
    assert exchange.switch(accepting).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert exchange.take_rest() == b"frames"


def test_nobody_is_let_send_what_is_packed() -> None:
    """Of 1 MB that was sent, 1 GB would have to be looked at."""
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    head = read(upgrade("/v2/realtime", offer))

    assert isinstance(head, RequestHead)
    accepting = shake_hands(head)
    assert isinstance(accepting, list)
    assert "sec-websocket-extensions" not in [name.decode().lower() for name, _ in accepting]


def test_a_refusal_says_what_is_wrong() -> None:
    answer = refuse(431, "too long")

    assert json.loads(answer.body) == {
        "error": "request header fields too large",
        "message": "too long",
    }


@pytest.mark.parametrize(
    ("method", "version", "framed"),
    [
        ("GET", "1.1", b"5\r\nhello\r\n0\r\n\r\n"),
        ("GET", "1.0", b"hello"),
        ("HEAD", "1.1", b""),
    ],
)
def test_an_answer_comes_in_parts_as_the_client_can_read_them(
    method: str, version: str, framed: bytes
) -> None:
    exchange = HttpExchange()
    exchange.receive_data(f"{method} / HTTP/{version}\r\nHost: here\r\n\r\n".encode())

    head = exchange.begin(200, [(b"Content-Type", b"text/plain")])
    body = exchange.go_on(b"") + exchange.go_on(b"hello") + exchange.end()

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close\r\n" in head
    assert body == framed

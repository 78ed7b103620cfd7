"""Answers that are not quite HTTP, through the fetcher: which are heard, and which are not."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.bodies import BodyEnd
from scribewire.sources.http.fetcher import GuardedFetcher, Response
from scribewire.sources.http.urls import check_url

if TYPE_CHECKING:
    from tests.parts.raw_origin import RawOrigin

LOOPBACK = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))
OK = "HTTP/1.1 200 OK\r\n"
CHUNKS = b"3\r\nmed\r\n2\r\nia\r\n0\r\n\r\n"
MEASURED, MARKED, CLOSED = BodyEnd.LENGTH, BodyEnd.MARK, BodyEnd.CLOSE

# A header and a body that are heard as "media"; the length they tell, and what ends it.
HEARD: list[tuple[str, bytes, int | None, BodyEnd]] = [
    (OK + "Content-Length: 5\r\n\r\n", b"media", 5, MEASURED),
    (OK + "Content-Length: 5\r\n\r\n", b"media and more", 5, MEASURED),
    (OK + "Content-Length : 5\r\n\r\n", b"media and more", 5, MEASURED),
    (OK + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", b"media", 5, MEASURED),
    (OK + "Content-Length: 5, 5\r\n\r\n", b"media", 5, MEASURED),
    (OK + "Content-Length: -1\r\n\r\n", b"media", None, CLOSED),
    (OK + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKS, None, MARKED),
    (OK + "Transfer-Encoding: chunked\r\n\r\n", CHUNKS + b"and more", None, MARKED),
    (OK + "Transfer-Encoding: chunked\r\n\r\n", CHUNKS[:-2], None, MARKED),
    (OK + "Transfer-Encoding: chunked\r\n" * 2 + "\r\n", CHUNKS, None, MARKED),
    (OK + "Transfer-Encoding : Chunked\r\n\r\n", CHUNKS, None, MARKED),
    (OK + "Transfer-Encoding: chunked\r\n\r\n", b"5 ;a=b\nmedia\n0\nX: y\n\n", None, MARKED),
    (OK + f"X: {'y' * 9216}\r\n\r\n", b"media", None, CLOSED),
    (OK + "X: y\r\n" * 140 + "\r\n", b"media", None, CLOSED),
    (OK + "no field\r\nX:\r\n y\r\n\r\n", b"media", None, CLOSED),
    (OK + "Content-Encoding: aws-chunked\r\n\r\n", b"media", None, CLOSED),
    (OK + "Content-Encoding: aws-chunked\r\nContent-Length: 5\r\n\r\n", b"media", 5, MEASURED),
    (OK + "Content-Encoding: utf-8\r\n\r\n", b"media", None, CLOSED),
    (OK + "Content-Encoding: UTF-8, gzip\r\n\r\n", gzip.compress(b"media", mtime=0), None, MARKED),
    (OK + "Content-Encoding:\r\n\r\n", b"media", None, CLOSED),
    (OK + f"X: {'y' * 9216}\r\n" + "X : y\r\n" * 140 + "\r\n", b"media", None, CLOSED),
    (OK + "Content-Encoding: gzip\r\n\r\n", gzip.compress(b"media", mtime=0), None, MARKED),
    (OK + "Content-Encoding: gzip\r\n\r\n", b"media", None, CLOSED),
    (
        OK + "Content-Encoding: aws-chunked,gzip\r\n\r\n",
        gzip.compress(b"media", mtime=0),
        None,
        MARKED,
    ),
    (OK + "Content-Encoding: deflate\r\n\r\n", zlib.compress(b"media"), None, MARKED),
    ("HTTP/1.1 100 Continue\r\n\r\n" + OK + "\r\n", b"media", None, CLOSED),
    ("HTTP/1.0 200\nContent-Length:5\n\n", b"media", 5, MEASURED),
    ("HTTP 200 OK\r\n\r\n", b"media", None, CLOSED),
    ("icy 200 ok\n\n", b"media", None, CLOSED),
]


async def opened(server: RawOrigin, answer: bytes) -> tuple[bytes, Response]:
    server.answers = [answer]
    async with (
        GuardedFetcher(LOOPBACK) as fetcher,
        fetcher.open(check_url(server.url())) as response,
    ):
        return await response.read(1000), response


@pytest.mark.parametrize(("head", "body", "length", "ended_by"), HEARD, ids=lambda x: repr(x)[:60])
async def test_what_players_hear_is_heard(
    head: str, body: bytes, length: int | None, ended_by: BodyEnd, raw_server: RawOrigin
) -> None:
    media, response = await opened(raw_server, head.encode() + body)
    assert (media, response.length, response.ended_by) == (b"media", length, ended_by)


async def test_the_marks_of_an_upload_are_part_of_what_was_stored(raw_server: RawOrigin) -> None:
    signed = [b"%d;chunk-signature=%064d\r\n" % (size, 1) for size in (5, 0)]
    stored = signed[0] + b"media\r\n" + signed[1] + b"\r\n"

    head = f"{OK}Content-Encoding: aws-chunked\r\nContent-Length: {len(stored)}\r\n\r\n"
    media, response = await opened(raw_server, head.encode() + stored)

    assert (media, response.length) == (stored, len(stored))


REFUSED = [
    (OK + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nmedia", "has two lengths"),
    (OK + "Content-Length: 5, x\r\n\r\nmedia", "has two lengths"),
    (OK + "Content-Length: 5\r\n\r\nmed", "broke off"),
    (OK + "Transfer-Encoding: gzip\r\n\r\nmedia", "sent in a way that was not asked for"),
    (OK + "Transfer-Encoding: chunked\r\n\r\nmedia\n", "has broken chunks"),
    (OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nmedia", "broke off"),
    (OK + "Content-Encoding: br\r\n\r\nmedia", "compressed in a way that was not asked for"),
    (OK + "Content-Encoding: gzip, gzip\r\n\r\nmedia", "compressed in a way that was not asked"),
    (OK + f"X: {'y' * 66_000}\r\n\r\nmedia", "has too long a header"),
    (OK + "X: y\r\n" * 1001 + "\r\nmedia", "has too long a header"),
    (OK + "X: \0\r\n\r\nmedia", "has a broken header"),
    ("HTTP/1.1 101 Switching Protocols\r\n\r\nmedia", "something else than HTTP"),
    ("media", "broke off"),
    ("media\n", "neither HTTP nor a radio stream's"),
]


@pytest.mark.parametrize(("answer", "words"), REFUSED, ids=lambda x: repr(x)[:60])
async def test_what_leaves_something_in_doubt_is_refused(
    answer: str, words: str, raw_server: RawOrigin
) -> None:
    with pytest.raises(SourceFault, match=words):
        await opened(raw_server, answer.encode())

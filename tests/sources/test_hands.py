"""What hands do, with a real connection and a real decoder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

import pytest

from scribewire.sources.events import SourceAudio, SourceTrack
from scribewire.sources.hands import Hands
from scribewire.sources.hls.playlist import MediaPlaylist, Resource
from scribewire.sources.hls.playlist import Segment as Listed
from scribewire.sources.http.addresses import AddressPolicy, AddressRule
from scribewire.sources.http.bodies import BodyEnd
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.http.urls import check_url
from scribewire.sources.steps import (
    BodyOver,
    Connect,
    Connected,
    DecoderOver,
    Disconnect,
    EndInput,
    Fact,
    Failed,
    Fed,
    Feed,
    FetchSegment,
    Hear,
    Heard,
    Known,
    PlaylistCame,
    ReadPlaylist,
    Receive,
    Received,
    SegmentCame,
    StartDecoder,
    StopDecoder,
)
from tests.parts.decoding import DECODERS
from tests.parts.film import make_film
from tests.parts.raw_origin import HANG, RESET, RawOrigin, head, live, ok
from tests.parts.wav import wav

HOME = AddressPolicy(named=(AddressRule(host="127.0.0.1"),))
PCM = b"\x10\x00" * 48_000
LOUD, SILENT = b"\x00\x10" * 48_000, bytes(96_000)
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n"


@pytest.fixture
async def hands() -> AsyncIterator[Hands]:
    async with GuardedFetcher(HOME) as fetcher, Hands(fetcher.for_one_source(), DECODERS) as ready:
        yield ready


async def fact(hands: Hands) -> Fact:
    found = await hands.next_fact(10)
    assert found is not None
    return found


async def connect(hands: Hands, origin: RawOrigin, path: str = "/a") -> Fact:
    await hands.do(Connect(check_url(origin.url(path))))
    return await fact(hands)


async def receive_all(hands: Hands) -> tuple[bytes, Fact]:
    body = b""
    while True:
        await hands.do(Receive())
        found = await fact(hands)
        if not isinstance(found, Received):
            return body, found
        body += found.data


async def test_a_body_is_received_with_its_head_and_its_end(
    hands: Hands, raw_server: RawOrigin
) -> None:
    raw_server.paths["/a"] = ok(PCM, 'ETag: "1"')
    answer = await connect(hands, raw_server)

    assert isinstance(answer, Connected)
    assert (answer.head, answer.length, answer.start) == (PCM[:16], len(PCM), 0)
    assert (answer.is_finite, answer.is_icy, answer.is_azure) == (True, False, False)
    assert answer.validators["etag"] == '"1"'
    assert await receive_all(hands) == (PCM, BodyOver(BodyEnd.LENGTH))


async def test_what_breaks_off_has_failed(hands: Hands, raw_server: RawOrigin) -> None:
    raw_server.paths["/a"] = (ok(PCM)[:-1000], RESET)
    await connect(hands, raw_server)
    _, last = await receive_all(hands)

    assert isinstance(last, Failed)
    assert last.fault.is_transient


@pytest.mark.parametrize("answer", [head("404 Not Found"), b""])
async def test_a_request_that_is_refused_has_failed(
    answer: bytes, hands: Hands, raw_server: RawOrigin
) -> None:
    raw_server.paths["/a"] = answer

    assert isinstance(await connect(hands, raw_server), Failed)


async def test_only_the_first_request_asks_for_the_titles_of_a_station(
    hands: Hands, raw_server: RawOrigin
) -> None:
    raw_server.paths["/a"] = ok(PCM)
    await connect(hands, raw_server)
    await hands.do(Disconnect())
    await hands.do(Connect(check_url(raw_server.url("/a")), 10, len(PCM)))
    await fact(hands)

    assert "icy-metadata" in raw_server.fields(0)
    assert "icy-metadata" not in raw_server.fields(1)
    assert raw_server.fields(1)["range"] == f"bytes=10-{len(PCM) - 1}"


async def test_of_what_is_let_go_nothing_is_told(hands: Hands, raw_server: RawOrigin) -> None:
    raw_server.paths["/a"] = (live(PCM[:100]), HANG)
    await connect(hands, raw_server)
    await hands.do(Receive())
    assert await fact(hands) == Received(PCM[:100])
    await hands.do(Receive())
    await hands.do(Disconnect())

    assert await hands.next_fact(0) is None
    raw_server.paths["/a"] = ok(PCM)
    assert isinstance(await connect(hands, raw_server), Connected)


async def test_a_playlist_is_read_from_the_connection_or_anew(
    hands: Hands, raw_server: RawOrigin
) -> None:
    raw_server.paths["/a"] = ok(PLAYLIST.encode())
    url = check_url(raw_server.url("/a"))
    await connect(hands, raw_server)
    await hands.do(ReadPlaylist(url, is_connected=True))
    first = await fact(hands)
    await hands.do(Disconnect())
    await hands.do(ReadPlaylist(url))

    assert isinstance(first, PlaylistCame)
    assert isinstance(first.found, MediaPlaylist)
    assert await fact(hands) == first
    assert len(raw_server.requests) == 2


async def test_a_list_of_stations_is_told_from_a_playlist(
    hands: Hands, raw_server: RawOrigin
) -> None:
    raw_server.paths["/a"] = ok(b"[playlist]\nFile1=b\n")
    await hands.do(ReadPlaylist(check_url(raw_server.url("/a"))))
    found = await fact(hands)

    assert isinstance(found, PlaylistCame)
    assert found.found is None
    assert found.page.text.startswith("[playlist]")


@pytest.mark.parametrize("answer", [head("500 Oh"), ok(b"#EXTM3U\n#EXT-X-ENDLIST\n")])
async def test_a_playlist_that_cannot_be_had_or_read_has_failed(
    answer: bytes, hands: Hands, raw_server: RawOrigin
) -> None:
    raw_server.paths["/a"] = answer
    await hands.do(ReadPlaylist(check_url(raw_server.url("/a"))))

    assert isinstance(await fact(hands), Failed)


def listed(uri: str) -> Listed:
    return Listed(
        number=0,
        duration_s=1,
        media=Resource(uri),
        initialization=None,
        key=None,
        is_discontinuity=False,
        is_missing=False,
    )


async def test_a_segment_is_fetched_or_has_failed(hands: Hands, raw_server: RawOrigin) -> None:
    raw_server.paths["/a.ts"] = ok(b"segment")
    raw_server.paths["/b.ts"] = head("404 Not Found")
    base = check_url(raw_server.url("/list"))
    await hands.do(FetchSegment(listed("a.ts"), base))
    came = await fact(hands)
    await hands.do(FetchSegment(listed("b.ts"), base, is_of_another=True))

    assert isinstance(came, SegmentCame)
    assert came.data.media == b"segment"
    assert isinstance(await fact(hands), Failed)


async def decode(hands: Hands, data: bytes) -> list[Fact]:
    await hands.do(StartDecoder())
    await hands.do(Hear())
    await hands.do(Feed(data))
    found: list[Fact] = []
    while not isinstance(found[-1] if found else None, DecoderOver):
        found.append(await fact(hands))
        if isinstance(found[-1], Fed):
            await hands.do(EndInput())
        elif not isinstance(found[-1], DecoderOver):
            await hands.do(Hear())
    return found


async def test_media_are_heard_to_their_end(hands: Hands) -> None:
    found = await decode(hands, wav(PCM))
    pieces = [one.piece for one in found if isinstance(one, Heard)]

    assert [type(one) for one in found if not isinstance(one, Heard | Fed)] == [Known, DecoderOver]
    assert b"".join(one.pcm for one in pieces if isinstance(one, SourceAudio)) == PCM
    assert found[-1] == DecoderOver()
    await hands.do(StopDecoder())


@pytest.mark.slow  # it starts two decoders
@pytest.mark.parametrize(("first", "second"), [(LOUD, SILENT), (SILENT, LOUD)])
async def test_the_next_decoder_hears_the_track_that_the_one_before_settled_on(
    hands: Hands, first: bytes, second: bytes
) -> None:
    tracks: list[list[int]] = []
    for film in (make_film(first, second), make_film(second, first)):  # a pause behind a break
        facts = await decode(hands, film)
        await hands.do(StopDecoder())
        known = [one.info.track for one in facts if isinstance(one, Known)]
        pieces = [one.piece for one in facts if isinstance(one, Heard)]
        tracks.append([*known, *(one.info.track for one in pieces if isinstance(one, SourceTrack))])

    assert tracks == ([[1], [1]] if first == LOUD else [[1, 2], [2]])


async def test_what_cannot_be_decoded_is_told_once(hands: Hands) -> None:
    found = await decode(hands, b"<!doctype html>" + bytes(100_000))

    assert isinstance(found[-1], DecoderOver)
    assert found[-1].fault is not None
    assert "an HTML page" in found[-1].fault.message


async def test_at_the_end_nothing_is_left(raw_server: RawOrigin) -> None:
    raw_server.paths["/a"] = (live(PCM[:100]), HANG)
    async with GuardedFetcher(HOME) as fetcher:
        async with Hands(fetcher, DECODERS) as hands:
            await connect(hands, raw_server)
            await hands.do(StartDecoder())
            await hands.do(Hear())
            await hands.do(Feed(bytes(1_000_000)))
            await hands.do(Receive())
            assert hands._decoder is not None  # noqa: SLF001 - it must not outlive them
            pid = hands._decoder.pid  # noqa: SLF001

        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            raise AssertionError("the decoder is left")

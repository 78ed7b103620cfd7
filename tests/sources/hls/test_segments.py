from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from scribewire.sources.faults import SourceFault
from scribewire.sources.hls.playlist import Resource, Segment, SegmentKey
from scribewire.sources.hls.segments import (
    MAX_KEYS_HELD,
    SegmentBytes,
    SegmentFetcher,
)
from scribewire.sources.hls.tracks import FRAGMENTED_MP4
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.fetcher import FetchLimits, GuardedFetcher
from scribewire.sources.http.urls import check_url

if TYPE_CHECKING:
    from tests.parts.raw_origin import RawOrigin

LOOPBACK = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))
SECRET = bytes(range(16))
IV = bytes(range(16, 32))
TS = (b"G" + b"\xff" * 187) * 5
ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x05stamp"
FRAGMENT = b"\x00\x00\x00\x10moof" + bytes(8)
HEAD = b"\x00\x00\x00\x14ftypiso5" + bytes(8)


def answer(body: bytes, status: int = 200, field: str = "X-Y: z") -> bytes:
    head = f"HTTP/1.1 {status} OK\r\n{field}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def segment(
    number: int = 7,
    uri: str = "a.ts",
    *,
    part: tuple[int, int] | None = None,
    head: Resource | None = None,
    key: SegmentKey | None = None,
) -> Segment:
    return Segment(
        number=number,
        duration_s=4,
        media=Resource(uri, *(part or (None, None))),
        initialization=head,
        key=key,
        is_discontinuity=False,
        is_missing=False,
    )


def encrypt(data: bytes, iv: bytes, secret: bytes = SECRET) -> bytes:
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


async def fetch(
    server: RawOrigin, *segments: Segment, limits: FetchLimits | None = None
) -> list[SegmentBytes]:
    base = check_url(server.url("/live/list.m3u8?token=1"))
    async with GuardedFetcher(LOOPBACK, limits=limits or FetchLimits()) as fetcher:
        fetching = SegmentFetcher(fetcher)
        return [await fetching.fetch(each, base) for each in segments]


async def fault_of(
    server: RawOrigin, *segments: Segment, limits: FetchLimits | None = None
) -> SourceFault:
    with pytest.raises(SourceFault) as caught:
        await fetch(server, *segments, limits=limits)
    return caught.value


def paths(server: RawOrigin) -> list[str]:
    return [request.decode().split(" ")[1] for request in server.requests]


async def test_a_whole_file_comes_from_beside_its_playlist(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(TS), answer(TS)]

    found = await fetch(raw_server, segment(), segment(8, "/b.ts?sig=a%2Fb+c"))

    expected = SegmentBytes(media=TS, initialization=b"", format="an MPEG transport stream")
    assert found == [expected, expected]
    assert paths(raw_server) == ["/live/a.ts", "/b.ts?sig=a%2Fb+c"]
    assert "range" not in raw_server.fields()


async def test_a_part_of_a_file_is_asked_for(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(b"cde", 206, "Content-Range: bytes 2-4/9")]

    [found] = await fetch(raw_server, segment(part=(2, 5)))

    assert found.media == b"cde"
    assert raw_server.fields()["range"] == "bytes=2-4"


async def test_a_part_is_cut_from_a_file_that_comes_whole(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(b"abcdefgh")]

    [found] = await fetch(raw_server, segment(part=(2, 5)))

    assert found.media == b"cde"


@pytest.mark.parametrize("status", [200, 206])
async def test_a_part_of_another_length_is_refused(raw_server: RawOrigin, status: int) -> None:
    raw_server.answers = [answer(b"abcd", status)]

    fault = await fault_of(raw_server, segment(part=(2, 5)))

    assert "a segment is not as long as the playlist says" in fault.message
    assert fault.is_transient


async def test_a_segment_that_is_compressed_on_its_way_is_as_it_was(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(gzip.compress(TS), field="Content-Encoding: gzip")]

    [found] = await fetch(raw_server, segment())

    assert found.media == TS


@pytest.mark.parametrize("part", [None, (0, 2000)])
async def test_a_segment_longer_than_allowed_is_refused(
    raw_server: RawOrigin, part: tuple[int, int] | None
) -> None:
    raw_server.answers = [answer(bytes(2000), 206 if part else 200)]

    fault = await fault_of(raw_server, segment(part=part), limits=FetchLimits(segment_bytes=1999))

    assert "longer than 1999 bytes" in fault.message
    assert not fault.is_transient


async def test_what_the_server_answers_is_told(raw_server: RawOrigin) -> None:
    raw_server.answers = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]

    assert (await fault_of(raw_server, segment())).status == 404


async def test_a_segment_is_decrypted_with_the_iv_of_its_key(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(encrypt(TS, IV)), answer(SECRET)]

    [found] = await fetch(raw_server, segment(key=SegmentKey("../key?k=1", IV)))

    assert found == SegmentBytes(media=TS, initialization=b"", format="an MPEG transport stream")
    assert paths(raw_server) == ["/live/a.ts", "/key?k=1"]


@pytest.mark.parametrize("number", [0, 7, 1 << 63, -1])
async def test_a_segment_is_decrypted_with_its_number(raw_server: RawOrigin, number: int) -> None:
    iv = (number % (1 << 128)).to_bytes(16, "big")
    raw_server.answers = [answer(encrypt(TS, iv)), answer(SECRET)]

    [found] = await fetch(raw_server, segment(number, key=SegmentKey("k", None)))

    assert found.media == TS


async def test_an_iv_of_zeros_is_no_missing_iv(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(encrypt(TS, bytes(16))), answer(SECRET)]

    [found] = await fetch(raw_server, segment(7, key=SegmentKey("k", bytes(16))))

    assert found.media == TS


async def test_a_part_of_a_file_is_encrypted_by_itself(raw_server: RawOrigin) -> None:
    secret = encrypt(b"abc", IV)
    raw_server.answers = [answer(b"--" + secret + b"--"), answer(SECRET)]

    [found] = await fetch(raw_server, segment(part=(2, 18), key=SegmentKey("k", IV)))

    assert found.media == b"abc"


# What comes for a segment, and for its key.
UNDECIPHERABLE = [
    (encrypt(TS, IV, secret=b"another secret.."), SECRET),
    (encrypt(TS, IV)[:-16], SECRET),
    (encrypt(TS, IV)[:-1], SECRET),
    (TS, SECRET),
    (b"", SECRET),
]


@pytest.mark.parametrize(("media", "secret"), UNDECIPHERABLE, ids=lambda data: f"{len(data)}")
async def test_a_segment_that_its_key_does_not_open_is_refused(
    raw_server: RawOrigin, media: bytes, secret: bytes
) -> None:
    raw_server.answers = [answer(media), answer(secret)]

    fault = await fault_of(raw_server, segment(key=SegmentKey("k", IV)))

    assert "a segment cannot be decrypted with its key" in fault.message
    assert fault.is_transient


@pytest.mark.parametrize(("size", "why"), [(0, "not 16"), (15, "not 16"), (17, "longer than 16")])
async def test_a_key_of_another_length_is_refused(
    raw_server: RawOrigin, size: int, why: str
) -> None:
    raw_server.answers = [answer(encrypt(TS, IV)), answer(bytes(size))]

    assert why in (await fault_of(raw_server, segment(key=SegmentKey("k", IV)))).message


async def test_a_key_is_fetched_once(raw_server: RawOrigin) -> None:
    secret = answer(encrypt(TS, IV))
    raw_server.answers = [secret, answer(SECRET), secret, secret]
    key = SegmentKey("k", IV)

    found = await fetch(raw_server, segment(1, key=key), segment(2, key=key), segment(3, key=key))

    assert [each.media for each in found] == [TS, TS, TS]
    assert paths(raw_server).count("/live/k") == 1


async def test_few_keys_are_held(raw_server: RawOrigin) -> None:
    secret = answer(encrypt(TS, IV))
    count = MAX_KEYS_HELD + 1
    raw_server.answers = [*[secret, answer(SECRET)] * count, secret, secret, answer(SECRET)]
    keys = [SegmentKey(f"k{number}", IV) for number in range(count)]

    await fetch(raw_server, *[segment(key=key) for key in (*keys, keys[1], keys[0])])

    assert paths(raw_server)[-3:] == ["/live/a.ts", "/live/a.ts", "/live/k0"]


async def test_a_head_is_fetched_once_until_it_changes(raw_server: RawOrigin) -> None:
    media, other = answer(FRAGMENT), HEAD[:-1] + b"2"
    raw_server.answers = [answer(HEAD), media, media, answer(b"--" + other), media]
    first, second = Resource("i.mp4"), Resource("i.mp4", 2, 22)

    found = await fetch(
        raw_server, segment(1, head=first), segment(2, head=first), *[segment(3, head=second)]
    )

    assert [each.initialization for each in found] == [HEAD, HEAD, other]
    assert {each.format for each in found} == {FRAGMENTED_MP4}
    assert paths(raw_server).count("/live/i.mp4") == 2
    assert raw_server.fields(3)["range"] == "bytes=2-21"


async def test_a_head_is_decrypted_where_it_is_encrypted(raw_server: RawOrigin) -> None:
    media = answer(encrypt(FRAGMENT, IV))
    heads = [answer(encrypt(HEAD, IV)), answer(HEAD)]
    raw_server.answers = [heads[0], answer(SECRET), media, heads[1], media]
    key = SegmentKey("k", IV)

    found = await fetch(
        raw_server, *[segment(head=Resource(uri), key=key) for uri in ("encrypted", "plain")]
    )

    assert [each.initialization for each in found] == [HEAD, HEAD]


async def test_a_head_of_mp4_is_nothing_to_segments_that_are_not(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(HEAD), answer(TS), answer(FRAGMENT)]
    head = Resource("i.mp4")

    found = await fetch(raw_server, segment(1, head=head), segment(2, head=head))

    assert [each.initialization for each in found] == [b"", HEAD]


async def test_a_head_that_its_key_does_not_open_is_refused(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(b"no head at all.."), answer(SECRET)]

    fault = await fault_of(raw_server, segment(head=Resource("i"), key=SegmentKey("k", IV)))

    assert "cannot be decrypted" in fault.message


ADTS = (b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)) * 3
# What comes, what of it is media, what that is.
FORMATS = [
    (TS, TS, "an MPEG transport stream"),
    (ADTS, ADTS, "an AAC (ADTS) file"),
    (ID3 + ADTS, ADTS, "an AAC (ADTS) file"),
    (ID3 + ID3 + ADTS, ADTS, "an AAC (ADTS) file"),
    (b"ID3\x04\x00\x00\x00\x00\x01\x02" + bytes(130) + ADTS, ADTS, "an AAC (ADTS) file"),
    (HEAD, HEAD, FRAGMENTED_MP4),
    (b"\x00\x00\x00\x08stypmoof", b"\x00\x00\x00\x08stypmoof", FRAGMENTED_MP4),
    (b"OggS" + bytes(9), b"OggS" + bytes(9), "an Ogg (Vorbis or Opus) file"),
    (b"WEBVTT\n\n00:00", b"WEBVTT\n\n00:00", "unknown"),
    (b"", b"", "unknown"),
    (b"ID3\x04\x00", b"ID3\x04\x00", "an MP3 file"),
    (b"ID3\x04\x00\x00\xff\xff\xff\xff" + ADTS, b"", "unknown"),  # longer than all there is
    (ID3 * 9 + ADTS, ID3 + ADTS, "an MP3 file"),  # nobody has so many
]


@pytest.mark.parametrize(("body", "media", "name"), FORMATS, ids=lambda value: repr(value)[:30])
async def test_tags_are_taken_off_and_the_format_is_known(
    raw_server: RawOrigin, body: bytes, media: bytes, name: str
) -> None:
    raw_server.answers = [answer(body)]

    [found] = await fetch(raw_server, segment())

    assert found == SegmentBytes(media=media, initialization=b"", format=name)


async def test_tags_of_an_encrypted_segment_are_taken_off(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(encrypt(ID3 + ADTS, IV)), answer(SECRET)]

    [found] = await fetch(raw_server, segment(key=SegmentKey("k", IV)))

    assert found.media == ADTS


async def test_megabytes_of_empty_tags_end_soon(raw_server: RawOrigin) -> None:
    raw_server.answers = [answer(b"ID3\x04\x00\x00\x00\x00\x00\x00" * 200_000)]

    [found] = await fetch(raw_server, segment())

    assert len(found.media) == 10 * (200_000 - 8)

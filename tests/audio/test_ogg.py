from __future__ import annotations

import io
import random

import pytest

from scribewire.audio.ogg import OggLinks, is_ogg


def page(
    serial: int, position: int, body: bytes, *, begins: bool = False, ends: bool = False
) -> bytes:
    sizes = [255] * (len(body) // 255) + [len(body) % 255]
    flags = (2 if begins else 0) | (4 if ends else 0)
    head = b"OggS\0" + bytes([flags]) + position.to_bytes(8, "little")
    head += serial.to_bytes(4, "little") + bytes(8) + bytes([len(sizes), *sizes])
    return head + body


OPUS = b"OpusHead\x01\x02" + bytes(9)
VORBIS = b"\x01vorbis" + bytes(5) + (44_100).to_bytes(4, "little") + bytes(14)
SPEEX = b"Speex   " + bytes(28) + (16_000).to_bytes(4, "little") + bytes(40)
FLAC = (
    b"\x7fFLAC\x01\0\0\x01fLaC\0\0\0\x22"
    + bytes(10)
    + (22_050 << 12).to_bytes(4, "big")
    + bytes(14)
)
THEORA = b"\x80theora" + bytes(35)


def link(first: bytes, rate_hz: int, *, seconds: float = 3.0, starts_at: int = 0) -> bytes:
    pages = page(7, 0, first, begins=True) + page(7, 0, b"comments" * 40)
    steps = [round(rate_hz * seconds * part / 4) for part in range(1, 5)]
    return pages + b"".join(
        page(7, starts_at + step, b"media" * 70, ends=step == steps[-1]) for step in steps
    )


class Trickle:
    """Gives some bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._file, self._size = io.BytesIO(data), size

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, self._size))


def read_links(data: bytes, size: int = 4096) -> list[tuple[bytes, float | None]]:
    links = OggLinks(Trickle(data, size))
    found: list[tuple[bytes, float | None]] = []
    while True:
        link = b""
        while piece := links.read(1000):
            link += piece
        found.append((link, links.seconds))
        if not links.next_link():
            return found


@pytest.mark.parametrize("size", [1, 17, 4096, 1 << 20])
def test_a_chain_is_cut_where_a_link_begins(size: int) -> None:
    chain = [link(OPUS, 48_000), link(VORBIS, 44_100, seconds=1.5), link(FLAC, 22_050)]

    assert read_links(b"".join(chain), size) == [(chain[0], 3.0), (chain[1], 1.5), (chain[2], 3.0)]


@pytest.mark.parametrize(
    ("first", "rate_hz", "seconds"),
    [
        (OPUS, 48_000, 3.0),
        (VORBIS, 44_100, 3.0),
        (SPEEX, 16_000, 3.0),
        (FLAC, 22_050, 3.0),
        (THEORA, 25, None),
        (b"", 1, None),
    ],
)
def test_how_long_a_link_is_say_its_pages(
    first: bytes, rate_hz: int, seconds: float | None
) -> None:
    assert read_links(link(first, rate_hz))[0][1] == seconds


def test_a_link_that_is_entered_in_its_middle_is_as_long_as_what_came() -> None:
    assert read_links(link(OPUS, 48_000, starts_at=48_000 * 3600))[0][1] == 3.0 * 3 / 4


def test_streams_side_by_side_are_one_link() -> None:
    both = page(1, 0, THEORA, begins=True) + page(7, 0, OPUS, begins=True)
    data = both + page(1, 0, b"picture") + page(7, 48_000, b"media")

    assert read_links(data) == [(data, 1.0)]


def test_what_was_not_read_of_a_link_is_passed_over() -> None:
    links = OggLinks(io.BytesIO(link(OPUS, 48_000) + link(VORBIS, 44_100)))
    links.read(10)
    links.drain()
    assert links.seconds == 3.0
    assert links.next_link()
    rest = links.read(1 << 20)
    while piece := links.read(1 << 20):
        rest += piece

    assert rest == link(VORBIS, 44_100)
    assert not links.next_link()


@pytest.mark.parametrize("junk", [b"junk", b"Ogg" * 1000, b"\0" * 100_000])
def test_what_lies_between_pages_is_passed_on(junk: bytes) -> None:
    whole = link(OPUS, 48_000)
    data = whole[:400] + junk + whole[400:] + junk

    assert b"".join(found for found, _ in read_links(data)) == data


def test_any_bytes_come_out_as_they_went_in() -> None:
    chance = random.Random(0)
    chain = link(OPUS, 48_000) + link(VORBIS, 44_100)
    for _ in range(300):
        data = bytearray(chain)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = bytes(data[: chance.randrange(len(data))])
        assert b"".join(found for found, _ in read_links(cut, chance.choice([7, 500]))) == cut


def test_ogg_is_known_by_its_first_bytes() -> None:
    assert is_ogg(link(OPUS, 48_000))
    assert not is_ogg(b"RIFF")
    assert not is_ogg(b"")

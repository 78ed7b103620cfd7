"""What the decoder process reads, from a pipe of this test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scribewire.audio.decoder_input import (
    DecoderInput,
    Refused,
    format_of,
    is_pcm,
    look_ahead,
    make_readable,
)
from scribewire.audio.decoder_messages import DecoderLimits

MP4_HEAD = b"\x00\x00\x00\x10ftypM4A \x00\x00\x00\x00"


@pytest.fixture
def piped() -> Iterator[Callable[[bytes], DecoderInput]]:
    """Give an input that reads so many bytes, which a pipe must be able to hold."""
    read_end, write_end = os.pipe()

    def pipe(data: bytes) -> DecoderInput:
        with closing(os.fdopen(write_end, "wb")) as file:
            file.write(data)
        return DecoderInput(before_waiting=nothing, after_reading=nothing, fd=read_end)

    yield pipe
    os.close(read_end)


def nothing() -> None:
    """Nobody waits and nothing is counted."""


def test_what_was_looked_at_is_read_all_the_same(piped: Callable[[bytes], DecoderInput]) -> None:
    source = piped(b"0123456789")

    assert (source.peek(4), source.peek(2)) == (b"0123", b"01")
    source.skip(1)
    assert (source.read(2), source.peek(20)) == (b"12", b"3456789")
    assert (source.read(20), source.read(20), source.has_ended) == (b"3456789", b"", True)


def test_what_was_decoded_goes_out_before_input_is_waited_for() -> None:
    said: list[str] = []
    read_end, write_end = os.pipe()
    os.write(write_end, b"ab")
    source = DecoderInput(
        before_waiting=lambda: said.append("out"),
        after_reading=lambda: said.append("in"),
        fd=read_end,
    )

    source.peek(1)
    source.read(1)  # is there already

    assert said == ["out", "in"]
    os.close(read_end)
    os.close(write_end)


def test_tags_before_the_audio_are_passed_over(piped: Callable[[bytes], DecoderInput]) -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x05" + b"title"

    assert look_ahead(piped(tag + tag + b"\xff\xfb\x90\x00")) == b"\xff\xfb\x90\x00"


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "it is empty"), (b"<!DOCTYPE html><html>", "an HTML page"), (b"%PDF-1.7", "a PDF")],
)
def test_what_is_no_media_is_refused(
    data: bytes, words: str, piped: Callable[[bytes], DecoderInput]
) -> None:
    with pytest.raises(Refused) as caught:
        look_ahead(piped(data))

    assert words in caught.value.refusal.words


def test_an_mp4_whose_index_is_at_its_end_is_held_whole(
    piped: Callable[[bytes], DecoderInput],
) -> None:
    data = MP4_HEAD + b"\x00\x00\x00\x0cmdat1234" + b"\x00\x00\x00\x08moov"

    held = make_readable(piped(data), DecoderLimits())

    assert held.seekable()
    assert held.read() == data


def test_an_mp4_whose_index_is_first_is_read_as_it_comes(
    piped: Callable[[bytes], DecoderInput],
) -> None:
    source = piped(MP4_HEAD + b"\x00\x00\x00\x08moov" + b"\x00\x00\x00\x0cmdat1234")

    held = make_readable(source, DecoderLimits())

    assert isinstance(held, DecoderInput)
    assert held.read(4) == MP4_HEAD[:4]


def test_more_than_may_be_held_is_refused(piped: Callable[[bytes], DecoderInput]) -> None:
    source = piped(MP4_HEAD + b"\x00\x00\x20\x00mdat" + bytes(8192))

    with pytest.raises(Refused, match="more than 0 MB whose index is at its end"):
        make_readable(source, DecoderLimits(whole_file_bytes=4096))


def test_nothing_is_held_where_nothing_may_be(piped: Callable[[bytes], DecoderInput]) -> None:
    source = piped(MP4_HEAD + b"\x00\x00\x00\x0cmdat1234")  # all of it has come

    with pytest.raises(Refused, match="an MP4 file whose index is at its end"):
        make_readable(source, DecoderLimits(whole_file_bytes=0))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x00\x00\x01\xba" + bytes(64), "mpeg"),
        (b"RIFF\x00\x00\x00\x00WAVE", "wav"),
        (b"RF64\xff\xff\xff\xffWAVE", "wav"),
        (b"fLaC" + bytes(64), None),
    ],
)
def test_formats_that_take_long_to_find_are_named(
    head: bytes, name: str | None, piped: Callable[[bytes], DecoderInput]
) -> None:
    assert format_of(piped(head)) == name


def test_a_file_is_gone_back_in_from_where_it_was_begun(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    fd = os.open(tmp_path / "a", os.O_RDONLY)
    source = DecoderInput(before_waiting=nothing, after_reading=nothing, fd=fd)
    source.skip(2)
    source.peek(4)

    file = source.as_file()
    read = [file.read(3), file.seek(-2, os.SEEK_END), file.read(9), file.seek(0), file.read(2)]

    assert read == [b"234", 6, b"89", 0, b"23"]
    assert (file.tell(), source.has_ended) == (2, False)
    os.close(fd)


@pytest.mark.parametrize(
    ("data", "is_so"),
    [
        (b"", True),
        (b"\x01", True),
        (b"\x01\x00\x02\x00" * 100, True),
        (b"\x47" + bytes(1000), True),
        ((b"\x47" + bytes(187)) * 3, False),
        (b"OggS\x00\x02", False),
        (b"FORM\x00\x00\x00\x00AIFF", False),
        (b"RIFF\x00\x00\x00\x00WAVE", False),
    ],
    ids=["nothing", "half a sample", "pcm", "a sample like ts", "ts", "ogg", "aiff", "wav"],
)
def test_pcm_is_what_bears_no_mark(
    data: bytes, is_so: bool, piped: Callable[[bytes], DecoderInput]
) -> None:
    assert is_pcm(piped(data)) is is_so

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest

from scribewire.cli.standard_input import decode_container, decode_pipe, is_container, read_pipe
from scribewire.errors import ClientFault
from tests.parts.wav import wav

TONE = (np.sin(np.arange(16_000) * 0.2) * 8000).astype("<i2")


def as_wav() -> bytes:
    return wav(TONE.tobytes())


def as_flac(*, repeats: int = 1) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=16_000, layout="mono")
        tone = np.tile(TONE, repeats)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


async def piped(data: bytes, size: int = 4000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def decode(data: bytes, size: int = 4000) -> bytes:
    return b"".join([pcm async for pcm in decode_pipe(piped(data, size))])


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"RIFF\x00\x00\x00\x00WAVE", False),
        (b"\x01\x00\x02\x00" * 100, False),
        (b"OggS\x00\x02", True),
        (b"FORM\x00\x00\x00\x00AIFF", True),
        (b"FLV\x01\x05", True),
        ((b"\x47" + bytes(187)) * 3, True),
        ((b"\x47" + bytes(187)) * 2, None),
        (b"\x47" + bytes(1000), False),
        (b"\x00", None),
    ],
    ids=["wav", "pcm", "ogg", "aiff", "flv", "ts", "half ts", "a sample like ts", "too short"],
)
def test_a_container_is_known_by_its_first_bytes(head: bytes, expected: bool | None) -> None:
    assert is_container(head) is expected


@pytest.mark.parametrize("size", [1, 63, 4000, 100_000])
async def test_pcm_goes_through_as_it_is(size: int) -> None:
    assert await decode(TONE.tobytes()[:8000], size) == TONE.tobytes()[:8000]


async def test_a_wav_loses_its_header() -> None:
    assert await decode(as_wav()) == TONE.tobytes()


@pytest.mark.parametrize("data", [b"", b"\x01"], ids=["nothing", "half a sample"])
async def test_next_to_nothing_is_no_audio_and_no_error(data: bytes) -> None:
    assert await decode(data) == b""


PIPED = [
    (b"hello\n", "text"),
    (b"it was the best of times, " * 500, "text"),
    (b"%PDF-1.7\n" + bytes(range(256)) * 20, "a PDF document"),
    (b"PK\x03\x04" + bytes(range(256)) * 20, "a ZIP archive"),
    (b"<html><body>502 Bad Gateway</body></html>", "an HTML page"),
]


@pytest.mark.parametrize("size", [7, 100_000])
@pytest.mark.parametrize(("data", "name"), PIPED, ids=[name for _, name in PIPED])
async def test_what_is_neither_audio_nor_pcm_is_named(data: bytes, name: str, size: int) -> None:
    with pytest.raises(ClientFault, match=f"^standard input: not audio but {name}; pipe raw PCM"):
        await decode(data, size)


@pytest.mark.slow
async def test_a_container_is_decoded_by_a_process_of_its_own() -> None:
    assert await decode(as_flac()) == TONE.tobytes()


@pytest.mark.slow
async def test_a_broken_container_is_a_fault_with_words() -> None:
    with pytest.raises(ClientFault, match=r"^standard input: not an audio file; give a file"):
        await decode(b"OggS" + bytes(200_000))


@pytest.mark.slow
async def test_a_container_may_be_left_before_its_end() -> None:
    pcm = decode_pipe(piped(as_flac(repeats=200)))  # more than its output buffers hold

    first = await anext(pcm)
    await pcm.aclose()

    assert TONE.tobytes().startswith(first)
    assert len(asyncio.all_tasks()) == 1


def test_the_decoder_writes_pcm() -> None:
    pcm = io.BytesIO()

    decode_container(io.BytesIO(as_flac()), pcm)

    assert pcm.getvalue() == TONE.tobytes()


async def test_a_pipe_is_read_as_it_comes() -> None:
    read_end, write_end = os.pipe()
    chunks = read_pipe(read_end)

    try:
        for data in (b"so", b"it", b"is"):
            os.write(write_end, data)
            assert await anext(chunks) == data
        os.close(write_end)
        assert [chunk async for chunk in chunks] == []
    finally:
        os.close(read_end)


async def test_a_file_on_standard_input_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(100_000))
    file = os.open(tmp_path / "a", os.O_RDONLY)

    try:
        assert [len(chunk) async for chunk in read_pipe(file)] == [65_536, 34_464]
    finally:
        os.close(file)

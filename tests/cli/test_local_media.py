from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from scribewire.audio.container import TrackWish
from scribewire.cli.audio_sources import AudioSource, SourceNote
from scribewire.cli.exits import ExitCode
from scribewire.cli.local_media import opening_file, opening_pipe, read_pipe
from scribewire.errors import ClientFault
from scribewire.testing.running import KEYS, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.damage import blank_packets
from tests.parts.film import make_film
from tests.parts.wav import wav

TONE = (np.sin(np.arange(16_000) * 0.2) * 8000).astype("<i2")
pytestmark = pytest.mark.slow  # each case starts a process


def encode(container: str, codec: str, *, seconds: int = 1) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=16_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.tile(TONE, seconds)[np.newaxis], "s16", "mono")
        frame.sample_rate = 16_000
        for part in (frame, None):
            output.mux(stream.encode(part))
    return file.getvalue()


@contextmanager
def piped(data: bytes) -> Iterator[int]:
    """Give the end of a pipe through which this comes, however much it is."""
    read_end, write_end = os.pipe()

    def write() -> None:
        try:
            with os.fdopen(write_end, "wb") as file:
                file.write(data)
        except BrokenPipeError:
            return  # nobody wants more

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield read_end
    finally:
        os.close(read_end)
        writer.join()


async def read(source: AudioSource) -> tuple[bytes, list[str]]:
    chunks = [chunk async for chunk in source.chunks]
    pcm = b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))
    return pcm, [chunk.words for chunk in chunks if isinstance(chunk, SourceNote)]


async def decode_piped(data: bytes, wish: TrackWish | None = None) -> bytes:
    with piped(data) as fd:
        async with opening_pipe(fd, wish) as source:
            pcm, _ = await read(source)
    return pcm


# Files.


async def test_a_file_becomes_pcm_of_the_wire(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(TONE.tobytes()))

    async with opening_file(tmp_path / "a.wav") as source:
        chunks = [chunk async for chunk in source.chunks if isinstance(chunk, bytes)]

    assert source.duration_ms == 1000
    assert {len(chunk) for chunk in chunks} == {6400}
    assert b"".join(chunks) == TONE.tobytes()


async def test_a_file_without_audio_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("so it is")

    with pytest.raises(ClientFault, match="found text; give a file"):
        async with opening_file(tmp_path / "a.txt"):
            pass


async def test_what_is_to_be_done_meanwhile_is_done_before_the_decoder_is_waited_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("so it is")
    done: list[str] = []

    with pytest.raises(ClientFault, match="found text"):
        async with opening_file(tmp_path / "a.txt", meanwhile=lambda: done.append("done")):
            pass

    assert done == ["done"]


async def test_what_cannot_be_decoded_is_silence_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(blank_packets(encode("mp4", "aac", seconds=4), range(10, 20)))

    async with opening_file(path) as source:
        pcm, told = await read(source)

    assert len(pcm) / 32_000 == pytest.approx(4.0, abs=0.1)
    assert told == ["0.6 s of it cannot be decoded, and are silence"]


async def test_a_silent_track_that_is_left_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(make_film(bytes(6 * 32_000), TONE.tobytes() * 6))

    async with opening_file(tmp_path / "a.mkv") as source:
        assert await read(source) == (
            TONE.tobytes() * 6,
            ["silent so far; going on with track 2 (pcm_s16le)"],
        )


async def test_others_have_their_turn_while_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(bytes(600 * 32_000)))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    async with opening_file(tmp_path / "a.wav") as source:
        await read(source)
    counting.cancel()

    assert turns > 100


# What is piped.


PIPED = {
    "pcm": TONE.tobytes(),
    "wav": wav(TONE.tobytes()),
    "flac": encode("flac", "flac"),
    "m4a with its index at its end": encode("mp4", "alac"),
}


@pytest.mark.parametrize("data", PIPED.values(), ids=PIPED)
async def test_what_is_piped_is_decoded(data: bytes) -> None:
    assert await decode_piped(data) == TONE.tobytes()


async def test_a_file_on_standard_input_is_gone_back_in(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"read before" + PIPED["m4a with its index at its end"])

    with path.open("rb", buffering=0) as file:
        file.read(len(b"read before"))
        async with opening_pipe(file.fileno()) as source:
            assert (await read(source))[0] == TONE.tobytes()


@pytest.mark.parametrize("data", [b"", b"\x01"], ids=["nothing", "half a sample"])
async def test_next_to_nothing_is_no_audio_and_no_error(data: bytes) -> None:
    assert await decode_piped(data) == b""


STRANGERS = [
    (b"hello\n", "text"),
    (b"it was the best of times, " * 500, "text"),
    (b"%PDF-1.7\n" + bytes(range(256)) * 20, "a PDF document"),
    (b"PK\x03\x04" + bytes(range(256)) * 20, "a ZIP archive"),
    (b"<html><body>502 Bad Gateway</body></html>", "an HTML page"),
    (b"OggS" + bytes(200_000), "an Ogg (Vorbis or Opus) file that is cut off or damaged"),
]


@pytest.mark.parametrize(("data", "name"), STRANGERS, ids=[name for _, name in STRANGERS])
async def test_what_is_neither_audio_nor_pcm_is_named(data: bytes, name: str) -> None:
    with pytest.raises(ClientFault) as caught:
        await decode_piped(data)

    assert caught.value.message == (
        f"standard input: found {name}; "
        "pipe raw PCM (16-bit, 16 kHz, mono), WAV, or a file with an audio track"
    )


async def test_a_track_that_is_not_there_is_not_replaced() -> None:
    with pytest.raises(ClientFault, match="found 1 audio track, no track 2"):
        await decode_piped(TONE.tobytes(), TrackWish(number=2))


async def read_bytes(source: AudioSource, count: int) -> bytes:
    heard = b""
    while len(heard) < count:
        chunk = await anext(source.chunks)
        assert isinstance(chunk, bytes)
        heard += chunk
    return heard


async def test_a_live_pipe_is_decoded_as_it_comes() -> None:
    read_end, write_end = os.pipe()
    first, second = TONE.tobytes()[:16_000], TONE.tobytes()[16_000:]

    async with opening_pipe(read_end) as source:
        os.write(write_end, first)
        assert await read_bytes(source, len(first)) == first
        os.write(write_end, second)
        assert await read_bytes(source, len(second)) == second
        os.close(write_end)
        assert await read(source) == (b"", [])

    os.close(read_end)


async def test_a_pipe_may_be_left_before_its_end() -> None:
    with piped(encode("flac", "flac", seconds=200)) as fd:  # more than any pipe holds
        async with opening_pipe(fd) as source:
            first = await anext(source.chunks)

    assert isinstance(first, bytes)
    assert TONE.tobytes().startswith(first)
    assert len(asyncio.all_tasks()) == 1


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


# The command.


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who the decoder is")
async def test_a_decoder_that_is_killed_is_told_and_no_clean_end() -> None:
    async with run_server(None) as server:
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scribewire", "transcribe", "-"),
            *("--server", server.address.url, "--key", KEYS[0], "--format", "json", "--partials"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert command.stdin is not None
        assert command.stdout is not None
        assert command.stderr is not None
        # Beyond what it holds back of the last piece, so that partials say that it is at work.
        command.stdin.write(draw_pcm("hello" * 20))
        await command.stdin.drain()
        await command.stdout.readline()
        (decoder,) = children_of(command.pid)
        os.kill(decoder, signal.SIGKILL)
        told = await command.stderr.read()
        code = await command.wait()

    assert code == ExitCode.FAILED
    assert told.decode().splitlines()[-1] == (
        "scribewire: standard input: its audio cannot be decoded "
        "(the decoder crashed or used more than it may)"
    )

"""The decoder process from the server's side. Audio is made on the spot."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from bench.hostile_media import KINDS, decode, is_alive, make_media, mutate
from scribewire.audio.decoder_messages import DecoderLimits
from scribewire.sources.decoder import DecoderProcess
from scribewire.sources.decoders import Decoders
from scribewire.sources.events import SourceAudio, SourceGap, SourceTrack
from scribewire.sources.faults import SourceFault
from tests.audio.test_decoder_process import read_file
from tests.parts.damage import blank_packets
from tests.parts.decoding import DECODERS
from tests.parts.film import make_film
from tests.parts.wav import FOREVER, wav

pytestmark = pytest.mark.slow  # each case starts a process

SECOND = np.random.default_rng(3).integers(-9000, 9000, 16_000, np.int16).astype("<i2").tobytes()


def endless_wav(seconds: int) -> bytes:
    """A WAV stream that says nothing of its length."""
    return wav(SECOND * seconds, size=FOREVER)


async def feed(decoder: DecoderProcess, data: bytes, step: int) -> None:
    for start in range(0, len(data), step):
        await decoder.write(data[start : start + step])
    decoder.end_input()


async def write_forever(decoder: DecoderProcess, data: bytes) -> None:
    while True:
        await decoder.write(data)


async def read_into(got: bytearray, decoder: DecoderProcess) -> None:
    async for piece in decoder.heard():
        assert isinstance(piece, SourceAudio)
        got += piece.pcm


async def read(decoder: DecoderProcess) -> bytes:
    got = bytearray()
    await read_into(got, decoder)
    return bytes(got)


@pytest.mark.parametrize("step", [100, 4096, 1_000_000])
async def test_the_pcm_is_the_same_however_the_bytes_come(step: int) -> None:
    data = make_media("ogg", seconds=1)
    async with DECODERS.start() as decoder:
        feeding = asyncio.create_task(feed(decoder, data, step))
        info = await decoder.info()
        pcm = await read(decoder)
        await feeding

    assert pcm == read_file(data)
    assert (info.container, info.codec, info.rate_hz, info.channels) == ("ogg", "opus", 48_000, 1)
    assert decoder.broken_packets == 0


async def test_a_gap_comes_where_it_is() -> None:
    frame_s = 1024 / 48_000  # of AAC
    data = blank_packets(make_media("mp4", seconds=4), range(50, 100))
    async with DECODERS.start() as decoder:
        feeding = asyncio.create_task(feed(decoder, data, 4096))
        pieces = [piece async for piece in decoder.heard()]
        await feeding

    heard = [piece for piece in pieces if not isinstance(piece, SourceTrack)]
    gap = next(i for i, piece in enumerate(heard) if isinstance(piece, SourceGap))
    assert heard[gap].seconds == decoder.missing_s == pytest.approx(50 * frame_s)
    assert sum(piece.seconds for piece in heard[:gap]) == pytest.approx(50 * frame_s, abs=0.001)
    assert sum(piece.seconds for piece in heard) == pytest.approx(4.0, abs=2 * frame_s)


async def test_a_track_that_is_left_is_told() -> None:
    film = make_film(bytes(len(SECOND * 2)), SECOND * 2)
    async with DECODERS.start() as decoder:
        feeding = asyncio.create_task(feed(decoder, film, 4096))
        info = await decoder.info()
        heard = [piece async for piece in decoder.heard()]
        await feeding

    assert (info.track, decoder.settled) == (1, 2)
    assert heard[0] == SourceTrack(replace(info, track=2))
    assert b"".join(one.pcm for one in heard if isinstance(one, SourceAudio)) == SECOND * 2


async def test_the_pcm_comes_before_the_end_of_the_input() -> None:
    data = endless_wav(5)
    async with DECODERS.start() as decoder:
        await decoder.write(data)
        got = bytearray()
        async for piece in decoder.heard():
            assert isinstance(piece, SourceAudio)
            got += piece.pcm
            if len(got) >= 4 * len(SECOND):  # the demuxer reads 4096 bytes at a time
                break

    assert bytes(got) == (SECOND * 5)[: len(got)]


async def test_radio_that_is_entered_in_the_middle_is_opened_within_a_second() -> None:
    data = make_media("mp3", seconds=3)
    async with DECODERS.start() as decoder:
        await decoder.write(data[5003 : 5003 + 8192])  # not the 64 KiB that FFmpeg would want
        info = await decoder.info()

    assert (info.container, info.codec) == ("mp3", "mp3float")


async def test_writing_waits_for_whoever_reads() -> None:
    data = endless_wav(200)  # 6.4 MB
    written = 0

    async def write() -> None:
        nonlocal written
        for start in range(0, len(data), 4096):
            await decoder.write(data[start : start + 4096])
            written += 4096
        decoder.end_input()

    got, ahead = 0, 0
    async with DECODERS.start() as decoder:
        writing = asyncio.create_task(write())
        async for piece in decoder.heard():
            assert isinstance(piece, SourceAudio)
            got += len(piece.pcm)
            ahead = max(ahead, written - got)
        await writing

    assert got == 200 * len(SECOND)
    # Two pipes, what FFmpeg reads at once, our reader's buffer: no more is ever held.
    assert ahead < 400_000


async def test_a_process_that_was_killed_is_a_fault() -> None:
    async with DECODERS.start() as decoder:
        await decoder.write(endless_wav(4))  # FFmpeg looks at 2 s of WAV first
        await decoder.info()
        os.kill(decoder.pid, signal.SIGKILL)

        with pytest.raises(SourceFault, match="the decoder crashed"):
            await read(decoder)
        with pytest.raises(SourceFault, match="the decoder crashed"):
            await decoder.write(SECOND * 10)


async def test_whoever_only_writes_is_told_too() -> None:
    async with DECODERS.start() as decoder:
        with pytest.raises(SourceFault, match="found an HTML page"):
            await write_forever(decoder, b"<html>" + bytes(4096))
        with pytest.raises(SourceFault, match="found an HTML page"):
            await decoder.info()


async def test_what_was_decoded_before_the_end_is_not_lost_by_writing_on() -> None:
    async with DECODERS.start() as decoder:
        await decoder.write(endless_wav(4))  # FFmpeg looks at 2 s of WAV first
        await decoder.info()
        os.kill(decoder.pid, signal.SIGTERM)
        with pytest.raises(SourceFault, match="crashed"):
            await write_forever(decoder, SECOND)
        got = bytearray()
        with pytest.raises(SourceFault, match="crashed"):
            await read_into(got, decoder)

    assert bytes(got) == (SECOND * 40)[: len(got)]


@pytest.mark.parametrize("has_ended", [False, True], ids=["input waits", "input has ended"])
async def test_a_process_that_hangs_is_a_fault(has_ended: bool) -> None:
    async with DECODERS.start(DecoderLimits(silence_s=0.2)) as decoder:
        os.kill(decoder.pid, signal.SIGSTOP)
        feeding = asyncio.create_task(feed(decoder, b"" if has_ended else endless_wav(20), 4096))

        with pytest.raises(SourceFault, match="the decoder hangs"):
            await read(decoder)
        with suppress(SourceFault):
            await feeding

    assert not is_alive(decoder.pid)


async def test_a_silent_stream_is_no_hanging_process() -> None:
    async with DECODERS.start(DecoderLimits(silence_s=0.001)) as decoder:
        with pytest.raises(TimeoutError):  # and no SourceFault: nothing is owed
            async with asyncio.timeout(0.1):
                await decoder.info()


async def test_a_cancelled_session_leaves_no_process() -> None:
    pids: list[int] = []
    started = asyncio.Event()

    async def session() -> None:
        async with DECODERS.start() as decoder:
            pids.append(decoder.pid)
            started.set()
            await asyncio.gather(feed(decoder, endless_wav(100), 4096), decoder.info())

    task = asyncio.create_task(session())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not is_alive(pids[0])


async def test_reading_goes_on_after_a_cancelled_read() -> None:
    async with DECODERS.start() as decoder:
        for _ in range(50):
            with suppress(TimeoutError):
                await asyncio.wait_for(decoder.info(), 0)
        feeding = asyncio.create_task(feed(decoder, endless_wav(3), 1000))
        assert await read(decoder) == SECOND * 3
        await feeding


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a decoder")
async def test_the_process_knows_nothing_of_our_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux shows the environment of a process")
    monkeypatch.setenv("SCRIBEWIRE_SECRET", "hush")
    with Decoders() as decoders:
        async with decoders.start() as decoder:
            with open(f"/proc/{decoder.pid}/environ", "rb") as file:  # noqa: ASYNC230, PTH123
                environment = file.read()

    assert b"PYTHONPATH" in environment
    assert b"hush" not in environment


@pytest.mark.parametrize("kind", KINDS)
async def test_broken_media_end_in_sound_or_in_words(kind: str) -> None:
    media = make_media(kind, seconds=0.5)
    for seed in range(9):
        outcome, pid = await decode(DECODERS, mutate(media, seed))

        assert outcome in ("decoded", "refused"), seed
        assert not is_alive(pid)


async def test_a_track_that_comes_up_later_harms_nobody() -> None:
    # One flipped bit makes a new track of the packets behind it.
    outcome, _ = await decode(DECODERS, mutate(make_media("mpegts"), 301))

    assert outcome == "decoded"


def test_the_same_seed_breaks_in_the_same_way() -> None:
    media = make_media("ogg", seconds=0.5)

    assert mutate(media, 7) == mutate(media, 7) != media

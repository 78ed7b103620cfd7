"""Files of this machine and what is piped into `transcribe -`, as they are decoded.

Theory of operation. The decoder process reads a file or our standard input by itself, and is
waited for without anybody else being held up: a live pipe is transcribed live.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from scribewire.audio.container import AudioInfo, TrackWish
from scribewire.audio.decoder_messages import TrackEnd, TrackStart
from scribewire.audio.frames import Missing, silence
from scribewire.audio.local_decoder import READ_BYTES, LocalDecoder, TrackPiece, open_media
from scribewire.audio.pcm import encode_pcm
from scribewire.cli.audio_sources import AudioSource, SourceNote, pace_realtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from scribewire.audio.container import TrackWish
    from scribewire.types import Pace

_LEAST_TOLD_S = 0.1  # less is what encoders add and leave out


@asynccontextmanager
async def opening_file(
    path: Path,
    wish: TrackWish | None = None,
    pace: Pace = "fast",
    *,
    meanwhile: Callable[[], None] | None = None,
) -> AsyncIterator[AudioSource]:
    """Give an audio track of a file. Raises ClientFault when there is none.

    The decoder takes 0.2 s to start; `meanwhile` is called while it does.
    """
    with open_media(path) as file, LocalDecoder(str(path), file.fileno(), wish) as decoder:
        if meanwhile is not None:
            meanwhile()
        heard = hear(decoder)
        start = await anext(heard)
        assert isinstance(start, TrackStart), "a track is described before it is heard"
        chunks = as_chunks(heard)
        if pace == "realtime":
            chunks = pace_realtime(chunks, now=time.monotonic, sleep=asyncio.sleep)
        yield AudioSource(chunks, start.info.duration_ms)


@asynccontextmanager
async def opening_pipe(fd: int, wish: TrackWish | None = None) -> AsyncIterator[AudioSource]:
    """Give what is piped in: raw PCM, WAV, or a track of any kind of file."""
    with LocalDecoder("standard input", fd, wish, may_be_pcm=True) as decoder:
        yield AudioSource(as_chunks(hear(decoder)))


async def hear(decoder: LocalDecoder) -> AsyncIterator[TrackPiece]:
    """Yield what a decoder hears, as soon as it does. Raises ClientFault."""
    async for data in read_pipe(decoder.fileno()):
        for heard in decoder.receive(data):
            yield heard
    for heard in decoder.receive(b""):
        yield heard


async def as_chunks(heard: AsyncIterator[TrackPiece]) -> AsyncIterator[bytes | SourceNote]:
    """Yield the audio; what cannot be decoded is silence, and told at the end."""
    async for one in heard:
        match one:
            case bytes():
                yield one
            case Missing(seconds):
                for samples in silence(seconds):
                    yield encode_pcm(samples)
            case AudioInfo(track=track, codec=codec):
                yield SourceNote(f"silent so far; going on with track {track} ({codec})")
            case TrackEnd(missing_s=missing_s) if missing_s > _LEAST_TOLD_S:
                yield SourceNote(f"{missing_s:.1f} s of it cannot be decoded, and are silence")


async def read_pipe(fd: int) -> AsyncIterator[bytes]:
    """Yield the bytes of a pipe as they come, until its end."""
    while True:
        await _wait_until_readable(fd)
        data = os.read(fd, READ_BYTES)
        if not data:
            return
        yield data
        await asyncio.sleep(0)  # a full pipe is always ready: let the others have their turn


async def _wait_until_readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)

"""Where the audio of `transcribe` comes from; files here, the others in their own modules.

Every source gives the same thing, PCM as the wire has it, so that what is recognized does not
depend on where: this process and a server hear the same bytes.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.types import PCM_BYTES_PER_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from scribewire.types import Pace


@dataclass(frozen=True, slots=True)
class SourceNote:
    """Between the audio, something about it that a person should know."""

    words: str = ""
    is_break: bool = False
    """Whether what follows does not continue what came before."""


@dataclass(frozen=True, slots=True)
class AudioSource:
    """One stream of audio, not opened yet."""

    chunks: AsyncIterator[bytes | SourceNote]
    """PCM: signed 16-bit little-endian, 16 kHz, mono. May raise ClientFault or CommandFault."""
    duration_ms: int | None = None
    """None when nobody can know."""


def open_file(path: Path, pace: Pace = "fast") -> AudioSource:
    """Return the audio track of a file. Raises ClientFault when there is none."""
    from scribewire.audio.container import probe_audio

    chunks = _read_file(path)
    if pace == "realtime":
        chunks = pace_realtime(chunks, now=time.monotonic, sleep=asyncio.sleep)
    return AudioSource(chunks, probe_audio(path).duration_ms)


async def pace_realtime(
    chunks: AsyncIterator[bytes],
    *,
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncIterator[bytes]:
    """Hold every chunk back until a microphone would have heard all of it."""
    began = now()
    heard_bytes = 0
    async for pcm in chunks:
        heard_bytes += len(pcm)
        await sleep(max(0.0, began + heard_bytes / PCM_BYTES_PER_S - now()))
        yield pcm


async def _read_file(path: Path) -> AsyncIterator[bytes]:
    from scribewire.audio.container import read_audio
    from scribewire.audio.pcm import encode_pcm

    for samples in read_audio(path):
        yield encode_pcm(samples)
        await asyncio.sleep(0)  # a file is always ready: let the others have their turn

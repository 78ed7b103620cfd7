"""What the audio of `transcribe` is, wherever it comes from.

Every source gives the same thing, PCM as the wire has it, so that what is recognized does not
depend on where: this process and a server hear the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.types import PCM_BYTES_PER_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


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


async def pace_realtime(
    chunks: AsyncIterator[bytes | SourceNote],
    *,
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncIterator[bytes | SourceNote]:
    """Hold every chunk back until a microphone would have heard all of it."""
    began = now()
    heard_bytes = 0
    async for chunk in chunks:
        if isinstance(chunk, bytes):
            heard_bytes += len(chunk)
            await sleep(max(0.0, began + heard_bytes / PCM_BYTES_PER_S - now()))
        yield chunk

"""Stream mode: between what a source gives and the stream that is recognized."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from scribewire.sources.events import SourceAudio, SourceOpened
from scribewire.types import PCM_BYTES_PER_S, SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.runtime.stream import Stream
    from scribewire.sources.events import SourceEvent
    from scribewire.types import Pace


async def pace_events(events: AsyncIterator[SourceEvent], pace: Pace) -> AsyncIterator[SourceEvent]:
    """Pass events on; with `realtime`, the audio of a finite source no sooner than it plays."""
    clock = asyncio.get_running_loop().time
    begun_at: float | None = None  # set while audio is held to its time
    played_s = 0.0
    async for event in events:
        if isinstance(event, SourceOpened):
            is_held = pace == "realtime" and not event.is_live
            begun_at, played_s = (clock() if is_held else None), 0.0
        elif isinstance(event, SourceAudio) and begun_at is not None:
            await asyncio.sleep(max(begun_at + played_s - clock(), 0.0))
            played_s += len(event.pcm) / PCM_BYTES_PER_S
        yield event


async def write_silence(stream: Stream, seconds: float) -> None:
    """Count time in which nothing was received, so that times stay true."""
    left = round(seconds * SAMPLE_RATE)
    while left > 0:
        count = min(left, SAMPLE_RATE)
        await stream.write(np.zeros(count, np.float32))
        left -= count

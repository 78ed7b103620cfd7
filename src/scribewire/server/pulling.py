"""Stream mode: between what a source gives and the stream that is recognized."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from scribewire.sources.events import SourceAudio, SourceOpened
from scribewire.sources.pacing import LIVE_AHEAD_S, LIVE_SPEED, AudioHold
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from scribewire.sources.events import SourceEvent
    from scribewire.types import Pace, Samples


async def pace_events(
    events: AsyncIterator[SourceEvent], pace: Pace, *, holds_live: bool = False
) -> AsyncIterator[SourceEvent]:
    """Pass events on; with `realtime`, the audio of a finite source no sooner than it plays.

    `holds_live`: a source that has no end is not taken much faster than it is spoken, for others
    have the same machine.
    """
    clock = asyncio.get_running_loop().time
    live: AudioHold | None = None
    hold: AudioHold | None = None
    async for event in events:
        if isinstance(event, SourceOpened):
            if event.is_live and holds_live:
                live = live or AudioHold(clock(), ahead_s=LIVE_AHEAD_S, speed=LIVE_SPEED)
                hold = live
            else:
                hold = AudioHold(clock()) if pace == "realtime" and not event.is_live else None
        elif isinstance(event, SourceAudio) and hold is not None:
            await asyncio.sleep(hold.wait_s(event.seconds, clock()))
        yield event


async def write_silence(
    write: Callable[[Samples], Coroutine[None, None, None]], seconds: float
) -> None:
    """Count time in which nothing was received, so that times stay true."""
    left = round(seconds * SAMPLE_RATE)
    while left > 0:
        count = min(left, SAMPLE_RATE)
        await write(np.zeros(count, np.float32))
        left -= count

"""A recording that is pushed, as audio: a decoder between who brings bytes and who hears them.

Theory of operation. `write` waits until the decoder has taken its bytes, and the decoder takes none
while nobody takes what `events` yields: that is the back-pressure. What goes wrong comes out of
`events`, which also starts the decoder and ends it; what is written behind its end is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scribewire.audio.decoder_messages import DecoderLimits
from scribewire.sources.events import SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.recording import RecordingProgress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from scribewire.audio.container import TrackWish
    from scribewire.audio.wire import WireDecoder
    from scribewire.sources.decoder import DecoderProcess
    from scribewire.sources.decoders import Decoders
    from scribewire.sources.events import SourceEvent

_LIMITS: Final = DecoderLimits(whole_file_bytes=0)  # who speaks is heard now, not at the end


class PushedMedia:
    """One recording, if one comes.

    One task writes, another one takes the events; `end` anyone may call.
    """

    def __init__(self, decoders: Decoders, wish: TrackWish) -> None:
        self._decoders, self._wish = decoders, wish
        self._recording = RecordingProgress()
        self._decoder: DecoderProcess | None = None
        self._is_decided = asyncio.Event()  # whether there is a decoder: now, or never any more
        self._writing: asyncio.Task[None] | None = None  # the latest
        self._unwritten = 0  # messages that the decoder has not taken
        self._has_all = False

    @property
    def pid(self) -> int | None:
        """The number of the decoder's process while there is one."""
        return None if self._decoder is None else self._decoder.pid

    async def write(self, data: bytes) -> None:
        """Bring the next bytes, and wait until they are taken.

        They are taken whole and in order, though whoever waits for that is cancelled. Raises
        SourceFault for too many of which nothing is heard.
        """
        self._unwritten += 1
        self._writing = asyncio.create_task(self._write_behind(self._writing, data))
        self._writing.add_done_callback(_note_outcome)
        await asyncio.shield(self._writing)

    async def aclose(self) -> None:
        """Let go of what was not taken."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait((self._writing,))

    async def _write_behind(self, before: asyncio.Task[None] | None, data: bytes) -> None:
        try:
            if before is not None:
                await asyncio.wait((before,))
            await self._is_decided.wait()
            if self._decoder is not None:
                self._recording.receive(len(data))
                with contextlib.suppress(SourceFault):  # `events` raises it
                    await self._decoder.write(data)
        finally:
            self._unwritten -= 1
            self._end_input()

    def end(self) -> None:
        """Say that no more bytes come; what is left comes out of `events`. Again does nothing."""
        self._has_all = True
        self._end_input()

    async def events(self) -> AsyncGenerator[SourceEvent, None]:
        """Yield what is heard, until the end of the recording.

        Raises SourceFault, in words for who has pushed it, and OSError where nothing starts.
        """
        try:
            async with (
                self._decoders.start(_LIMITS, self._wish) as decoder,
                contextlib.aclosing(self._hear(decoder)) as heard,
            ):
                async for event in heard:
                    yield event
        finally:
            self._decoder = None
            self._is_decided.set()

    async def _hear(self, decoder: DecoderProcess) -> AsyncGenerator[SourceEvent, None]:
        self._decoder = decoder
        self._is_decided.set()
        self._end_input()
        try:
            yield SourceOpened(await decoder.info(), is_live=True, carrier="a recording")
            async for piece in decoder.heard():
                self._recording.hear()
                yield piece
        except SourceFault as fault:
            found = self._recording.judge(fault)
            if found is not None:
                raise found from None

    def _end_input(self) -> None:
        """Pass the end on, behind what is being written."""
        if self._has_all and not self._unwritten and self._decoder is not None:
            self._decoder.end_input()


def _note_outcome(writing: asyncio.Task[None]) -> None:
    """Take note of how it ended, for where nobody waits for it any more."""
    if not writing.cancelled():
        writing.exception()


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedAudio:
    """What makes samples of what a client pushes."""

    pcm: WireDecoder
    """Looks at it first, and says whether it is a recording."""
    media: PushedMedia | None = None
    """Decodes recordings; None: they are refused."""

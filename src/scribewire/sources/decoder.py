"""Media bytes to PCM in a process of its own, as seen from the server.

Theory of operation. Nothing here runs by itself: `write` waits for the process to take the bytes,
`heard` waits for it to give some, and whoever does not call holds the process up. One message at a
time is read, under a lock, since `write` reads too once the process has gone: what it has said
last tells whether it was done or why it failed. Memory is bounded by the two sockets between.
`decoders.Decoders` starts it; to let go of its leash ends it.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.audio.container import AudioInfo
from scribewire.audio.decoder_messages import (
    HEAD,
    MAX_BODY_BYTES,
    DecoderLimits,
    Kind,
    decode_gap,
    decode_info,
    decode_refusal,
    decode_track_end,
)
from scribewire.sources.events import SourceAudio, SourceGap, SourceTrack
from scribewire.sources.faults import SourceFault, invalid_stream, unsupported_format

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PIECE_BYTES = 64 * 1024  # what the socket between holds


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderLink:
    """What leads to a process."""

    pid: int
    """Its number; 0 when it could not be started."""
    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    leash: socket.socket
    """Shut, it ends the process."""

    def let_go(self) -> None:
        """Have the process killed, if it is there."""
        with suppress(OSError):  # nobody holds the other end any more
            self.leash.shutdown(socket.SHUT_WR)


class DecoderProcess:
    """One stream's decoder. Writing and reading go on side by side, each by one task."""

    def __init__(self, link: DecoderLink, limits: DecoderLimits) -> None:
        self._link = link
        self._input, self._output = link.stdin, link.stdout
        self._limits = limits
        # A write returns when the socket has taken all of it.
        self._input.transport.set_write_buffer_limits(0)
        self._reading = asyncio.Lock()
        # The head of a message whose body is still to come: who reads may be cancelled.
        self._head: tuple[Kind, int] | None = None
        # What came in while `write` looked for the reason of the end.
        self._held: deque[SourceAudio | SourceGap | SourceTrack] = deque()
        self._info: AudioInfo | None = None
        self._has_ended = False
        self._fault: SourceFault | None = None
        # Since when the process owes us something: input is waiting or there is no more.
        self._owes_since_s: float | None = None
        self.is_isolated = False
        """Whether the process has no network; known with `info`."""
        self.settled: int | None = None
        """The track that is heard for good, where it was chosen of several by what they sound."""
        self.broken_packets = 0
        """Packets that were left out; known at the end."""
        self.missing_s = 0.0
        """Their time, whether it was told as gaps or filled with silence; known at the end."""

    @property
    def pid(self) -> int:
        """The number of the process; 0 when it could not be started."""
        return self._link.pid

    def end(self) -> None:
        """Take nothing any more, and give nothing."""
        self._has_ended = True

    async def write(self, data: bytes) -> None:
        """Give the process `data`; wait until it has taken it.

        What comes after the end of the audio is dropped. Raises SourceFault when the process
        has given up.
        """
        for start in range(0, len(data), _PIECE_BYTES):
            if self._has_ended:
                break
            await self._write_piece(data[start : start + _PIECE_BYTES])
        if self._fault is not None:
            raise self._fault

    def end_input(self) -> None:
        """Say that there is no more; what is left comes out of `heard`."""
        self._owes_since_s = asyncio.get_running_loop().time()
        self._input.close()

    async def info(self) -> AudioInfo:
        """Return what the stream says about itself, once it is known. Raises SourceFault."""
        async with self._reading:
            while self._info is None and not self._has_ended:
                await self._receive()
        if self._info is None:
            raise self._fault or _crash("it ended before anything was known")
        return self._info

    async def heard(self) -> AsyncIterator[SourceAudio | SourceGap | SourceTrack]:
        """Yield the audio as it is decoded, its gaps, and where another track is gone on with.

        Raises SourceFault.
        """
        while True:
            async with self._reading:
                while not self._held and not self._has_ended:
                    await self._receive()
            if not self._held:
                break
            yield self._held.popleft()
        if self._fault is not None:
            raise self._fault

    async def _write_piece(self, piece: bytes) -> None:
        self._owes_since_s = asyncio.get_running_loop().time()
        try:
            self._input.write(piece)
            await self._input.drain()
        except (BrokenPipeError, ConnectionResetError):
            # It has gone. What it said is in its pipe, which holds little.
            async with self._reading:
                while not self._has_ended:
                    await self._receive()
        finally:
            self._owes_since_s = None

    async def _receive(self) -> None:
        """Take in the next message."""
        try:
            async with asyncio.timeout(self._limits.silence_s):
                kind, body = await self._read_message()
            self._note(kind, body)
        except TimeoutError:
            if self._is_hanging():
                self._finish(_crash("the decoder hangs"))
                self._link.let_go()
        except (asyncio.IncompleteReadError, ConnectionResetError):
            self._finish(_crash("the decoder crashed or used more than it may"))
        except (ValueError, TypeError, LookupError, AttributeError):  # whatever it is made to say
            self._finish(_crash("the decoder talks nonsense"))
            self._link.let_go()

    def _is_hanging(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        owed = self._owes_since_s
        return owed is not None and now_s - owed >= self._limits.silence_s

    async def _read_message(self) -> tuple[Kind, bytes]:
        if self._head is None:
            kind, length = HEAD.unpack(await self._output.readexactly(HEAD.size))
            if length > MAX_BODY_BYTES:
                raise ValueError("a message that is too long")
            self._head = Kind(kind), length
        kind, length = self._head
        body = await self._output.readexactly(length)
        self._head = None
        return kind, body

    def _note(self, kind: Kind, body: bytes) -> None:
        match kind:
            case Kind.PCM:
                self._held.append(SourceAudio(body))
            case Kind.GAP:
                self._held.append(SourceGap(decode_gap(body)))
            case Kind.INFO:
                fields = json.loads(body)
                self.is_isolated = fields.pop("is_isolated")
                tracks = tuple(map(str, fields.pop("tracks")))
                self._info = AudioInfo(**fields, tracks=tracks)
            case Kind.TRACK:
                self._note_settled(decode_info(body))
            case Kind.END:
                ending = decode_track_end(body)
                self.broken_packets, self.missing_s = ending.broken_packets, ending.missing_s
                self._finish(None)
            case Kind.ERROR:
                refusal = decode_refusal(body)
                self._finish(
                    unsupported_format(refusal.words)
                    if refusal.is_unsupported
                    else invalid_stream(refusal.words, is_transient=refusal.is_transient)
                )

    def _note_settled(self, info: AudioInfo) -> None:
        self.settled = info.track
        if self._info is not None and info.track != self._info.track:
            self._held.append(SourceTrack(info))

    def _finish(self, fault: SourceFault | None) -> None:
        self._has_ended = True
        self._fault = fault


def _crash(cause: str) -> SourceFault:
    return invalid_stream(f"its audio cannot be decoded ({cause})")

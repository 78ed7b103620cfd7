"""An origin on loopback whose clips come as slowly as they are said, or quicker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

from tests.parts.listening import run_listener
from tests.parts.wav import wav

_PIECES_PER_S: Final = 10


@contextlib.asynccontextmanager
async def serve_paced(clips: Sequence[bytes], *, piece_s: float) -> AsyncIterator[str]:
    """Serve `0.wav` and so on for as long as the context is open; give the address of their folder.

    `piece_s`: how long a tenth of a second of sound takes.
    """
    files = [wav(pcm) for pcm in clips]
    async with run_listener(_Origin(files, piece_s).serve) as port:
        yield f"http://127.0.0.1:{port}"


class _Origin:
    def __init__(self, files: Sequence[bytes], piece_s: float) -> None:
        self._files = files
        self._piece_s = piece_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            name = request.split(b" ")[1].decode().strip("/")
            file = self._files[int(name.removesuffix(".wav"))]
            head = f"content-type: audio/wav\r\ncontent-length: {len(file)}\r\nconnection: close"
            writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
            await self._send(file, writer)

    async def _send(self, file: bytes, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        began_at, piece_bytes = loop.time(), 32_000 // _PIECES_PER_S
        for number, start in enumerate(range(0, len(file), piece_bytes)):
            await asyncio.sleep(max(0.0, began_at + number * self._piece_s - loop.time()))
            writer.write(file[start : start + piece_bytes])
            await writer.drain()

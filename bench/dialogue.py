"""One client of the server under test, as fast as the server takes the audio."""

from __future__ import annotations

import asyncio

from bench.server_process import BenchServer
from scribewire.client import Client, FinalResult, connect
from scribewire.types import Mode

MESSAGE_BYTES = 32_000  # 1 s: the server's back-pressure, not our cutting, sets the speed


async def transcribe(server: BenchServer, pcm: bytes, *, mode: Mode, language: str = "en") -> str:
    """Return the text of every final, without asking for partials.

    Raises ClientError with the server's own words when it refuses.
    """
    async with (
        connect(server.url, key=server.key, mode=mode, language=language, partials=False) as client,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(_send_all(client, pcm))
        finals = [message.text async for message in client if isinstance(message, FinalResult)]
    return " ".join(text for text in finals if text)


async def _send_all(client: Client, pcm: bytes) -> None:
    for start in range(0, len(pcm), MESSAGE_BYTES):
        await client.send_audio(pcm[start : start + MESSAGE_BYTES])
    await client.stop()

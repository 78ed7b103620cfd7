"""Caption a WAV file with asyncio: one task sends the file, another prints what is heard.

    SCRIBEWIRE_KEY=... python examples/caption_file.py ws://127.0.0.1:8000 talk.wav

Name the language that is spoken, or several, of which the server finds out which one it is:

    SCRIBEWIRE_KEY=... python examples/caption_file.py ws://127.0.0.1:8000 talk.wav nl,en

The file goes out as fast as the server takes it, and its results come while it goes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from scribewire.client import Client, ClientError, FinalResult, connect


async def caption(url: str, wav: bytes, languages: tuple[str, ...]) -> None:
    """Send the file and print a line for each utterance."""
    key = os.environ.get("SCRIBEWIRE_KEY")
    async with connect(url, key=key, partials=False, languages=languages) as client:
        sending = asyncio.create_task(send(client, wav))
        await show(client)
        await sending


async def send(client: Client, wav: bytes) -> None:
    """Send a WAV file as it is; the server reads its header and converts it."""
    await client.send_audio(wav)
    await client.stop()


async def show(client: Client) -> None:
    """Print each final with the time up to which it has heard, and its language if it is known."""
    async for message in client:
        match message:
            case FinalResult(text=text, offset_ms=offset_ms, language=language):
                told = f"[{language}] " if language else ""
                print(f"{offset_ms / 1000:8.2f} s  {told}{text}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: caption_file.py ws://HOST:PORT FILE.wav [LANGUAGE[,LANGUAGE...]]")
    spoken = tuple(sys.argv[3].split(",")) if len(sys.argv) == 4 else ()
    try:
        asyncio.run(caption(sys.argv[1], Path(sys.argv[2]).read_bytes(), spoken))
    except KeyboardInterrupt:
        sys.exit(130)
    except (ClientError, OSError, ValueError) as error:  # ValueError: an address that is none
        sys.exit(f"caption_file: {error}")

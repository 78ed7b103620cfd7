"""Caption a WAV file with asyncio: one task sends the file, another prints what is heard.

    SCRIBEWIRE_KEY=... python examples/caption_file.py ws://127.0.0.1:8000 talk.wav

The file goes out as fast as the server takes it, and its results come while it goes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from scribewire.client import Client, ClientError, FinalResult, connect


async def caption(url: str, wav: bytes) -> None:
    """Send the file and print a line for each utterance."""
    key = os.environ.get("SCRIBEWIRE_KEY")
    async with connect(url, key=key, partials=False) as client:
        sending = asyncio.create_task(send(client, wav))
        await show(client)
        await sending


async def send(client: Client, wav: bytes) -> None:
    """Send a WAV file as it is; the server reads its header and converts it."""
    await client.send_audio(wav)
    await client.stop()


async def show(client: Client) -> None:
    """Print each final with the time up to which it has heard."""
    async for message in client:
        match message:
            case FinalResult(text=text, offset_ms=offset_ms):
                print(f"{offset_ms / 1000:8.2f} s  {text}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: caption_file.py ws://HOST:PORT FILE.wav")
    try:
        asyncio.run(caption(sys.argv[1], Path(sys.argv[2]).read_bytes()))
    except KeyboardInterrupt:
        sys.exit(130)
    except (ClientError, OSError, ValueError) as error:  # ValueError: an address that is none
        sys.exit(f"caption_file: {error}")

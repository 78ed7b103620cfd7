"""Caption a live source: raw PCM comes on standard input, captions change as people speak.

    arecord -q -t raw -f S16_LE -r 16000 -c 1 |
        SCRIBEWIRE_KEY=... python examples/caption_stdin.py ws://127.0.0.1:8000

On a Mac, or for any other source, let ffmpeg write the PCM:

    ffmpeg -loglevel error -f avfoundation -i :0 -f s16le -ar 16000 -ac 1 - | ...

The end of the input is the end of the captions: the last words are still waited for.
"""

from __future__ import annotations

import asyncio
import os
import sys

from scribewire.client import (
    Client,
    ClientError,
    ConnectionState,
    FinalResult,
    PartialResult,
    ShuttingDown,
    connect,
)

CHUNK_BYTES = 3_200  # 0.1 s: what is read is sent at once, so this is the delay it adds


async def caption(url: str) -> None:
    """Send standard input, and show partials and finals as they come."""
    key = os.environ.get("SCRIBEWIRE_KEY")
    async with connect(url, key=key, on_state_change=report) as client:
        sending = asyncio.create_task(send(client))
        try:
            await show(client)
        finally:
            sending.cancel()  # the server may have ended first, and a microphone never does


async def send(client: Client) -> None:
    """Send what comes until it ends or nobody listens any more."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while chunk := await reader.read(CHUNK_BYTES):
        if not await client.send_audio(chunk):
            return
    await client.stop()


async def show(client: Client) -> None:
    """Show the present utterance on one line, and start a new one when it is final."""
    async for message in client:
        match message:
            case PartialResult(text=text):
                print(f"\r\x1b[K{text}", end="", flush=True)  # \x1b[K: forget the line
            case FinalResult(text=text):
                print(f"\r\x1b[K{text}", end="\n" if text else "", flush=True)
            case ShuttingDown():
                print("\r\x1b[K(the server is going to shut down)", file=sys.stderr)


def report(state: ConnectionState) -> None:
    """Say how the connection is doing, beside the captions."""
    print(f"({state.value})", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: caption_stdin.py ws://HOST:PORT < PCM")
    try:
        asyncio.run(caption(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
    except ClientError as error:
        sys.exit(f"caption_stdin: {error}")

"""Caption a WAV file without asyncio: one thread sends the file, another prints what is heard.

    SCRIBEWIRE_KEY=... python examples/caption_file_blocking.py ws://127.0.0.1:8000 talk.wav

The file goes out as fast as the server takes it, and its results come while it goes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Thread

from scribewire.client import ClientError, FinalResult
from scribewire.client.blocking import Client, connect


def caption(url: str, wav: bytes) -> None:
    """Send the file and print a line for each utterance."""
    with connect(url, key=os.environ.get("SCRIBEWIRE_KEY"), partials=False) as client:
        Thread(target=send, args=(client, wav)).start()  # ends at the latest with the connection
        for message in client:
            if isinstance(message, FinalResult):
                print(f"{message.offset_ms / 1000:8.2f} s  {message.text}", flush=True)


def send(client: Client, wav: bytes) -> None:
    """Send a WAV file as it is; the server reads its header and converts it."""
    client.send_audio(wav)
    client.stop()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: caption_file_blocking.py ws://HOST:PORT FILE.wav")
    try:
        caption(sys.argv[1], Path(sys.argv[2]).read_bytes())
    except KeyboardInterrupt:
        sys.exit(130)
    except (ClientError, OSError, ValueError) as error:  # ValueError: an address that is none
        sys.exit(f"caption_file_blocking: {error}")

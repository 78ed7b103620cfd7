"""Caption a live source: raw PCM comes on standard input, captions change as people speak.

    arecord -q -t raw -f S16_LE -r 16000 -c 1 |
        SCRIBEWIRE_KEY=... python examples/caption_stdin.py ws://127.0.0.1:8000

On a Mac, or for any other source, let ffmpeg write the PCM:

    ffmpeg -loglevel error -f avfoundation -i :0 -f s16le -ar 16000 -ac 1 - |
        SCRIBEWIRE_KEY=... python examples/caption_stdin.py ws://127.0.0.1:8000

A file will do, raw PCM or WAV:

    SCRIBEWIRE_KEY=... python examples/caption_stdin.py ws://127.0.0.1:8000 < talk.wav

The end of the input is the end of the captions: the last words are still waited for.
"""

from __future__ import annotations

import os
import sys
from threading import Thread

from scribewire.client import (
    ClientError,
    ConnectionState,
    FinalResult,
    PartialResult,
    ShuttingDown,
)
from scribewire.client.blocking import Client, connect

CHUNK_BYTES = 3_200  # 0.1 s: what is read is sent at once, so this is the delay it adds
STANDARD_INPUT = 0


def caption(url: str) -> None:
    """Send standard input, and show partials and finals as they come."""
    failures: list[OSError] = []
    with connect(url, key=os.environ.get("SCRIBEWIRE_KEY"), on_state_change=report) as client:
        # A daemon: the server may end first, and a microphone that is being read never does.
        Thread(target=send, args=(client, failures), daemon=True).start()
        show(client)
    if failures:
        raise failures[0]


def send(client: Client, failures: list[OSError]) -> None:
    """Send what comes until it ends or nobody listens any more.

    A thread that waits in `os.read` can do so for a pipe, a terminal, a file or a device alike.
    """
    try:
        while chunk := os.read(STANDARD_INPUT, CHUNK_BYTES):
            if not client.send_audio(chunk):
                return
    except OSError as error:  # such as a microphone that was pulled out
        failures.append(error)
    client.stop()


def show(client: Client) -> None:
    """Show the present utterance on one line, and start a new one when it is final."""
    for message in client:
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
    if len(sys.argv) != 2 or sys.stdin is None or sys.stdin.isatty():  # None: it is closed
        sys.exit("usage: caption_stdin.py ws://HOST:PORT < PCM")
    try:
        caption(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
    except (ClientError, OSError, ValueError) as error:  # ValueError: an address that is none
        sys.exit(f"caption_stdin: {error}")

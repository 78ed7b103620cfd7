"""Audio piped into `transcribe -`: raw PCM, WAV, or any container, as it comes.

Theory of operation. Bytes are read whenever the pipe has some, so a live pipe is transcribed
live. PCM and WAV are decoded here, as the server does with what clients send. FFmpeg can only
wait for its input, which would stop everything else, so a container is decoded by a process of
its own: bytes in, PCM out, `python -m scribewire.cli.standard_input`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

from scribewire.audio.pcm import encode_pcm
from scribewire.audio.sniff import SNIFF_LIMIT, find_stranger, sniff
from scribewire.errors import ClientFault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from typing import BinaryIO

READ_BYTES = 65_536  # what a Linux pipe holds
_REMEDY = "pipe raw PCM (16-bit, 16 kHz, mono), WAV, or a file with an audio track"
_STRANGER_BYTES = 1024  # 32 ms: enough to tell text from PCM, and nobody has to wait for it
_PCM_BYTES = 6_400  # 0.2 s, as files are cut


def is_container(head: bytes) -> bool | None:
    """Tell whether a stream that begins with `head` is for FFmpeg; None: ask with more bytes."""
    kind = sniff(head).kind
    return None if kind == "undecided" else kind == "compressed"


async def read_pipe(fd: int) -> AsyncIterator[bytes]:
    """Yield the bytes of a pipe, terminal, socket or file as they come, until its end."""
    while True:
        await _wait_until_readable(fd)
        data = os.read(fd, READ_BYTES)
        if not data:
            return
        yield data
        await asyncio.sleep(0)  # a full pipe is always ready: let the others have their turn


async def decode_pipe(pipe: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield what was piped as PCM of the wire. Raises ClientFault when it cannot be decoded."""
    head = b""
    decided = None
    async for data in pipe:
        head += data
        decided = is_container(head)
        if decided or len(head) > (SNIFF_LIMIT if decided is None else _STRANGER_BYTES):
            break
    if head and not decided and (stranger := find_stranger(head[:_STRANGER_BYTES])):
        raise ClientFault(f"standard input: not audio but {stranger}; {_REMEDY}")
    rest = _join(head, pipe)
    # Closed here, whoever stops reading: a decoder must not outlive its reader.
    async with aclosing(_decode_container(rest) if decided else _decode_wire(rest)) as decoded:
        async for pcm in decoded:
            yield pcm


async def _join(head: bytes, pipe: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for data in pipe:
        yield data


async def _wait_until_readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(fd, readable.set)
    except PermissionError:  # a file or /dev/null, which never make one wait
        return
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)


async def _decode_wire(pipe: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    from scribewire.audio.wire import WireDecoder

    decoder = WireDecoder()
    async for data in pipe:
        yield encode_pcm(decoder.receive_bytes(data))
    yield encode_pcm(decoder.receive_end())


# Containers: the side of this process, and that of the other.


async def _decode_container(pipe: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    decoder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; the decoder ends with its input
    )
    assert decoder.stdin is not None
    assert decoder.stdout is not None
    assert decoder.stderr is not None
    feeding = asyncio.create_task(_feed(decoder.stdin, pipe))
    try:
        while pcm := await decoder.stdout.read(_PCM_BYTES):
            yield pcm
        message = (await decoder.stderr.read()).decode().strip()
        if await decoder.wait():
            raise ClientFault(message or "standard input: the decoder failed")
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        if decoder.returncode is None:
            decoder.kill()
        # Not `wait`: it waits for the end of an output that nobody reads any more.
        await decoder.communicate()


async def _feed(decoder_input: asyncio.StreamWriter, pipe: AsyncIterator[bytes]) -> None:
    try:
        async for data in pipe:
            decoder_input.write(data)
            await decoder_input.drain()
        decoder_input.close()
        await decoder_input.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return  # it has ended, and says why


def decode_container(container: BinaryIO, pcm: BinaryIO) -> None:
    """Write the first audio track of a container as PCM, each chunk at once."""
    from scribewire.audio.container import read_audio

    for samples in read_audio(container):
        pcm.write(encode_pcm(samples))
        pcm.flush()


if __name__ == "__main__":
    # Unbuffered: a buffered read waits until it is full, which in a live MP3 takes two seconds.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as unbuffered:
        try:
            decode_container(unbuffered, sys.stdout.buffer)
        except ClientFault as fault:
            sys.exit(fault.message.replace("the stream", "standard input"))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

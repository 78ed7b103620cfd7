"""What broken media do to the decoder process: crashes, time-outs and processes left behind.

Small files of each kind are broken in a way that a seed decides, and decoded as a stream is. An
input that ends a process by a signal is no harm to the server, but worth a look: its number makes
it again.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.table import format_table
from scribewire.audio.decoder_messages import DecoderLimits
from scribewire.sources.decoder import DecoderProcess
from scribewire.sources.decoders import Decoders
from scribewire.sources.faults import SourceFault

KINDS = ("mp3", "mpegts", "mp4", "mp4 in fragments", "ogg")
OUTCOMES = ("decoded", "refused", "crashed", "hung")
_CODECS = {"mp3": "libmp3lame", "mpegts": "aac", "mp4": "aac", "ogg": "libopus"}
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "200000"}
_EXTREMES = (
    b"\x00" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\x00\x00\x00\x01",
)
_LIMITS = DecoderLimits(cpu_s=5, silence_s=20.0)


def make_media(kind: str, seconds: float = 2.0) -> bytes:
    """Return noise and a tone as a file of `kind`."""
    container = kind.partition(" ")[0]
    file = io.BytesIO()
    options = _FRAGMENTS if kind.endswith("fragments") else {}
    rate_hz = 48_000
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(1).uniform(-3000, 3000, times.size)
    samples = (np.sin(2 * np.pi * 440 * times) * 9000 + noise).astype(np.int16)
    with av.open(file, "w", format=container, options=options) as output:
        stream = output.add_stream(_CODECS[container], rate=rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate = rate_hz
        for part in (frame, None):
            output.mux(stream.encode(part))
    return file.getvalue()


def _flip_bits(broken: bytearray, reach: int, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 64)):
        if broken:
            broken[dice.randrange(reach) % len(broken)] ^= 1 << dice.randrange(8)


def mutate(data: bytes, seed: int) -> bytes:
    """Break `data` in one to four places; the same seed breaks it in the same way."""
    dice = random.Random(seed)
    broken = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        # Half of the wounds go to the head, where the lengths and counts are.
        reach = len(broken) if dice.random() < 0.5 else min(len(broken), 1024)
        at, length = dice.randrange(reach or 1), dice.randint(1, 600)
        match dice.randrange(6):
            case 0:
                _flip_bits(broken, reach, dice)
            case 1:
                broken[at : at + length] = dice.randbytes(length)
            case 2:
                del broken[at : at + length]
            case 3:
                broken[at:at] = broken[at : at + length]
            case 4:
                broken[at : at + 4] = dice.choice(_EXTREMES)
            case _:
                del broken[dice.randrange(len(broken) or 1) :]
    return bytes(broken)


async def decode(decoders: Decoders, data: bytes) -> tuple[str, int]:
    """Return what became of `data`, and the number of the process."""
    async with decoders.start(_LIMITS) as decoder:
        feeding = asyncio.create_task(_feed(decoder, data))
        outcome = "decoded"
        try:
            async for _ in decoder.heard():
                pass
        except SourceFault as fault:
            words = fault.message
            outcome = "crashed" if "crashed" in words else "hung" if "hangs" in words else "refused"
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
    return outcome, decoder.pid


async def _feed(decoder: DecoderProcess, data: bytes) -> None:
    for start in range(0, len(data), 8192):
        await decoder.write(data[start : start + 8192])
    decoder.end_input()


async def run(decoders: Decoders, count: int, jobs: int, first: int) -> None:
    """Decode `count` broken files and print what became of them."""
    media = {kind: make_media(kind) for kind in KINDS}
    found: Counter[tuple[str, str]] = Counter()
    left: list[int] = []
    seeds = iter(range(first, first + count))
    started_s = time.perf_counter()

    async def work() -> None:
        for seed in seeds:
            kind = KINDS[seed % len(KINDS)]
            outcome, pid = await decode(decoders, mutate(media[kind], seed))
            found[kind, outcome] += 1
            if outcome in ("crashed", "hung"):
                print(f"seed {seed} ({kind}): {outcome}", file=sys.stderr)
            if is_alive(pid):
                left.append(pid)

    await asyncio.gather(*(work() for _ in range(jobs)))
    rows = [[kind, *(str(found[kind, outcome]) for outcome in OUTCOMES)] for kind in KINDS]
    print(format_table(["kind", *OUTCOMES], rows))
    print(f"processes left behind: {len(left)}")
    print(f"{count} inputs in {time.perf_counter() - started_s:.0f} s")


def is_alive(pid: int) -> bool:
    """Tell whether there is such a process, be it a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(arguments: Sequence[str]) -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="bench hostile_media", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with Decoders() as decoders:
        asyncio.run(run(decoders, options.count, options.jobs, options.first_seed))


if __name__ == "__main__":
    main(sys.argv[1:])

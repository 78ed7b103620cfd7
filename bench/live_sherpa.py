"""sherpa-onnx's offline WebSocket server on the same weights: finals only, as fast as it can.

It recognizes what it is given as one utterance and has no voice detector, so it is given the
utterances of the same speech, found beforehand and padded as ours are: segmenting costs it
nothing. Its binary comes in the package sherpa-onnx-bin, which is in the bench set.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
from websockets.asyncio.client import connect

from bench.live_files import FilesRun
from bench.live_speech import Speech
from bench.scoring import WordErrors, count_errors
from scribewire.engines.moonshine.family import TINY_EN
from scribewire.models.store import find_model
from scribewire.types import SAMPLE_RATE, ms_to_samples

NAME = "sherpa-onnx offline server"
BINARY = "sherpa-onnx-offline-websocket-server"
PAD_BEFORE_MS, PAD_AFTER_MS = 500, 400  # what our own finals hear around their speech
AT_ONCE = 2  # connections for each file, so that its threads always have something to do
STARTS_WITHIN_S = 30.0


async def run_sherpa_files(speeches: Sequence[Speech], *, threads: int) -> FilesRun | str:
    """Have all speech recognized; a text says why it could not be run."""
    binary = Path(sys.executable).parent / BINARY
    if not binary.exists():
        return f"{NAME}: sherpa-onnx-bin is not installed here"
    pieces = [_cut(speech) for speech in speeches]
    async with _server(binary, threads) as (process, url):
        before, began_s = _cpu_s(process), time.perf_counter()
        places = asyncio.Semaphore(AT_ONCE * threads)

        async def recognize(piece: bytes) -> str:
            async with places:
                return await _recognize(url, piece)

        texts = await asyncio.gather(
            *(asyncio.gather(*map(recognize, utterances)) for utterances in pieces)
        )
        wall_s, cpu_s = time.perf_counter() - began_s, _cpu_s(process) - before
        peak_rss_bytes = int(process.memory_info().rss)
    heard = [" ".join(filter(None, one)) for one in texts]
    pairs = zip(speeches, heard, strict=True)
    return FilesRun(
        system=NAME,
        files=len(speeches),
        threads=threads,
        audio_s=sum(len(one.pcm) for one in speeches) / 2 / SAMPLE_RATE,
        wall_s=wall_s,
        cpu_s=cpu_s,
        rss_bytes=peak_rss_bytes,
        words=sum((count_errors(one.monologue.text, text) for one, text in pairs), WordErrors()),
    )


def _cut(speech: Speech) -> list[bytes]:
    samples = np.frombuffer(speech.pcm, "<i2").astype(np.float32) / 32768
    return [
        samples[
            max(0, ms_to_samples(one.start_ms - PAD_BEFORE_MS)) : ms_to_samples(
                one.end_ms + PAD_AFTER_MS
            )
        ].tobytes()
        for one in speech.utterances
    ]


async def _recognize(url: str, samples: bytes) -> str:
    """Speak the server's protocol: rate, size in bytes, then float samples; JSON comes back."""
    async with connect(url, proxy=None, compression=None, max_size=None) as websocket:
        header = np.array([SAMPLE_RATE, len(samples)], "<i4").tobytes()
        await websocket.send(header + samples)
        said = await websocket.recv()
        await websocket.send("Done")
    text = str(said)
    return str(json.loads(text)["text"]).strip() if text.startswith("{") else text.strip()


@contextlib.asynccontextmanager
async def _server(binary: Path, threads: int) -> AsyncIterator[tuple[psutil.Process, str]]:
    with tempfile.TemporaryDirectory(prefix="scribewire-bench-") as folder:
        tokens = Path(folder) / "tokens.txt"
        _write_tokens(tokens)
        port = _free_port()
        process = await asyncio.create_subprocess_exec(
            str(binary),
            f"--port={port}",
            f"--num-work-threads={threads}",
            "--num-io-threads=1",
            "--num-threads=1",
            "--max-batch-size=1",
            f"--moonshine-encoder={find_model(TINY_EN.file('encoder_model.ort'))}",
            f"--moonshine-merged-decoder={find_model(TINY_EN.file('decoder_model_merged.ort'))}",
            f"--tokens={tokens}",
            f"--log-file={Path(folder) / 'log'}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(os.environ),
        )
        try:
            await _wait_for(port)
            yield psutil.Process(process.pid), f"ws://127.0.0.1:{port}"
        finally:
            process.terminate()
            await process.wait()


def _write_tokens(path: Path) -> None:
    """Write the vocabulary as sherpa-onnx reads it: the bytes of a token in base64, then its id."""
    data = find_model(TINY_EN.file("tokenizer.bin")).read_bytes()
    lines = (
        f"{base64.b64encode(entry).decode('ascii')}\t{number}"
        for number, entry in enumerate(split_entries(data))
    )
    path.write_text("\n".join(lines) + "\n", "ascii")


def split_entries(data: bytes) -> Iterator[bytes]:
    """Cut a vocabulary into its tokens: each is a length of one or two bytes, then its bytes."""
    at = 0
    while at < len(data):
        length, at = data[at], at + 1
        if length >= 128:
            length, at = length - 128 + 128 * data[at], at + 1
        yield data[at : at + length]
        at += length


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def _wait_for(port: int) -> None:
    async with asyncio.timeout(STARTS_WITHIN_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

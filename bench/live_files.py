"""Sources that are faster than real time: how much speech a machine takes when nobody waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.live_runs import OURS, Conditions, count_words
from bench.live_speech import Speech
from bench.scoring import WordErrors
from bench.table import format_table
from scribewire.capacity.load import push
from scribewire.capacity.server_process import run_server_process
from scribewire.types import SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesRun:
    """So many files at once, finals only."""

    system: str
    files: int
    threads: int
    """That recognize."""
    audio_s: float
    """In all files, pauses included."""
    wall_s: float
    cpu_s: float
    rss_bytes: int
    words: WordErrors

    @property
    def times_real_time(self) -> float:
        """How many seconds of audio a second takes."""
        return self.audio_s / self.wall_s


async def run_our_files(
    speeches: Sequence[Speech], conditions: Conditions, *, threads: int
) -> FilesRun:
    """Push every file at once into a server with so many threads."""
    environment = {**conditions.environment, "SCRIBEWIRE_WORKERS": str(threads)}
    async with run_server_process(environment) as server:
        target = replace(server.target, wishes=replace(conditions.wishes, partials=False))
        before, began_s = await server.usage(), time.perf_counter()
        records = await asyncio.gather(*(push(target, speech.pcm) for speech in speeches))
        wall_s, after = time.perf_counter() - began_s, await server.usage()
    return FilesRun(
        system=OURS + ("" if conditions.wishes.speakers else ", no speakers"),
        files=len(speeches),
        threads=threads,
        audio_s=sum(len(one.pcm) for one in speeches) / 2 / SAMPLE_RATE,
        wall_s=wall_s,
        cpu_s=after.cpu_s - before.cpu_s,
        rss_bytes=after.rss_bytes,
        words=count_words(records, speeches),
    )


def format_files(runs: Sequence[FilesRun]) -> str:
    """Return the table of throughput."""
    rows = [
        [
            run.system,
            str(run.files),
            str(run.threads),
            f"{run.times_real_time:.1f}",
            f"{run.cpu_s / run.audio_s:.4f}",
            f"{run.rss_bytes / 1e6:.0f}",
            f"{100 * run.words.errors / max(1, run.words.words):.2f}",
        ]
        for run in runs
    ]
    header = ["finals of files", "files", "threads", "x real time", "CPU-s per audio-s"]
    return format_table([*header, "RSS, MB", "word error, %"], rows)

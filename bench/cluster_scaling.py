"""How the work of a cluster grows with its replicas, where engines take time and no processor.

    python -m bench cluster_scaling [--replicas 1,2,3,4] [--sessions 64] [--rounds 3]

Each replica has workers whose decodes take a fixed time, as if a device did them. The sessions come
through HAProxy, are opened all, and then say the same: from there on until the last one has its
last final is measured. What the processor does meanwhile is told, for it must not be the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.clustered import KEY, Clustered, cpu_s_of, run_clustered
from bench.table import format_table
from bench.timed_server import FINAL_MS
from scribewire.capacity.server_process import ADMIT_ALL
from scribewire.client import Client, FinalResult, connect
from scribewire.testing.scripted import draw_pcm

RESULTS: Final = Path(__file__).parent / "results"
SERVER: Final = ("-m", "bench.timed_server")
UTTERANCE: Final = "SSSSSSSSSS" + "." * 30
WANTED: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of a cluster, whatever its size."""

    sessions: int
    finals: int
    """Of each session."""
    final_ms: int
    """How long a decode takes."""
    workers: int
    """Of each replica."""

    def bound_s(self, replicas: int) -> float:
        """Return how long it takes where nothing but decodes takes time."""
        total_s = self.sessions * self.finals * self.final_ms / 1000
        return total_s / (self.workers * replicas)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The load carried once."""

    replicas: int
    wall_s: float
    spread: tuple[int, ...]
    """How many sessions each replica was given."""
    cpu_s: dict[str, float]
    """Processor time meanwhile, of `servers`, `nats` and `clients`."""
    cores_busy: float
    """All of that, for each second."""


async def carry(load: Load, replicas: int) -> Run:
    """Run a cluster of so many, and carry the load."""
    environment = {
        **ADMIT_ALL,
        FINAL_MS: str(load.final_ms),
        "SCRIBEWIRE_WORKERS": str(load.workers),
    }
    with tempfile.TemporaryDirectory(prefix="scribewire-scaling-") as name:
        async with run_clustered(
            Path(name), count=replicas, command=SERVER, environment=environment
        ) as cluster:
            gate, opened = asyncio.Event(), asyncio.Semaphore(0)
            talking = [
                asyncio.create_task(_talk(cluster.url, load, gate, opened))
                for _ in range(load.sessions)
            ]
            for _ in talking:
                await opened.acquire()
            before, began_at = _used(cluster), time.monotonic()
            gate.set()
            await asyncio.gather(*talking)
            wall_s, after = time.monotonic() - began_at, _used(cluster)
        logs = [Path(name) / f"{number}.log" for number in range(replicas)]
        spread = tuple(one.read_text("utf-8").count('"event": "opened"') for one in logs)
    cpu_s = {who: round(after[who] - spent, 2) for who, spent in before.items()}
    return Run(
        replicas=replicas,
        wall_s=wall_s,
        spread=spread,
        cpu_s=cpu_s,
        cores_busy=sum(cpu_s.values()) / wall_s,
    )


def _used(cluster: Clustered) -> dict[str, float]:
    return {
        "servers": sum(one.cpu_s for one in cluster.replicas),
        "nats": cpu_s_of(cluster.nats.pid),
        "clients": time.process_time(),
    }


async def _talk(url: str, load: Load, gate: asyncio.Event, opened: asyncio.Semaphore) -> None:
    async with connect(url, key=KEY, language="en", partials=False, speakers=False) as client:
        opened.release()
        await gate.wait()
        sending = asyncio.create_task(_send(client, draw_pcm(".." + UTTERANCE * load.finals)))
        finals = [one async for one in client if isinstance(one, FinalResult)]
        await sending
    if len(finals) != load.finals:
        sys.exit(f"bench: {len(finals)} finals instead of {load.finals}")


async def _send(client: Client, pcm: bytes) -> None:
    await client.send_audio(pcm)
    await client.stop()


def report(runs: Sequence[Run], load: Load) -> tuple[str, float]:
    """Return a table, and the efficiency of the largest cluster, by medians."""
    sizes = sorted({one.replicas for one in runs})
    by_size = {size: [one for one in runs if one.replicas == size] for size in sizes}
    walls = {size: statistics.median(one.wall_s for one in by_size[size]) for size in sizes}
    alone_s = walls[sizes[0]] * sizes[0]
    rows = []
    for size, some in by_size.items():
        least, most = (pick(one.wall_s for one in some) for pick in (min, max))
        rows.append(
            (
                str(size),
                f"{walls[size]:.2f} ({least:.2f} to {most:.2f})",
                f"{load.bound_s(size):.1f}",
                f"{alone_s / (size * walls[size]):.3f}",
                f"{max(one.cores_busy for one in some):.2f}",
                " ".join(map(str, some[-1].spread)),
            )
        )
    header = ("replicas", "s, median (range)", "bound, s", "efficiency", "cores busy", "sessions")
    largest = sizes[-1]
    return format_table(header, rows), alone_s / (largest * walls[largest])


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry the load by clusters of each size, in turn; 1 where it does not scale as wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", default="1,2,3,4")
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--finals", type=int, default=16, help="of each session")
    parser.add_argument("--final-ms", type=int, default=200, help="what a decode takes")
    parser.add_argument("--workers", type=int, default=4, help="of each replica")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=RESULTS / "cluster_scaling.json")
    chosen = parser.parse_args(arguments)
    load = Load(
        sessions=chosen.sessions,
        finals=chosen.finals,
        final_ms=chosen.final_ms,
        workers=chosen.workers,
    )
    circumstances, runs = note_circumstances(), list[Run]()
    for _ in range(chosen.rounds):
        for replicas in map(int, chosen.replicas.split(",")):
            runs.append(asyncio.run(carry(load, replicas)))
            print(runs[-1], file=sys.stderr)
    table, efficiency = report(runs, load)
    print(table)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(circumstances), **asdict(load), "runs": [asdict(one) for one in runs]}
    chosen.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 0 if efficiency >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())

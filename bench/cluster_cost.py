"""What it costs to carry streams in a cluster: processor time with NATS beside the same without.

    python -m bench cluster_cost [--streams 8] [--seconds 30] [--rounds 4]

Two servers as operators run them, with the real models: one with `--cluster`, one without. Both
carry the same live streams, one after the other, in turn who begins. What counts is the processor
time of the server, and of NATS where there is one; the clients' is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.clustered import cpu_s_of
from bench.observability_cost import Server, carry, plan, serve
from scribewire.capacity.load import Source
from scribewire.capacity.trials import find_recordings
from scribewire.engines.silero import SileroVad
from scribewire.models.catalog import SILERO_VAD
from tests.parts.nats_server import NatsServer, run_nats

RESULTS: Final = Path(__file__).parent / "results"
ALLOWED: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Processor time of the same streams at both servers, in seconds."""

    alone_s: float
    clustered_s: float
    """Of the server."""
    nats_s: float

    @property
    def extra(self) -> float:
        """What the cluster costs, as a part of the rest."""
        return (self.clustered_s + self.nats_s) / self.alone_s - 1


async def measure(streams: int, seconds: float, rounds: int) -> list[Round]:
    """Let both servers carry the same, in turn who begins."""
    vad = SileroVad.load(SILERO_VAD)
    recordings = find_recordings(vad)
    vad.close()
    with tempfile.TemporaryDirectory(prefix="scribewire-cluster-cost-") as name:
        folder = Path(name)
        async with (
            run_nats(folder / "nats") as nats,
            serve(folder, "alone") as alone,
            serve(folder, "clustered", "--cluster", nats.url) as clustered,
        ):
            await _carry_both(alone, clustered, nats, plan(recordings, 2, 10.0, seed=1))  # warm
            found = []
            for number in range(rounds):
                sources = plan(recordings, streams, seconds, seed=1000 * number)
                turn = -1 if number % 2 else 1
                found.append(await _carry_both(alone, clustered, nats, sources, turn))
                print(f"round {number + 1}: {found[-1].extra:+.2%}", file=sys.stderr)
    return found


async def _carry_both(
    alone: Server, clustered: Server, nats: NatsServer, sources: Sequence[Source], turn: int = 1
) -> Round:
    spent, nats_s = {}, 0.0
    for one in (alone, clustered)[::turn]:
        before = cpu_s_of(nats.pid)
        spent[one.pid] = await carry(one, sources)
        if one is clustered:
            nats_s = cpu_s_of(nats.pid) - before
    return Round(alone_s=spent[alone.pid], clustered_s=spent[clustered.pid], nats_s=nats_s)


def report(rounds: Sequence[Round], *, streams: int, seconds: float) -> str:
    """Return the answer in two lines."""
    extras = [one.extra for one in rounds]
    per_stream_s = 1 / (streams * seconds)
    alone, server, nats = (
        statistics.median(values) * per_stream_s
        for values in (
            [one.alone_s for one in rounds],
            [one.clustered_s for one in rounds],
            [one.nats_s for one in rounds],
        )
    )
    return (
        f"measured: {statistics.median(extras):+.2%} (median of {len(extras)} rounds, "
        f"{min(extras):+.2%} to {max(extras):+.2%}; wanted: {ALLOWED:.0%} at most)\n"
        f"a stream takes {alone:.4f} of a core alone; "
        f"in a cluster {server:.4f}, and NATS {nats:.4f}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and keep what was found; 1 where it costs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path, default=RESULTS / "cluster_cost.json")
    chosen = parser.parse_args(arguments)
    circumstances = note_circumstances()
    rounds = asyncio.run(measure(chosen.streams, chosen.seconds, chosen.rounds))
    print(report(rounds, streams=chosen.streams, seconds=chosen.seconds))
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(circumstances), "rounds": [asdict(one) for one in rounds]}
    chosen.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 0 if statistics.median(one.extra for one in rounds) <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())

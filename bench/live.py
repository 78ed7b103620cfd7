"""Live streams on one machine: latencies, what they cost, and how many are carried.

The server runs in a process of its own; the clients are paced WebSockets in this one. Clips are
joined to minutes of speech, different for each stream, with pauses of 0.5 to 2 s. The other
systems get the same speech at the same pace in the same call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.live_report import describe_run, format_runs, format_shortfalls
from bench.live_runs import SPREAD_S, Conditions, LiveRun, run_ours
from bench.live_speech import Speeches
from bench.manifest import read_manifest
from bench.server_process import ROOT
from scribewire.testing.capacity import CapacitySearch

ADMIT_ALL = {"SCRIBEWIRE_MAX_FINAL_LATENCY_MS": "0"}  # beyond capacity is what we want to see
LEAST_S = 60.0  # a slow growth of lag does not show in less


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for, print the tables, and write them as JSON."""
    options = _read(arguments)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"live: {error}")
    conditions = Conditions(
        mode=options.type,
        has_speakers=options.speakers,
        seconds=options.seconds,
        environment={**ADMIT_ALL, "SCRIBEWIRE_LOG_LEVEL": "error"},
    )
    speeches = Speeches(clips, seconds=options.seconds + SPREAD_S, mode=options.type)
    runs = asyncio.run(_measure(options, speeches, conditions))
    print(format_runs(runs))
    print(format_shortfalls(runs))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), "runs": [describe_run(run) for run in runs]}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="live", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--streams", type=_numbers, default=(), help="how many at once: 4 or 1,2,4")
    parser.add_argument(
        "--find-capacity", action="store_true", help="search the most streams that are carried"
    )
    parser.add_argument("--first", type=int, default=4, help="where the search begins")
    parser.add_argument("--trials", type=int, default=8, help="how long it may take")
    parser.add_argument("--seconds", type=float, default=60.0, help="in which all streams speak")
    parser.add_argument("--type", choices=("fast", "quality"), default="fast")
    parser.add_argument(
        "--speakers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether sessions ask for speakers, as they do unless told otherwise",
    )
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/live.json")
    return parser.parse_args(arguments)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


async def _measure(
    options: argparse.Namespace, speeches: Speeches, conditions: Conditions
) -> list[LiveRun]:
    runs = []
    for streams in options.streams:
        runs.append(await run_ours(streams, speeches, conditions))
        print(format_runs(runs[-1:]), flush=True, file=sys.stderr)
    if options.find_capacity:
        runs += await find_capacity(options, speeches, conditions)
    return runs


async def find_capacity(
    options: argparse.Namespace, speeches: Speeches, conditions: Conditions
) -> list[LiveRun]:
    """Search the largest number of streams that is carried; the last run is of that number."""
    search = CapacitySearch(first=options.first, most_trials=options.trials)
    runs = []
    while (streams := search.next_streams()) is not None:
        run = await run_ours(streams, speeches, conditions, is_compared=False)
        runs.append(run)
        search.receive(streams, is_carried=not run.shortfalls)
        print(format_runs([run]), flush=True, file=sys.stderr)
    print(f"carried: {search.carried} streams; too many: {search.refused}")
    return runs


if __name__ == "__main__":
    main()

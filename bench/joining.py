"""Live clients that all come within moments: how many are let in, and how late their finals are.

    python -m bench joining --manifest PATH --clients 16,20,24

Each number meets a server that has just started, with admission as it is when nobody sets it
otherwise. A client connects at its moment; let in, it speaks at once, in real time; refused, it
does not come again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.circumstances import note_circumstances
from bench.live_runs import measure
from bench.live_speech import Speech, Speeches
from bench.manifest import read_manifest
from bench.server_process import ROOT
from bench.table import NOTHING, format_table
from scribewire.capacity.latency import Latencies, Window, distribution
from scribewire.capacity.load import ENGLISH, Source, StreamRecord, run_joining
from scribewire.capacity.search import Shortfall, find_shortfalls, plan_starts
from scribewire.capacity.server_process import run_server_process
from scribewire.types import Mode
from scribewire.wishes import Wishes

EARLY_S = 10.0  # in which what was known of a stream's cost is least sure


@dataclass(frozen=True, slots=True, kw_only=True)
class JoiningRun:
    """So many clients that came to a fresh server, and how it went for those who were let in."""

    clients: int
    within_s: float
    """From the first to come to the last."""
    waits_ms: tuple[int, ...]
    """From coming to being let in, of each who was."""
    refusals: dict[str, int]
    """What the others were told, and how many of them."""
    latencies: Latencies
    """Of the utterances that ended while all who were let in spoke."""
    early: Latencies
    """Of those among them that ended in the first `EARLY_S`."""
    cores_used: float
    """By the server, on average, from the first to come to the last word."""
    shortfalls: tuple[Shortfall, ...]
    """Why those who were let in were not carried; empty when they were."""

    @property
    def let_in(self) -> int:
        """How many were."""
        return len(self.waits_ms)


def main(arguments: Sequence[str] | None = None) -> None:
    """Let each number of clients come, print the table, and write it as JSON."""
    options = _read(arguments)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"joining: {error}")
    speeches = Speeches(clips, seconds=options.seconds, mode=options.type)
    wishes = replace(ENGLISH, mode=options.type, speakers=options.speakers)
    runs: list[JoiningRun] = []
    try:
        for clients in options.clients:
            runs.append(asyncio.run(run(clients, speeches, wishes, within_s=options.within)))
            print(format_joining(runs[-1:]), file=sys.stderr, flush=True)
    finally:  # what took minutes is kept when the rest fails
        print(format_joining(runs))
        options.json.parent.mkdir(parents=True, exist_ok=True)
        document = {**asdict(note_circumstances()), "runs": [describe_joining(one) for one in runs]}
        options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="joining", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--clients", type=_numbers, default=(16,), help="how many: 16 or 16,20,24")
    parser.add_argument("--within", type=float, default=2.0, help="seconds in which all come")
    parser.add_argument("--seconds", type=float, default=60.0, help="that each of them speaks")
    parser.add_argument("--type", choices=("fast", "quality"), default="fast")
    parser.add_argument(
        "--speakers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether sessions ask for speakers, as they do unless told otherwise",
    )
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/joining.json")
    return parser.parse_args(arguments)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


async def run(clients: int, speeches: Speeches, wishes: Wishes, *, within_s: float) -> JoiningRun:
    """Let so many clients come to a fresh server."""
    chosen = speeches.first(clients)
    comes_s = plan_starts(clients, spread_s=within_s)
    sources = [Source(pcm=s.pcm, starts_s=at) for s, at in zip(chosen, comes_s, strict=True)]
    async with run_server_process() as server:
        before_s, began_s = await server.cpu_s(), time.perf_counter()
        records = await run_joining(replace(server.target, wishes=wishes), sources)
        wall_s, cpu_s = time.perf_counter() - began_s, await server.cpu_s() - before_s
    return judge(
        list(zip(sources, records, chosen, strict=True)),
        spoken_s=speeches.seconds,
        within_s=within_s,
        mode=wishes.mode,
        cores_used=cpu_s / wall_s,
    )


def judge(
    clients: Sequence[tuple[Source, StreamRecord, Speech]],
    *,
    spoken_s: float,
    within_s: float,
    mode: Mode,
    cores_used: float,
) -> JoiningRun:
    """Tell those who were let in from the others, and measure them until the first is silent."""
    let_in = [one for one in clients if one[1].sent_s]
    heard, said = [record for _, record, _ in let_in], [speech for _, _, speech in let_in]
    latencies = measure(heard, said, Window(0, spoken_s))
    return JoiningRun(
        clients=len(clients),
        within_s=within_s,
        waits_ms=tuple(round(1000 * (one.began_s - source.starts_s)) for source, one, _ in let_in),
        refusals=dict(Counter(one.failure for _, one, _ in clients if not one.sent_s)),
        latencies=latencies,
        early=measure(heard, said, Window(0, min(EARLY_S, spoken_s))),
        cores_used=cores_used,
        shortfalls=find_shortfalls(latencies, mode=mode) if let_in else (),
    )


def format_joining(runs: Sequence[JoiningRun]) -> str:
    """Return the table, and a line for each number that was refused or not carried."""
    header = [
        "clients, within s",
        "let in",
        "waited, ms",
        "last word to final, ms",
        f"in the first {EARLY_S:.0f} s",
        "partials every, ms",
        "cores used",
        "carried",
    ]
    lines = [
        f"{run.clients} clients: {line}"
        for run in runs
        for line in (
            *(f"{count} refused: {words}" for words, count in run.refusals.items()),
            *(one.what for one in run.shortfalls),
        )
    ]
    table = format_table(header, map(_row, runs))
    return "\n".join([table, "(median / 95th percentile / highest)", *lines])


def describe_joining(run: JoiningRun) -> dict[str, object]:
    """Return a run as JSON: every latency that was measured, and what they amount to."""
    found = distribution(run.latencies.speech_to_final_ms)
    early = distribution(run.early.speech_to_final_ms)
    return {
        **asdict(run),
        "let_in": run.let_in,
        "is_carried": bool(run.let_in) and not run.shortfalls,
        "speech_to_final": found and asdict(found),
        "early_speech_to_final": early and asdict(early),
        "partial_interval_ms": run.latencies.partial_interval_ms,
        "partial_coverage": run.latencies.partial_coverage,
    }


def _row(run: JoiningRun) -> list[str]:
    interval = run.latencies.partial_interval_ms
    carried = "no" if run.shortfalls else "yes"
    return [
        f"{run.clients}, {run.within_s:g}",
        str(run.let_in),
        _format(run.waits_ms),
        _format(run.latencies.speech_to_final_ms),
        _format(run.early.speech_to_final_ms),
        NOTHING if interval is None else str(interval),
        f"{run.cores_used:.2f}",
        carried if run.let_in else NOTHING,
    ]


def _format(values_ms: Sequence[int]) -> str:
    found = distribution(values_ms)
    if found is None:
        return NOTHING
    return f"{found.median:.0f} / {found.p95:.0f} / {found.max:.0f}"


if __name__ == "__main__":
    main()

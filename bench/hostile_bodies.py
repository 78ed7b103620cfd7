"""Bodies that make work for the event loop: how late finals of live sessions come beside them.

    python -m bench hostile_bodies --manifest PATH --sessions 2 --seconds 60

One server hears the same speech three times: undisturbed, beside everything of
`bench.hostile_pulls`, and undisturbed again, which tells what chance does. The same final is
compared with itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.circumstances import note_circumstances
from bench.hostile_pulls import hostile_bodies
from bench.live_runs import SPREAD_S, find_difference
from bench.live_speech import Speech, Speeches
from bench.manifest import read_manifest
from bench.server_process import ROOT
from bench.side_process import LONGEST_S, attack_beside
from bench.stream_sessions import SETTINGS
from bench.table import NOTHING, format_table
from scribewire.capacity.latency import Distribution, Window, distribution
from scribewire.capacity.load import Source, StreamRecord, run_load
from scribewire.capacity.search import plan_starts
from scribewire.capacity.server_process import ServerProcess, run_server_process
from scribewire.client import FinalResult

WANTED_MS: Final = 100.0
"""Later than undisturbed, at most."""


@dataclass(frozen=True, slots=True)
class Used:
    """Processor time of the server, in seconds."""

    cpu_s: float
    engine_cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One of the three, and what became of its finals."""

    name: str
    finals: int
    """Measured: those with words that end while all speak."""
    delay_ms: Distribution | None
    """From the end of the last word to the final, the endpoint's silence included."""
    later_ms: Distribution | None
    """The same final, compared with the first phase."""
    differing: tuple[str, ...]
    """The first final that is not as in the first phase, of each session that has one."""
    unfinished: int
    """Sessions that did not end well."""
    cpu_s: float
    """Of the server."""
    engine_cpu_s: float
    """Of that, what was spent inside models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What hostile bodies did to live sessions."""

    sessions: int
    seconds: float
    phases: tuple[Phase, ...]
    hostile: dict[str, int]
    """Sessions that pulled hostile bodies, and what they were told."""

    @property
    def is_good(self) -> bool:
        """Whether the disturbed finals were the same, and none came much later."""
        disturbed = self.phases[1]
        later = disturbed.later_ms
        is_same = not disturbed.differing and not disturbed.unfinished
        return is_same and later is not None and later.max <= WANTED_MS


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table, write all as JSON; the exit code says whether it is as wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench hostile_bodies")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/hostile_bodies.json")
    parser.add_argument("--only", choices=sorted(hostile_bodies()), help="one kind alone")
    options = parser.parse_args(arguments)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"hostile_bodies: {error}")
    speeches = Speeches(clips, seconds=options.seconds + SPREAD_S, mode="fast")
    chosen = speeches.first(options.sessions)
    report = asyncio.run(_measure(chosen, options.seconds, only=options.only))
    print(format_report(report))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), **asdict(report), "is_good": report.is_good}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 0 if report.is_good else 1


async def _measure(speeches: Sequence[Speech], seconds: float, *, only: str | None) -> Report:
    window = Window(SPREAD_S, seconds + SPREAD_S)
    async with run_server_process(SETTINGS) as server:
        runs = [await _speak(server, speeches)]
        paths = [only] if only else list(hostile_bodies())
        hostile = (server.url, server.key, str(LONGEST_S), *paths)
        async with attack_beside("bench.hostile_pulls", *hostile) as pulls:
            runs.append(await _speak(server, speeches))
            pulls.check_alive()
        runs.append(await _speak(server, speeches))
    names = ("undisturbed", "disturbed", "undisturbed again")
    return Report(
        sessions=len(speeches),
        seconds=seconds,
        phases=tuple(
            judge(name, records, runs[0][0], window, used=used)
            for name, (records, used) in zip(names, runs, strict=True)
        ),
        hostile=dict(pulls.counts),
    )


async def _speak(
    server: ServerProcess, speeches: Sequence[Speech]
) -> tuple[Sequence[StreamRecord], Used]:
    """Return what came of it, and what the server used meanwhile."""
    before = await server.usage()
    starts = plan_starts(len(speeches), spread_s=SPREAD_S)
    sources = [Source(pcm=one.pcm, starts_s=at) for one, at in zip(speeches, starts, strict=True)]
    records = await run_load(server.target, sources)
    after = await server.usage()
    used = Used(after.cpu_s - before.cpu_s, after.engine_cpu_s - before.engine_cpu_s)
    return records, used


def judge(
    name: str,
    records: Sequence[StreamRecord],
    undisturbed: Sequence[StreamRecord],
    window: Window,
    *,
    used: Used,
) -> Phase:
    """Measure the finals of one phase, and compare them with those of the first."""
    delays, usual = delays_of(records, window), delays_of(undisturbed, window)
    pairs = zip(records, undisturbed, strict=True)
    differences = (find_difference(one.finals, other.finals) for one, other in pairs)
    return Phase(
        name=name,
        finals=len(delays),
        delay_ms=distribution(list(delays.values())),
        later_ms=distribution([delays[one] - usual[one] for one in delays if one in usual]),
        differing=tuple(one for one in differences if one is not None),
        unfinished=sum(one.ended_s is None for one in records),
        cpu_s=round(used.cpu_s, 1),
        engine_cpu_s=round(used.engine_cpu_s, 1),
    )


def delays_of(records: Sequence[StreamRecord], window: Window) -> Mapping[tuple[int, int], float]:
    """Return the delay of each final in ms, by its session and how far into it was heard."""
    delays = {}
    for session, record in enumerate(records):
        for arrival in record.arrivals:
            result = arrival.result
            if not isinstance(result, FinalResult) or not result.words:
                continue
            said_s = record.spoken_s(result.words[-1].end_ms)
            if window.holds(said_s):
                delays[session, result.offset_ms] = 1000 * (arrival.at_s - said_s)
    return delays


def format_report(report: Report) -> str:
    """Return the table, and a line for each thing that hostile sessions were told."""
    header = [
        "",
        "finals",
        "last word to final, ms",
        "later than at first, ms",
        "other",
        "cpu, s",
        "in models",
    ]
    rows = [
        [
            phase.name,
            str(phase.finals),
            _format(phase.delay_ms),
            _format(phase.later_ms),
            str(len(phase.differing) + phase.unfinished),
            f"{phase.cpu_s:.1f}",
            f"{phase.engine_cpu_s:.1f}",
        ]
        for phase in report.phases
    ]
    notes = [f"{name}: {count}" for name, count in report.hostile.items()]
    legend = (
        "(median / 95th percentile / highest; other: sessions heard otherwise, or not to the end)"
    )
    return "\n".join([format_table(header, rows), legend, *notes])


def _format(found: Distribution | None) -> str:
    if found is None:
        return NOTHING
    return f"{found.median:.0f} / {found.p95:.0f} / {found.max:.0f}"

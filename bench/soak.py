"""An hour of mixed sessions on one server: what it holds stays as it is, and nothing goes wrong.

    python -m bench soak --manifest PATH --minutes 60 --output soak.json --plot soak.png

Short and long sessions in real time, streams that the server pulls, and rude clients
(`bench.soak_rudeness`), each lane one session after the other by a seed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.circumstances import note_circumstances
from bench.manifest import Clip, read_manifest
from bench.observability_cost import read_page
from bench.server_process import ROOT
from bench.soak_server import ENDED_WELL, SoakedServer, run_soaked_server
from bench.soak_sessions import Soaking, prepare
from bench.soak_verdicts import (
    MOST_KEPT,
    Report,
    Sample,
    count_warnings,
    count_ways,
    find_log_errors,
    is_expected,
    judge_levels,
    lanes_of,
    lateness_of,
    settling_of,
    unexpected_of,
)
from bench.table import format_table
from tests.parts.origin import run_origin

SAMPLED_S: Final = 5.0
METRICS_READ_S: Final = 15.0  # as Prometheus does
MOST_SAMPLES: Final = 720  # that are written


def main(arguments: list[str]) -> int:
    """Soak, print a table, write JSON and the picture; 1 when it was not passed."""
    parser = argparse.ArgumentParser(prog="python -m bench soak")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--sessions", type=int, default=6, help="at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--plot", type=Path, help="where the picture goes, as .png")
    options = parser.parse_args(arguments)
    about = {**asdict(note_circumstances()), "git": _git_head(), "seed": options.seed}
    soaking = _soak(
        read_manifest(options.manifest),
        seconds=options.minutes * 60,
        sessions=options.sessions,
        seed=options.seed,
    )
    report = asyncio.run(soaking)
    print(format_report(report))
    document = {**about, **asdict(report), "faults": report.faults}
    if options.output is not None:
        options.output.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    if options.plot is not None:
        from bench.soak_plot import plot_soak  # noqa: PLC0415 - of the bench set alone

        plot_soak(document, options.plot)
    return 1 if report.faults else 0


async def _soak(clips: Sequence[Clip], *, seconds: float, sessions: int, seed: int) -> Report:
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="scribewire-soak-") as name:
        folder = Path(name)
        (folder / "origin").mkdir()
        async with _ended_by_sigterm(), run_origin(folder / "origin") as origin:
            material = prepare(clips, origin, seconds)
            async with run_soaked_server(folder) as server:
                began_at = time.monotonic()
                soaking = Soaking(
                    server.target, material, lambda: time.monotonic() - began_at, seconds
                )
                await _run_lanes(server, soaking, samples, sessions=sessions, seed=seed)
            booked_sessions, booked_minutes = await server.sessions_booked()
        log = server.log.read_text("utf-8", "replace").splitlines()
    unexpected = unexpected_of(soaking.outcomes) + find_log_errors(log)
    if server.process.returncode != ENDED_WELL:
        unexpected.append(f"the server ended with {server.process.returncode}")
    outcomes = soaking.outcomes
    return Report(
        minutes=round(seconds / 60, 2),
        sessions=sessions,
        settling_minutes=round(settling_of(seconds) / 60, 2),
        counts=count_ways(outcomes),
        finals=sum(one.finals for one in outcomes),
        differing=tuple(one.difference for one in outcomes if one.difference)[:MOST_KEPT],
        unexpected_count=len(unexpected),
        unexpected=tuple(words[:1000] for words in unexpected[:MOST_KEPT]),
        levels=tuple(judge_levels(samples, seconds)),
        lateness=tuple(lateness_of(outcomes)),
        warnings=dict(count_warnings(log).most_common(MOST_KEPT)),
        booked_sessions=booked_sessions,
        booked_minutes=round(booked_minutes, 1),
        samples=tuple(samples[:: len(samples) // MOST_SAMPLES + 1]),
    )


async def _run_lanes(
    server: SoakedServer, soaking: Soaking, samples: list[Sample], *, sessions: int, seed: int
) -> None:
    beside = (_watch(server, soaking, samples), _read_metrics(server), _tell(soaking, samples))
    watching = [asyncio.create_task(one) for one in beside]
    async with asyncio.TaskGroup() as group:
        for number, kind in enumerate(lanes_of(sessions)):
            group.create_task(soaking.run_lane(kind, seed * 1000 + number))
    for task in watching:
        task.cancel()
    ended = await asyncio.gather(*watching, return_exceptions=True)
    for one in ended:
        if isinstance(one, Exception):  # what was not watched was not shown
            raise one


async def _watch(server: SoakedServer, soaking: Soaking, samples: list[Sample]) -> None:
    while True:
        await asyncio.sleep(min(SAMPLED_S, soaking.seconds / 60))
        samples.append(server.sample(soaking.clock()))


async def _read_metrics(server: SoakedServer) -> None:
    while True:
        page = await read_page(server.metrics_port)
        assert " 200 " in page.splitlines()[0], page[:200]
        await asyncio.sleep(METRICS_READ_S)


async def _tell(soaking: Soaking, samples: Sequence[Sample]) -> None:
    """Say each minute how far it is."""
    while True:
        await asyncio.sleep(60)
        held, done = samples[-1], soaking.outcomes
        wrong = sum(not is_expected(one) for one in done)
        print(
            f"{soaking.clock() / 60:.0f} min: {len(done)} sessions, {wrong} unexpected, "
            f"{held.rss_mb:.0f} MB, {held.threads} threads, {held.processes} processes, "
            f"{held.descriptors} descriptors",
            file=sys.stderr,
            flush=True,
        )


@contextlib.asynccontextmanager
async def _ended_by_sigterm() -> AsyncIterator[None]:
    """End as on Ctrl-C, and so take the server along."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def _git_head() -> str | None:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def format_report(report: Report) -> str:
    """Return the tables, what was unexpected, and the verdict."""
    sessions = [
        (act, str(sum(ways.values())), ", ".join(f"{way}: {n}" for way, n in ways.items()))
        for act, ways in report.counts.items()
    ]
    levels = [
        (
            one.field,
            f"{one.early:g}",
            f"{one.late:g}",
            f"{one.late - one.early:+.1f}",
            f"{one.may_rise:.1f}",
        )
        for one in report.levels
    ]
    late = [
        (f"{one.from_minute:g}", str(one.finals), str(one.p50_ms), str(one.p95_ms))
        for one in report.lateness
    ]
    verdict = "passed" if not report.faults else "not passed: " + "; ".join(report.faults)
    return "\n".join(
        [
            format_table(("session", "count", "ended"), sessions),
            "",
            format_table(("held, median", "early", "late", "rise", "may rise"), levels),
            "",
            format_table(("from minute", "finals", "p50 ms", "p95 ms"), late),
            "",
            f"{report.finals} finals, {len(report.differing)} sessions that differ",
            f"booked: {report.booked_sessions} sessions, {report.booked_minutes:g} minutes",
            f"warnings of the log: {report.warnings or 'none'}",
            f"unexpected: {report.unexpected_count}",
            *report.unexpected[:10],
            verdict,
        ]
    )

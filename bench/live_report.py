"""Tables and JSON of loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from bench.live_runs import LiveRun
from bench.table import NOTHING, format_table
from scribewire.capacity.latency import Distribution, distribution

MEASURES = {
    "first partial": "first_partial_ms",
    "word to partial": "word_to_partial_ms",
    "final latency": "final_ms",
    "speech to final": "speech_to_final_ms",
    "lag at the end": "end_lags_ms",
    "sent late": "late_sends_ms",
}


def format_runs(runs: Sequence[LiveRun]) -> str:
    """Return one table with a column for each run."""
    header = ["ms: median / p95 / p99 / max", *(f"{run.system} {run.streams}" for run in runs)]
    rows = [
        [name, *(_format_distribution(_distribution(run, field)) for run in runs)]
        for name, field in MEASURES.items()
    ]
    rows += [
        [name, *(cells[index] for cells in map(_cells, runs))]
        for index, name in enumerate(_CELL_NAMES)
    ]
    return format_table(header, rows)


def format_shortfalls(runs: Sequence[LiveRun]) -> str:
    """Return a line for each run that says whether it was carried, or why not."""
    return "\n".join(
        f"{run.system}, {run.streams} streams: "
        + ("; ".join(one.what for one in run.shortfalls) or "carried")
        for run in runs
    )


def describe_run(run: LiveRun) -> dict[str, object]:
    """Return a run as JSON: every latency that was measured, and what they amount to."""
    latencies, growth = run.latencies, run.latencies.lag_growth
    return {
        **asdict(run),
        "is_carried": not run.shortfalls,
        "partial_interval_ms": latencies.partial_interval_ms,
        "partial_coverage": latencies.partial_coverage,
        "lag_growth_ms_per_s": growth and asdict(growth),
        "distributions": {
            field: found and asdict(found)
            for field in MEASURES.values()
            if (found := _distribution(run, field)) or True
        },
    }


_CELL_NAMES = (
    "partial interval, ms",
    "partials for long speech",
    "lag growth, ms/s",
    "finals (elsewhere, disordered)",
    "streams that failed",
    "CPU-s per audio-s, server",
    "CPU-s per audio-s, clients",
    "CPU outside the engines",
    "peak RSS, MB",
    "word error, %",
    "streams that differ from alone",
)


def _cells(run: LiveRun) -> list[str]:
    latencies, growth = run.latencies, run.latencies.lag_growth
    differing = run.differing_streams
    return [
        _or_nothing(latencies.partial_interval_ms, "{:.0f}"),
        _or_nothing(latencies.partial_coverage, "{:.1%}"),
        _or_nothing(None if growth is None else growth.value, "{:+.1f}"),
        f"{latencies.finals} ({latencies.unmatched_finals}, {latencies.disordered_finals})",
        str(latencies.unfinished),
        f"{run.cpu_s_per_audio_s:.3f}",
        _or_nothing(run.client_cpu_s_per_audio_s, "{:.4f}"),
        _or_nothing(run.outside_engines, "{:.1%}"),
        f"{run.peak_rss_bytes / 1e6:.0f}",
        f"{100 * run.words.errors / max(1, run.words.words):.2f}",
        NOTHING if differing is None else f"{len(differing)} of {run.streams}",
    ]


def _distribution(run: LiveRun, field: str) -> Distribution | None:
    return distribution(getattr(run.latencies, field))


def _format_distribution(found: Distribution | None) -> str:
    if found is None:
        return NOTHING
    return f"{found.median:.0f} / {found.p95:.0f} / {found.p99:.0f} / {found.max:.0f}"


def _or_nothing(value: float | None, form: str) -> str:
    return NOTHING if value is None else form.format(value)

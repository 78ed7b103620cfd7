"""Overload on purpose: twice the capacity for a minute, then half of the clients leave."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.live_runs import SPREAD_S, Conditions, measure
from bench.live_speech import Speeches
from bench.table import format_table
from scribewire.capacity.latency import Distribution, Latencies, Window, distribution
from scribewire.capacity.load import Source, StreamRecord, run_load
from scribewire.capacity.search import plan_starts
from scribewire.capacity.server_process import ServerProcess, run_server_process
from scribewire.client import FinalResult

CALM_S = 30.0  # after half have left: ten to recover, twenty to show it
RECOVERY_S = 10.0
LAG_MS = 500
SAMPLED_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What an overload has shown."""

    streams: int
    leaves_s: float
    """When half of them left."""
    overloaded: Latencies
    """While all spoke."""
    recovering: Latencies
    """In the ten seconds after half had left."""
    recovered: Latencies
    """From then on."""
    streams_in_order: int
    """Whose finals came in order, none missing of those that the same audio gives alone."""
    rss_bytes: tuple[int, ...]
    """Of the server, once a second."""


async def run_drill(capacity: int, speeches: Speeches, conditions: Conditions) -> Drill:
    """Load a server that refuses nobody with twice `capacity`; `speeches` last longer than that."""
    streams = 2 * capacity
    chosen = speeches.first(streams)
    starts = plan_starts(streams, spread_s=SPREAD_S)
    leaves_s = SPREAD_S + conditions.seconds
    sources = [
        Source(pcm=speech.pcm, starts_s=at, leaves_s=leaves_s if number % 2 else None)
        for number, (speech, at) in enumerate(zip(chosen, starts, strict=True))
    ]
    async with run_server_process(conditions.environment) as server:
        target = replace(server.target, wishes=conditions.wishes)
        rss_bytes: list[int] = []
        watching = asyncio.create_task(_watch(server, rss_bytes))
        records = await run_load(target, sources)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    alone = await speeches.finals_alone(
        streams, speakers=conditions.wishes.speakers, environment=conditions.environment
    )
    end_s = leaves_s + CALM_S
    return Drill(
        streams=streams,
        leaves_s=leaves_s,
        overloaded=measure(records, chosen, Window(starts[-1], leaves_s)),
        recovering=measure(records, chosen, Window(leaves_s, leaves_s + RECOVERY_S)),
        recovered=measure(records, chosen, Window(leaves_s + RECOVERY_S, end_s)),
        streams_in_order=sum(map(has_all_in_order, records, alone)),
        rss_bytes=tuple(rss_bytes),
    )


def has_all_in_order(record: StreamRecord, alone: Sequence[FinalResult]) -> bool:
    """Tell whether a stream got what it gets alone: all of it, or all until it left.

    A final without text only takes back a partial, so it comes where a partial was shown.
    """
    heard, owed = ([final for final in finals if final.text] for finals in (record.finals, alone))
    return heard == (owed if record.ended_s is not None else owed[: len(heard)])


def format_drill(drill: Drill) -> str:
    """Return the table of the three parts, and what was wanted."""
    parts = (drill.overloaded, drill.recovering, drill.recovered)
    rows = [
        ["final latency", *(_format(distribution(part.final_ms)) for part in parts)],
        ["speech to final", *(_format(distribution(part.speech_to_final_ms)) for part in parts)],
        ["partial interval", *(str(part.partial_interval_ms) for part in parts)],
    ]
    table = format_table(
        [f"{drill.streams} streams, ms", "overloaded", "10 s after half left", "later"], rows
    )
    worst = max(drill.recovered.final_ms, default=None)
    every = max(1, len(drill.rss_bytes) // 8)
    rss = [f"{value / 1e6:.0f}" for value in drill.rss_bytes[::every]]
    return "\n".join(
        [
            table,
            f"all finals, in order: {drill.streams_in_order} of {drill.streams} streams",
            f"final latency from 10 s after half left: at most {worst} ms; wanted {LAG_MS}",
            f"RSS in MB: {' '.join(rss)}",
        ]
    )


async def _watch(server: ServerProcess, rss_bytes: list[int]) -> None:
    while True:
        rss_bytes.append((await server.usage()).rss_bytes)
        await asyncio.sleep(SAMPLED_S)


def _format(found: Distribution | None) -> str:
    if found is None:
        return "-"
    return f"{found.median:.0f} / {found.p95:.0f} / {found.max:.0f}"

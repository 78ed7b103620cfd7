"""The abuse drill: what live sessions notice of all that a network can do to their server.

    python -m bench abuse --manifest PATH --output abuse.json

Two runs of the same speech, each on a fresh server: undisturbed, and with everything that
`bench.abusers` does from the tenth second to the end of the speech. Then the server has ten seconds
to give back what it took.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.floods import FLOOD_AT_S, in_mb, p95_of, sources_of
from bench.live_runs import SPREAD_S, find_difference
from bench.live_speech import Speech, Speeches
from bench.manifest import read_manifest
from bench.side_process import LONGEST_S, SideProcess, attack_beside
from bench.table import format_table
from scribewire.capacity.latency import Window
from scribewire.capacity.load import StreamRecord, push, run_load
from scribewire.capacity.server_process import ADMIT_ALL, ServerProcess, run_server_process
from scribewire.types import SAMPLE_RATE

MOST_P95_MS = 1500.0
SETTLED_S = 10.0  # by when what was taken is to be given back
LOOK_S = 0.25
SPARE_MB = 32.0  # what memory may differ by between two runs of the same speech
OF_READERS = {  # those that never read are to be seen to go within the drill
    "SCRIBEWIRE_UNREAD_TIMEOUT_MS": "5000",
    "SCRIBEWIRE_MAX_UNREAD_BYTES": "16384",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the server's process holds."""

    rss_mb: float
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run has shown."""

    p95_ms: float | None
    """From the end of the last word to the final, the endpoint's silence included."""
    unfinished: int
    """Sessions that did not end well."""
    finals: int
    cpu_s: float
    """Of the server, from its start to the end of the load."""
    before: Held
    """Of a server that has served one session."""
    most: Held
    """The most of each."""
    after: Held
    """Once ten seconds have passed; of memory the least in these."""
    settled_s: float | None
    """From the end of everything until descriptors and threads were back; None: they were not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The drill."""

    sessions: int
    seconds: float
    scale: float
    """1: as much abuse as the drill asks for."""
    undisturbed: Run
    abused: Run
    differing: tuple[str, ...]
    """The first final that is not as it is undisturbed, of each session that has one."""
    abuse: dict[str, int]
    """What the abusers have counted."""

    @property
    def faults(self) -> list[str]:
        """Why the drill was not passed; nothing when it was."""
        abused, calm = self.abused, self.undisturbed
        found = {
            f"p95 over {MOST_P95_MS:g} ms": abused.p95_ms is None or abused.p95_ms > MOST_P95_MS,
            "sessions that did not end well": abused.unfinished > 0,
            "finals that differ": bool(self.differing),
            "descriptors or threads not given back": abused.settled_s is None,
            "memory not given back": abused.after.rss_mb > calm.after.rss_mb + SPARE_MB,
        }
        return [words for words, is_so in found.items() if is_so]


def main(arguments: list[str]) -> int:
    """Run both, print a table, write the report as JSON; 1 when the drill was not passed."""
    parser = argparse.ArgumentParser(prog="python -m bench abuse")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    clips = read_manifest(options.manifest)
    speeches = Speeches(clips, seconds=options.seconds + SPREAD_S, mode="fast")
    report = asyncio.run(
        measure_abuse(speeches.first(options.sessions), options.seconds, options.scale)
    )
    print(format_report(report))
    if options.output is not None:
        written = json.dumps({**asdict(report), "faults": report.faults}, indent=2)
        options.output.write_text(written + "\n", "utf-8")
    return 1 if report.faults else 0


async def measure_abuse(speeches: Sequence[Speech], seconds: float, scale: float) -> Report:
    """Run the same speech undisturbed and abused."""
    window = Window(FLOOD_AT_S, seconds + SPREAD_S)
    calm, calm_run, _ = await _run(speeches, window, scale=None)
    abused, abused_run, counts = await _run(speeches, window, scale=scale)
    pairs = zip(abused, calm, strict=True)
    differences = (find_difference(one.finals, other.finals) for one, other in pairs)
    return Report(
        sessions=len(speeches),
        seconds=seconds,
        scale=scale,
        undisturbed=calm_run,
        abused=abused_run,
        differing=tuple(one for one in differences if one is not None),
        abuse=counts,
    )


async def _run(
    speeches: Sequence[Speech], window: Window, *, scale: float | None
) -> tuple[Sequence[StreamRecord], Run, dict[str, int]]:
    """Load a fresh server; with a scale, abuse it meanwhile."""
    environment = {**ADMIT_ALL, **OF_READERS}
    async with run_server_process(environment) as server:
        await push(server.target, bytes(2 * SAMPLE_RATE))
        before = await _hold(server)
        seen = [before]
        watching = asyncio.create_task(_watch(server, seen))
        loading = asyncio.create_task(run_load(server.target, sources_of(speeches)))
        await asyncio.sleep(FLOOD_AT_S)
        async with contextlib.AsyncExitStack() as beside:
            abusers = None if scale is None else await _start_abuse(server, scale, beside)
            records = await loading
            if abusers is not None:
                abusers.check_alive()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        cpu_s = (await server.usage()).cpu_s
        settled_s, after = await _settle(server, before)
    run = Run(
        p95_ms=p95_of(records, speeches, window),
        unfinished=sum(one.ended_s is None for one in records),
        finals=sum(len(one.finals) for one in records),
        cpu_s=round(cpu_s, 1),
        before=before,
        most=Held(
            rss_mb=max(one.rss_mb for one in seen),
            descriptors=max(one.descriptors for one in seen),
            threads=max(one.threads for one in seen),
        ),
        after=after,
        settled_s=settled_s,
    )
    return records, run, {} if abusers is None else dict(abusers.counts)


async def _start_abuse(
    server: ServerProcess, scale: float, beside: contextlib.AsyncExitStack
) -> SideProcess:
    address = urlsplit(server.url)
    where = (str(address.hostname), str(address.port), str(LONGEST_S), str(scale))
    abusing = attack_beside("bench.abusers", *where, environment={"ABUSERS_KEY": server.key})
    return await beside.enter_async_context(abusing)


async def _watch(server: ServerProcess, seen: list[Held]) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        seen.append(await _hold(server))


async def _settle(server: ServerProcess, before: Held) -> tuple[float | None, Held]:
    """Wait until what was taken may be back; tell when descriptors and threads were.

    Of memory the least counts: allocators give it back in steps, at some time.
    """
    began_at, settled_s, least_mb = time.monotonic(), None, float("inf")
    while True:
        held = await _hold(server)
        took_s = time.monotonic() - began_at
        least_mb = min(least_mb, held.rss_mb)
        is_back = held.descriptors <= before.descriptors and held.threads <= before.threads
        if is_back and settled_s is None:
            settled_s = round(took_s, 2)
        if took_s > SETTLED_S:
            return settled_s, replace(held, rss_mb=least_mb)
        await asyncio.sleep(LOOK_S)


async def _hold(server: ServerProcess) -> Held:
    process = Path(f"/proc/{server.process.pid}")
    return Held(
        rss_mb=in_mb((await server.usage()).rss_bytes),
        descriptors=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
    )


def format_report(report: Report) -> str:
    """Return the table, what the abusers have counted, and the verdict."""
    runs = (("undisturbed", report.undisturbed), ("abused", report.abused))
    header = ("", "p95 ms", "unfinished", "finals", "cpu s", "rss MB", "fds", "threads", "back s")
    rows = [
        (
            name,
            f"{run.p95_ms}",
            str(run.unfinished),
            str(run.finals),
            f"{run.cpu_s}",
            f"{run.before.rss_mb} {run.most.rss_mb} {run.after.rss_mb}",
            f"{run.before.descriptors} {run.most.descriptors} {run.after.descriptors}",
            f"{run.before.threads} {run.most.threads} {run.after.threads}",
            "-" if run.settled_s is None else f"{run.settled_s}",
        )
        for name, run in runs
    ]
    counted = [f"{count:>8}  {name}" for name, count in sorted(report.abuse.items())]
    verdict = "passed" if not report.faults else "not passed: " + "; ".join(report.faults)
    return "\n".join([format_table(header, rows), "", *counted, *report.differing, "", verdict])

"""Floods without a key beside live sessions: what they cost those who have one.

    python -m bench floods --manifest PATH --sessions 4 --seconds 60

Two runs of the same speech, each on a fresh server: undisturbed, and with everything that
`bench.flooders` does from the tenth second to the end, the server's own end included.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.live_runs import SPREAD_S, find_difference, measure
from bench.live_speech import Speech, Speeches
from bench.manifest import read_manifest
from bench.side_process import LONGEST_S, attack_beside
from scribewire.capacity.latency import Window, distribution
from scribewire.capacity.load import ENGLISH, Source, StreamRecord, run_load
from scribewire.capacity.search import plan_starts
from scribewire.capacity.server_process import ServerProcess, run_server_process
from scribewire.client import Client, ClientError, FinalResult, connect

FLOOD_AT_S = 10.0
PROBE_INTERVAL_S = 2.0
PROBE_PATIENCE_S = 5.0
SAMPLED_S = 0.25
LAST_WORDS_S = 8.0
END_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the floods did."""

    sessions: int
    seconds: float
    undisturbed_p95_ms: float | None
    """From the end of the last word to the final, the endpoint's silence included."""
    flooded_p95_ms: float | None
    unfinished: int
    """Sessions that did not end well in the flood."""
    finals: int
    differing: tuple[str, ...]
    """The first final that is not as it is undisturbed, of each session that has one."""
    undisturbed_cpu_s: float
    """Of the server, from its start to the last final of the load."""
    flooded_cpu_s: float
    undisturbed_rss_before_mb: float
    undisturbed_rss_peak_mb: float
    """Of the same times without the flood: what recognition takes and gives back by itself."""
    rss_before_mb: float
    """Just before the flood, with all sessions there."""
    rss_peak_mb: float
    rss_after_mb: float
    drain_s: float
    """From the last final to the end of the process, flooded to its end."""
    last_finals: int
    """Of the session that was there when the server was told to end."""
    probes: int
    """Clients with a key that came during the flood."""
    probes_refused: tuple[str, ...]
    probe_max_ms: float
    """From connecting to the server's last word, of the slowest of them."""
    flood: dict[str, int]
    """What the flooders have counted."""


@dataclass
class _Flooded:
    """What is collected of a run, from the moment on at which the flood begins or would."""

    rss_bytes: list[int] = field(default_factory=list)
    before_bytes: int = 0
    probe_ms: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    drain_s: float = 0.0
    last_finals: int = 0
    counts: dict[str, int] = field(default_factory=dict)


def main(arguments: list[str]) -> int:
    """Run both, print the report as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench floods")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args(arguments)
    clips = read_manifest(options.manifest)
    speeches = Speeches(clips, seconds=options.seconds + SPREAD_S, mode="fast")
    report = asyncio.run(_measure(speeches.first(options.sessions), options.seconds))
    print(json.dumps(asdict(report), indent=2))
    return 0


async def _measure(speeches: Sequence[Speech], seconds: float) -> Report:
    calm, calm_found = await _run_undisturbed(speeches)
    flooded, found = await _run_flooded(speeches)
    window = Window(FLOOD_AT_S, seconds + SPREAD_S)
    pairs = zip(flooded, calm, strict=True)
    differences = (find_difference(one.finals, other.finals) for one, other in pairs)
    return Report(
        sessions=len(speeches),
        seconds=seconds,
        undisturbed_p95_ms=p95_of(calm, speeches, window),
        flooded_p95_ms=p95_of(flooded, speeches, window),
        unfinished=sum(one.ended_s is None for one in flooded),
        finals=sum(len(one.finals) for one in flooded),
        differing=tuple(one for one in differences if one is not None),
        undisturbed_cpu_s=round(calm_found.cpu_s, 1),
        flooded_cpu_s=round(found.cpu_s, 1),
        undisturbed_rss_before_mb=in_mb(calm_found.before_bytes),
        undisturbed_rss_peak_mb=in_mb(max(calm_found.rss_bytes)),
        rss_before_mb=in_mb(found.before_bytes),
        rss_peak_mb=in_mb(max(found.rss_bytes)),
        rss_after_mb=in_mb(found.rss_bytes[-1]),
        drain_s=round(found.drain_s, 2),
        last_finals=found.last_finals,
        probes=len(found.probe_ms) + len(found.refused),
        probes_refused=tuple(found.refused),
        probe_max_ms=round(max(found.probe_ms, default=0.0)),
        flood=found.counts,
    )


async def _run_undisturbed(speeches: Sequence[Speech]) -> tuple[Sequence[StreamRecord], _Flooded]:
    found = _Flooded()
    async with run_server_process() as server:
        loading = asyncio.create_task(run_load(server.target, sources_of(speeches)))
        await asyncio.sleep(FLOOD_AT_S)
        found.before_bytes = (await server.usage()).rss_bytes
        watching = asyncio.create_task(_watch(server, found))
        records = await loading
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        found.cpu_s = (await server.usage()).cpu_s
    return records, found


async def _run_flooded(speeches: Sequence[Speech]) -> tuple[Sequence[StreamRecord], _Flooded]:
    found = _Flooded()
    async with contextlib.AsyncExitStack() as running:
        server = await running.enter_async_context(run_server_process())
        loading = asyncio.create_task(run_load(server.target, sources_of(speeches)))
        speaker = connect(server.url, key=server.key, **ENGLISH.fields())
        last = await running.enter_async_context(speaker)
        await asyncio.sleep(FLOOD_AT_S)
        found.before_bytes = (await server.usage()).rss_bytes
        address = urlsplit(server.url)
        where = (str(address.hostname), str(address.port), str(LONGEST_S))
        flooders = await running.enter_async_context(attack_beside("bench.flooders", *where))
        watching = [
            asyncio.create_task(one) for one in (_watch(server, found), _probe(server, found))
        ]
        records = await loading
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        usage = await server.usage()
        found.rss_bytes.append(usage.rss_bytes)
        found.cpu_s = usage.cpu_s
        flooders.check_alive()
        await last.send_audio(speeches[0].pcm[: int(LAST_WORDS_S * 32_000)])
        await anext(aiter(last))  # it is heard
        await _end_while_speaking(server, last, found)
    found.counts.update(flooders.counts)
    return records, found


async def _end_while_speaking(server: ServerProcess, last: Client, found: _Flooded) -> None:
    """End the server while somebody speaks; note the time from his last final."""
    assert server.process.stdin is not None
    server.process.stdin.close()
    last_at = time.monotonic()
    with contextlib.suppress(ClientError):
        async for message in last:
            if isinstance(message, FinalResult):
                found.last_finals += 1
                last_at = time.monotonic()
    async with asyncio.timeout(END_PATIENCE_S):
        await server.process.wait()
    found.drain_s = time.monotonic() - last_at


async def _watch(server: ServerProcess, found: _Flooded) -> None:
    while True:
        found.rss_bytes.append((await server.usage()).rss_bytes)
        await asyncio.sleep(SAMPLED_S)


async def _probe(server: ServerProcess, found: _Flooded) -> None:
    """Come with a key now and then, and see how long it takes until one is served."""
    while True:
        began_at = time.monotonic()
        try:
            await asyncio.wait_for(_come_and_go(server), PROBE_PATIENCE_S)
            found.probe_ms.append((time.monotonic() - began_at) * 1000)
        except (ClientError, TimeoutError) as error:
            found.refused.append(str(error) or "not answered in time")
        await asyncio.sleep(PROBE_INTERVAL_S)


async def _come_and_go(server: ServerProcess) -> None:
    async with connect(server.url, key=server.key, **ENGLISH.fields()) as client:
        await client.stop()
        async for _ in client:
            pass


def sources_of(speeches: Sequence[Speech]) -> list[Source]:
    """Return the load that says these, one after the other."""
    starts = plan_starts(len(speeches), spread_s=SPREAD_S)
    return [Source(pcm=one.pcm, starts_s=at) for one, at in zip(speeches, starts, strict=True)]


def p95_of(
    records: Sequence[StreamRecord], speeches: Sequence[Speech], window: Window
) -> float | None:
    """Return the time from the end of the last word to the final, 95th percentile, in ms."""
    found = distribution(measure(records, speeches, window).speech_to_final_ms)
    return None if found is None else round(found.p95)


def in_mb(count: int) -> float:
    """Return bytes in megabytes, for a report."""
    return round(count / 1e6, 1)

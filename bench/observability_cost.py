"""What metrics and logs cost: the same speech to two servers, one of which counts and logs.

    python bench/observability_cost.py [--streams 16] [--seconds 60] [--rounds 4]

Two servers of the same build stand beside each other: one with metrics, which are read every 5 s,
and every log line as JSON; the other with neither. In each round both carry the same streams, one
after the other, in turn who begins. What a round costs differs by more than what is looked for, so
the answer is also reckoned: how many notes were taken and lines written, times what one of each
takes here by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import logging
import re
import secrets
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from scribewire.capacity.load import CHUNK_MS, Source, Target, run_load
from scribewire.capacity.monologue import Recording, join_recordings
from scribewire.capacity.search import plan_starts
from scribewire.capacity.trials import SPREAD_S, find_recordings
from scribewire.cli.logs import configure_logs
from scribewire.engines.silero import SileroVad
from scribewire.log_line import LogLine
from scribewire.models.catalog import SILERO_VAD
from scribewire.runtime.observer import CallNote
from scribewire.server.metrics.counters import Counters
from scribewire.testing.scripted import ScriptedEngine
from scribewire.wishes import USUAL

RESULTS = Path(__file__).parent / "results"
READ_S = 5.0  # Prometheus reads every 15 s, as we configure it
OBSERVED = ("--metrics-port", "0", "--log-level", "debug", "--log-format", "json")
UNOBSERVED = ("--log-level", "error")
REPEATS = 20_000


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs, and where it writes its log."""

    target: Target
    pid: int
    log: Path

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        import psutil  # noqa: PLC0415 - of the bench set alone

        spent = psutil.Process(self.pid).cpu_times()
        return float(spent.user + spent.system)

    def lines(self) -> list[str]:
        """Return what it has logged."""
        return self.log.read_text("utf-8").splitlines()


@dataclass(frozen=True, slots=True)
class Round:
    """Processor time of the same streams at both servers, in seconds."""

    observed_s: float
    unobserved_s: float

    @property
    def extra(self) -> float:
        """What observing costs, as a part of the rest."""
        return self.observed_s / self.unobserved_s - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """What was done for observing, and what each takes by itself."""

    notes: int
    note_s: float
    lines: int
    line_s: float
    reads: int
    read_s: float

    def share_of(self, cpu_s: float) -> float:
        """Return what all of it is of so much processor time."""
        spent_s = self.notes * self.note_s + self.lines * self.line_s + self.reads * self.read_s
        return spent_s / cpu_s


@contextlib.asynccontextmanager
async def serve(folder: Path, name: str, *options: str) -> AsyncIterator[Server]:
    """Run a server with these options."""
    key, log = secrets.token_urlsafe(), folder / f"{name}.log"
    command = ("-m", "scribewire", "serve", "--port", "0", "--max-final-latency-ms", "0")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command, "--key", key, *options), stdout=PIPE, stderr=output
        )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        yield Server(Target(url=line.split()[1], key=key), process.pid, log)
    finally:
        process.terminate()
        await process.wait()


async def read_page(port: int) -> str:
    """Return what Prometheus would read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    page = (await reader.read()).decode()
    writer.close()
    return page


async def read_again_and_again(port: int) -> None:
    """As Prometheus does, but more often."""
    while True:
        await asyncio.sleep(READ_S)
        await read_page(port)


def count_notes(page: str) -> int:
    """Return how often something was noted, by what stands on the page; each call notes twice."""
    per_call = sum(
        map(float, re.findall(r"^scribewire_call_seconds_count\{.*\} (\S+)$", page, re.MULTILINE))
    )
    results = r"^scribewire_(?:partials|finals)_total\{.*\} (\S+)$"
    return round(per_call + sum(map(float, re.findall(results, page, re.MULTILINE))))


def time_one(do: Callable[[], object]) -> float:
    """Return what it takes, in seconds."""
    began_s = time.process_time()
    for _ in range(REPEATS):
        do()
    return (time.process_time() - began_s) / REPEATS


def time_note() -> float:
    """Return what the dearest note takes: that of an engine call."""
    counters, engine = Counters("en"), ScriptedEngine()
    counters.open_session("a", USUAL)

    def note() -> None:
        counters.note_call(
            CallNote(
                kind="final",
                speech=engine,
                waited_s=0.01,
                busy_s=0.1,
                is_ahead=False,
                has_failed=False,
            )
        )

    return time_one(note)


def time_line() -> float:
    """Return what a line of the log takes."""
    log = logging.getLogger("scribewire.session")
    with contextlib.redirect_stderr(io.StringIO()):
        configure_logs("debug", "json")
        line = LogLine("opened", "= open {path}", session="5e55" * 8, path="/v2/realtime")
        return time_one(lambda: log.info(line))


async def measure(streams: int, seconds: float, rounds: int) -> tuple[list[Round], Reckoned]:
    """Let both servers carry the same, in turn who begins."""
    vad = SileroVad.load(SILERO_VAD)
    recordings = find_recordings(vad)
    vad.close()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            serve(Path(folder), "observed", *OBSERVED) as observed,
            serve(Path(folder), "unobserved", *UNOBSERVED) as unobserved,
        ):
            log = observed.log.read_text("utf-8")
            port = int(re.findall(r'"url": "http://127.0.0.1:(\d+)/metrics"', log)[0])
            reading = asyncio.create_task(read_again_and_again(port))
            found = []
            for number in range(rounds):
                sources = plan(recordings, streams, seconds, seed=1000 * number)
                first, second = (observed, unobserved)[:: -1 if number % 2 else 1]
                spent = {one.pid: await carry(one, sources) for one in (first, second)}
                found.append(Round(spent[observed.pid], spent[unobserved.pid]))
                print(f"round {number + 1}: {found[-1].extra:+.2%}", file=sys.stderr)
            reading.cancel()
            chunks = round(streams * rounds * seconds * 1000 / CHUNK_MS)  # each notes its audio
            reckoned = await reckon(port, observed, chunks=chunks, wall_s=rounds * seconds)
    return found, reckoned


def plan(
    recordings: Sequence[Recording], streams: int, seconds: float, *, seed: int
) -> list[Source]:
    """Return what each stream says, and when it begins."""
    starts = plan_starts(streams, spread_s=SPREAD_S)
    speeches = [
        join_recordings(recordings, seconds=seconds, seed=seed + stream)
        for stream in range(streams)
    ]
    pairs = zip(speeches, starts, strict=True)
    return [Source(pcm=speech.pcm, starts_s=at) for speech, at in pairs]


async def carry(server: Server, sources: Sequence[Source]) -> float:
    """Return the processor time that a server takes for these streams."""
    before = server.cpu_s()
    failures = [one.failure for one in await run_load(server.target, sources) if one.failure]
    if failures:
        sys.exit(f"bench: a stream did not end well: {failures[0]}")
    return server.cpu_s() - before


async def reckon(port: int, server: Server, *, chunks: int, wall_s: float) -> Reckoned:
    """Return what has been done for observing, and time each part by itself."""
    page, lines = await read_page(port), len(server.lines())
    return Reckoned(
        notes=count_notes(page) + chunks,
        note_s=time_note(),
        lines=lines,
        line_s=time_line(),
        reads=round(wall_s / READ_S),
        read_s=await time_read(port, server),
    )


async def time_read(port: int, server: Server) -> float:
    """Return what the server takes to be read once."""
    before, times = server.cpu_s(), 50
    for _ in range(times):
        await read_page(port)
    return (server.cpu_s() - before) / times


def report(rounds: list[Round], reckoned: Reckoned) -> str:
    """Return the answer in two lines."""
    extras = [one.extra for one in rounds]
    total_s = sum(one.observed_s for one in rounds)
    measured = (
        f"measured: {statistics.median(extras):+.2%} (median of {len(extras)} rounds, "
        f"{min(extras):+.2%} to {max(extras):+.2%})"
    )
    told = (
        f"reckoned: {reckoned.share_of(total_s):.3%} of {total_s:.1f} CPU-seconds: "
        f"{reckoned.notes} notes of {reckoned.note_s * 1e6:.1f} us, "
        f"{reckoned.lines} lines of {reckoned.line_s * 1e6:.0f} us, "
        f"{reckoned.reads} reads of {reckoned.read_s * 1000:.1f} ms"
    )
    return f"{measured}\n{told}"


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=4)
    chosen = parser.parse_args(arguments)
    circumstances = note_circumstances()
    rounds, reckoned = asyncio.run(measure(chosen.streams, chosen.seconds, chosen.rounds))
    print(report(rounds, reckoned))
    RESULTS.mkdir(exist_ok=True)
    found = {
        **asdict(circumstances),
        "rounds": [asdict(one) for one in rounds],
        "reckoned": asdict(reckoned),
    }
    (RESULTS / "observability_cost.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""What `scale` has to know of a machine: measured here, and kept.

Engines are timed by processor time, so what else runs changes little; everything else by the clock,
and wants a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
import numpy as np
from nats.js.api import StreamConfig

from bench.admission import MEASURED as MACHINE
from bench.circumstances import note_circumstances
from bench.costs import Replay, read_stream
from bench.live_runs import OURS, SPREAD_S, Conditions, run_ours
from bench.live_speech import Speeches
from bench.manifest import SPEECH_GROUPS, Clip
from bench.metering import Meter
from bench.own_rules import own_rules
from bench.scale_inputs import LiveFigures, Measured
from bench.spoken import Spoken, load_spoken
from scribewire.capacity.load import ENGLISH
from scribewire.capacity.server_process import ADMIT_ALL, run_server_process
from scribewire.capacity.simulation import Machine
from scribewire.events import Final, Partial, TranscriptEvent
from scribewire.journal.entries import SessionPosition
from scribewire.journal.rows import write_final
from scribewire.keys.books import KeyBooks
from scribewire.keys.usage import KeyUsage, UsageBatch
from scribewire.protocol.results import as_result
from scribewire.protocol.scriptix.codec import serialise_server
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.rules import RecognizerRules
from scribewire.runtime.cores import available_cores
from scribewire.runtime.parcel import pack
from scribewire.types import SAMPLE_RATE, ms_to_samples
from tests.parts.nats_server import run_nats
from tests.parts.postgresql import run_postgresql

CHUNK_MS = 20
MESSAGES = 2000  # published at once
ROUNDS = 5
WRITERS = 8  # servers that write what they have counted, side by side
WRITE_S = 5.0
STARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """What engines take, and how large what they say is."""

    machine: Machine
    final_bytes: float
    position_bytes: float
    wire_final_bytes: float
    partial_bytes: float


def measure(
    clips: Sequence[Clip],
    *,
    seconds: float,
    live: Sequence[int],
    live_s: float,
    earlier: Path | None = None,
) -> Measured:
    """Measure everything; each part says on stderr that it begins.

    `earlier` is a JSON that `live` has written on a machine of this kind that did nothing else: its
    live streams count then, and what engines took at the time (`bench.admission`).
    """
    _say("engines")
    engines = measure_engines(clips, seconds)
    _say("starts")
    start_s = asyncio.run(measure_start())
    _say("NATS")
    publishes, publish_ms = measure_nats(int(engines.position_bytes))
    _say("PostgreSQL")
    batches = measure_database()
    machine, circumstances = engines.machine, asdict(note_circumstances())
    if earlier is None:
        runs = measure_live_streams(clips, live, live_s)
    else:
        machine, document = MACHINE, json.loads(earlier.read_text("utf-8"))
        runs, circumstances["live"] = read_live(document), document["date"]
    return Measured(
        machine=machine,
        outside_s=statistics.median(outside for _, outside in runs),
        start_s=start_s,
        final_bytes=engines.final_bytes,
        position_bytes=engines.position_bytes,
        partial_bytes=engines.partial_bytes,
        wire_final_bytes=engines.wire_final_bytes,
        publishes=publishes,
        publish_ms=publish_ms,
        batches=batches,
        live=tuple(figures for figures, _ in runs),
        circumstances=circumstances,
    )


def measure_live_streams(
    clips: Sequence[Clip], live: Sequence[int], seconds: float
) -> list[tuple[LiveFigures, float]]:
    """Return how each number of real sessions fared, and what the server did outside engines."""
    speeches = Speeches(clips, seconds=seconds + SPREAD_S, mode="fast")
    runs = []
    for streams in live:
        _say(f"{streams} live streams")
        runs.append(asyncio.run(measure_live(streams, speeches, seconds)))
    return runs


def read_live(document: Mapping[str, Any]) -> list[tuple[LiveFigures, float]]:
    """Return the same of what `live` has written; it had the machine for itself."""
    found = []
    for run in (one for one in document["runs"] if one["system"] == OURS):
        final = run["distributions"]["final_ms"]
        figures = LiveFigures(
            streams=run["streams"],
            final_p50=final["median"],
            final_p95=final["p95"],
            final_p99=final["p99"],
            partial_interval=run["partial_interval_ms"],
            clients=run["streams"] * run["client_cpu_s_per_audio_s"],
        )
        found.append((figures, run["cpu_s_per_audio_s"] * run["outside_engines"]))
    return sorted(found, key=lambda one: one[0].streams)


def measure_engines(clips: Sequence[Clip], seconds: float) -> Engines:
    """Replay a stream with partials and speakers, and count what each kind of call takes."""
    samples = read_stream(SPEECH_GROUPS[0].clips_of(clips), seconds)
    engines, meter = load_spoken(Spoken()), Meter()
    rules = own_rules(engines.speech[0], mode="fast", partials=True, speakers=True)
    recognizer = _Listening(rules)
    replay = Replay(recognizer, engines, meter, available_cores())
    with meter.installed():
        replay.play(samples, ms_to_samples(CHUNK_MS))
    engines.close()
    heard_s = len(samples) / SAMPLE_RATE
    finals = [final for final, _ in replay.finals]
    return Engines(
        machine=as_machine(meter, finals=len(finals), heard_s=heard_s),
        final_bytes=statistics.mean(len(write_final(one)) for one in finals),
        position_bytes=len(position_bytes()) + statistics.mean(recognizer.checkpoints),
        wire_final_bytes=_wire_bytes(finals),
        partial_bytes=_wire_bytes(recognizer.partials),
    )


def as_machine(meter: Meter, *, finals: int, heard_s: float) -> Machine:
    """Return what calls of each kind take, on average.

    Looks for changes of speaker are counted with the voice of each final.
    """
    taken: dict[str, float] = {}
    for (kind, _), spent in meter.parts.items():
        taken[kind] = taken.get(kind, 0.0) + spent.cpu_s
    partials = max(meter.parts["partial", "Python and numpy"].calls, 1)
    return Machine(
        workers=available_cores(),
        final_s=taken["final"] / finals,
        partial_s=taken.get("partial", 0.0) / partials,
        embedding_s=(taken.get("embedding", 0.0) + taken.get("turns", 0.0)) / finals,
        vad_s=taken["VAD"] / heard_s,
    )


class _Listening(Recognizer):
    """One that keeps the partials it has put out, and how large its checkpoints were."""

    def __init__(self, rules: RecognizerRules) -> None:
        super().__init__(rules)
        self.partials: list[Partial] = []
        self.checkpoints: list[int] = []

    def next_event(self) -> TranscriptEvent | None:
        event = super().next_event()
        if isinstance(event, Partial):
            self.partials.append(event)
            if (checkpoint := self.checkpoint()) is not None:
                self.checkpoints.append(len(pack(checkpoint)))
        return event


def position_bytes() -> bytes:
    """Return a position as large as one an hour into a session, without its checkpoint."""
    position = SessionPosition(
        at_ms=int(time.time() * 1000),
        received_bytes=115_200_000,
        replay_from_bytes=115_136_000,
        audio_ms=3_600_000,
        finals=720,
        settled_ms=3_598_000,
    )
    return repr(position).encode()


async def measure_start() -> float:
    """Return how long a server takes from its start until it lets in, the fastest of a few."""
    took = []
    for _ in range(STARTS):
        began_at = time.perf_counter()
        async with run_server_process():
            took.append(time.perf_counter() - began_at)
    return min(took)


def measure_nats(size: int) -> tuple[float, float]:
    """Return how many messages a stream on disk takes a second, and what one alone takes, ms."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_publish(Path(folder), bytes(size)))


async def _publish(folder: Path, payload: bytes) -> tuple[float, float]:
    async with run_nats(folder) as server:
        client = await nats.connect(server.url)
        stream = client.jetstream()
        await stream.add_stream(
            StreamConfig(name="scale", subjects=["scale.>"], max_msgs_per_subject=1)
        )
        alone, took = [], []
        for number in range(MESSAGES):
            began_at = time.perf_counter()
            await stream.publish(f"scale.alone.{number}", payload)
            alone.append(time.perf_counter() - began_at)
        for turn in range(ROUNDS):
            began_at = time.perf_counter()
            await asyncio.gather(
                *(stream.publish(f"scale.{turn}.{number}", payload) for number in range(MESSAGES))
            )
            took.append(time.perf_counter() - began_at)
        await client.close()
    return MESSAGES / statistics.median(took), 1000 * statistics.median(alone)


def measure_database() -> float:
    """Return how many servers' batches a second PostgreSQL writes, each as a server brings it."""
    with run_postgresql() as postgresql:
        books = KeyBooks.open(postgresql.new_database())
        ends_at = time.perf_counter() + WRITE_S
        with ThreadPoolExecutor(WRITERS) as pool:
            written = sum(pool.map(lambda number: _write(books, number, ends_at), range(WRITERS)))
        books.close()
    return written / WRITE_S


def _write(books: KeyBooks, number: int, ends_at: float) -> int:
    sequence, revision = 0, books.store.revision()
    while time.perf_counter() < ends_at:
        sequence += 1
        now = time.time()
        count = KeyUsage(
            key_id="scale",
            day=datetime.fromtimestamp(now, UTC).date(),
            audio_ms=1000,
            sessions=0,
        )
        batch = UsageBatch(
            writer_id=f"{number:032x}", sequence=sequence, at=int(now), counts=(count,)
        )
        books.synchronise(batch, revision=revision, now=now)
    return sequence


async def measure_live(
    streams: int, speeches: Speeches, seconds: float
) -> tuple[LiveFigures, float]:
    """Return how so many real sessions fared, and what the server did outside engines for one."""
    environment: Mapping[str, str] = ADMIT_ALL
    conditions = Conditions(wishes=ENGLISH, seconds=seconds, environment=environment)
    speeches.first(streams)  # made before the clock runs
    busy_s, own_s, began_at = busy_cores_s(), own_cpu_s(), time.perf_counter()
    run = await run_ours(streams, speeches, conditions, is_compared=False)
    took_s = time.perf_counter() - began_at
    others_s = busy_cores_s() - busy_s - (own_cpu_s() - own_s)
    p50, p95, p99 = np.percentile(run.latencies.final_ms, [50, 95, 99]).tolist()
    figures = LiveFigures(
        streams=streams,
        final_p50=p50,
        final_p95=p95,
        final_p99=p99,
        partial_interval=float(run.latencies.partial_interval_ms or 0),
        others=max(others_s / took_s, 0.0),
        clients=streams * (run.client_cpu_s_per_audio_s or 0.0),
    )
    return figures, run.cpu_s_per_audio_s * (run.outside_engines or 0.0)


def busy_cores_s(path: Path = Path("/proc/stat")) -> float:
    """Return how long cores of this machine have worked, whoever for; 0 where that is not told."""
    try:
        _name, *ticks = path.read_text("ascii").splitlines()[0].split()
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, *others = map(int, ticks[:8])
    return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")


def own_cpu_s() -> float:
    """Return what this process and those that it has waited for have used."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _wire_bytes(events: Sequence[Final | Partial]) -> float:
    return statistics.mean(len(serialise_server(as_result(one)).encode()) for one in events)


def _say(what: str) -> None:
    print(f"measuring {what}", file=sys.stderr, flush=True)

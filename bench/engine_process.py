"""An engine process beside threads of the server's own, and what a batching window does.

    python bench/engine_process.py [--only window|shared|exact] [--rounds 3] [--seconds 5]
                                   [--device cpu] [--language en]

`shared`: so many streams ask for finals of real speech without a break, of threads in this process
and of an engine process, in turn. `window`: batch_window.py. `exact`: whether finals that share a
batch are what each is alone, on the device, for models that decode in batches. No manifest: the
recording that comes with the default model is heard.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.batch_window import measure_windows, percentiles_ms
from bench.circumstances import note_circumstances
from bench.table import format_table
from scribewire.audio.local_decoder import read_audio
from scribewire.engines.engines import Engines
from scribewire.engines.loader import configured_engines
from scribewire.engines.on_demand import OnDemandEngine, load_engine
from scribewire.engines.protocols import BatchingEngine
from scribewire.models.cache import ModelCache
from scribewire.recognition.requests import FRAME_SAMPLES, DecodeRequest, VadRequest
from scribewire.runtime.observer import UNOBSERVED
from scribewire.runtime.shared_engine.engines import SharedEngines, shared_engines
from scribewire.runtime.shared_engine.link import EngineLink
from scribewire.runtime.threads import count_workers
from scribewire.server.run import prepare_process
from scribewire.server.scheduling import make_scheduler
from scribewire.settings import Settings
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.runtime.scheduler import Scheduler
    from scribewire.types import Samples

RESULTS = Path(__file__).parent / "results"
STREAMS = (1, 2, 4, 8)
FINAL_S = 4
VAD_FRAMES = 8  # a quarter of a second, as a request of a stream has
VAD_CALLS = 400
BATCH = 8
WAYS = ("threads", "engine process")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finals:
    """What one way carried with so many streams that ask without a break."""

    way: str
    streams: int
    per_s: float
    """Finals for each second."""
    latency_ms: tuple[float, float, float]
    """From being asked for to the answer: median, 95th and 99th percentile."""
    core_ms: float
    """Processor time of a final, of both processes."""


def pieces_of(samples: Samples, seconds: int = FINAL_S, step_s: float = 0.5) -> list[Samples]:
    """Return overlapping pieces of one length."""
    size, step = seconds * SAMPLE_RATE, int(step_s * SAMPLE_RATE)
    return [samples[at : at + size] for at in range(0, samples.size - size, step)]


def final_of(samples: Samples, language: str) -> DecodeRequest:
    """Return the request for a final, as `fast` has it."""
    return DecodeRequest(
        utterance=0,
        samples=samples,
        end_sample=samples.size,
        is_required=True,
        wants_times=True,
        languages=(language,),
    )


async def ask_without_break(
    scheduler: Scheduler, engines: Engines, requests: Sequence[DecodeRequest], *, seconds: float
) -> list[float]:
    """Have one stream ask for finals one after the other; return how long each took."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    answered: asyncio.Queue[object] = asyncio.Queue()
    lane = scheduler.open_lane(
        lambda _request, outcome: answered.put_nowait(outcome), speech=engines.speech[0]
    )
    end = loop.time() + seconds
    while loop.time() < end:
        began_at = loop.time()
        scheduler.submit(lane, requests[len(took) % len(requests)], due_at=began_at)
        outcome = await answered.get()
        if isinstance(outcome, Exception):
            raise outcome
        took.append(loop.time() - began_at)
    scheduler.close_lane(lane)
    return took


async def measure_finals(
    way: str, engines: Engines, settings: Settings, pid: int | None, streams: int, seconds: float
) -> Finals:
    """Measure one way with so many streams."""
    pieces = pieces_of(recording())
    scheduler = make_scheduler(settings, engines, UNOBSERVED)
    language = engines.default_language
    requests = [final_of(piece, language) for piece in pieces]
    processes = [psutil.Process(), *([] if pid is None else [psutil.Process(pid)])]
    busy, began_at = sum(map(_cpu_s, processes)), time.monotonic()
    asked = [
        ask_without_break(scheduler, engines, requests[number:], seconds=seconds)
        for number in range(streams)
    ]
    took = [one for each in await asyncio.gather(*asked) for one in each]
    lasted_s = time.monotonic() - began_at
    core_s = sum(map(_cpu_s, processes)) - busy
    await scheduler.aclose()
    p99 = float(np.percentile(took, 99) * 1000)
    return Finals(
        way=way,
        streams=streams,
        per_s=len(took) / lasted_s,
        latency_ms=(*percentiles_ms(took), p99),
        core_ms=core_s / len(took) * 1000,
    )


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def recording() -> Samples:
    """Return what comes with the default model: 10 s of a reading."""
    distribution = metadata.distribution("moonshine-voice")
    path = Path(str(distribution.locate_file("moonshine_voice/assets/beckett.wav")))
    return np.concatenate(list(read_audio(path)))


@contextlib.asynccontextmanager
async def engine_process(settings: Settings) -> AsyncIterator[tuple[SharedEngines, int]]:
    """Run one, and give engines over it."""
    with tempfile.TemporaryDirectory(prefix="se-") as folder:
        path = Path(folder) / "own" / "socket"
        options = ["--device", settings.device, "--languages", ",".join(settings.languages)]
        command = [sys.executable, "-m", "scribewire", "engine", "--socket", str(path), *options]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
        try:
            assert process.stdout is not None
            line = await process.stdout.readline()
            assert line.startswith(b"listening: "), "the engine process has not started"
            engines = shared_engines(settings, ModelCache(), EngineLink(path))
            load_engine(engines.speech[0])
            yield engines, process.pid
            engines.close()
        finally:
            process.terminate()
            await process.wait()


async def measure_shared(
    settings: Settings, streams: Sequence[int], *, rounds: int, seconds: float
) -> tuple[list[Finals], dict[str, tuple[float, float]]]:
    """Measure both ways in turn, and where speech is on both sides."""
    own = configured_engines(settings, ModelCache(), threads=count_workers(settings.workers))
    load_engine(own.speech[0])
    found = []
    async with engine_process(settings) as (shared, pid):
        prepare_process()
        remote = settings.model_copy(update={"engine_socket": Path("elsewhere")})
        for count in [count for count in streams for _ in range(rounds)]:
            found += [
                await measure_finals(WAYS[0], own, settings, None, count, seconds),
                await measure_finals(WAYS[1], shared, remote, pid, count, seconds),
            ]
            print(".", end="", file=sys.stderr, flush=True)
        request = VadRequest(np.zeros(VAD_FRAMES * FRAME_SAMPLES, np.float32), None)
        vad = {
            "here": percentiles_ms(_times(lambda: own.vad.measure(request))),
            "there": percentiles_ms(_times(lambda: shared.link.ask("", request))),
        }
    own.close()
    return found, vad


def _times(call: Callable[[], object]) -> list[float]:
    took = []
    for _ in range(VAD_CALLS):
        began_at = time.perf_counter()
        call()
        took.append(time.perf_counter() - began_at)
    return took


def measure_exactness(settings: Settings) -> dict[str, object]:
    """Return how many of a batch are to the last bit what they are alone, of each such model."""
    engines = configured_engines(settings, ModelCache())
    told: dict[str, object] = {}
    for speech in engines.table.serving:
        assert isinstance(speech, OnDemandEngine)
        engine = speech.load()
        if not isinstance(engine, BatchingEngine):
            told[speech.model.name] = "does not decode in batches"
            continue
        language = min(engine.traits.languages & {"en"} or engine.traits.languages)
        requests = [final_of(piece, language) for piece in pieces_of(recording())[:BATCH]]
        together_s, alone_s = time.perf_counter(), 0.0
        together = engine.decode_batch(requests)
        between = time.perf_counter()
        alone = [engine.decode(request) for request in requests]
        together_s, alone_s = between - together_s, time.perf_counter() - between
        told[speech.model.name] = {
            "device": engine.traits.device,
            "finals": len(alone),
            "equal": sum(one == other for one, other in zip(alone, together, strict=True)),
            "together_ms": together_s * 1000,
            "one_by_one_ms": alone_s * 1000,
        }
    engines.close()
    return told


def report_shared(found: Sequence[Finals], vad: dict[str, tuple[float, float]]) -> str:
    """Return both ways side by side, the median of the rounds, and the VAD."""
    rows = []
    for streams in sorted({one.streams for one in found}):
        for way in WAYS:
            same = [one for one in found if (one.way, one.streams) == (way, streams)]
            numbers = np.median(
                [(one.per_s, *one.latency_ms, one.core_ms) for one in same], axis=0
            ).tolist()
            rows.append([way, str(streams), *(f"{number:.1f}" for number in numbers)])
    header = ["finals by", "streams", "a second", "p50 ms", "p95 ms", "p99 ms", "core ms each"]
    lines = [
        f"speech in a quarter of a second, {where}: {p50:.2f} ms p50, {p95:.2f} ms p95"
        for where, (p50, p95) in vad.items()
    ]
    return "\n".join([format_table(header, rows), *lines])


def report_windows() -> tuple[str, list[dict[str, object]]]:
    """Return the table of the windows, and its numbers."""
    found = measure_windows()
    header = ["load", "window ms", "calls/batch", "busy", "final p50/p95", "partial p50/p95"]
    rows = [
        [
            f"{one.load:g}",
            str(one.window_ms),
            f"{one.calls_per_batch:.2f}",
            f"{one.busy_share:.0%}",
            "/".join(f"{ms:.0f}" for ms in one.final_ms),
            "/".join(f"{ms:.0f}" for ms in one.partial_ms),
        ]
        for one in found
    ]
    return format_table(header, rows), [asdict(one) for one in found]


def main(arguments: Sequence[str]) -> int:
    """Measure, print tables, and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m bench engine_process")
    parser.add_argument("--only", choices=["window", "shared", "exact"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="cpu")
    parser.add_argument("--language", default="en", help="of the model that is asked")
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    settings = Settings(languages=(options.language,), device=options.device)
    found: dict[str, object] = {"circumstances": asdict(note_circumstances())}
    if options.only in (None, "window"):
        table, found["window"] = report_windows()
        print(table)
    if options.only in (None, "shared"):
        measuring = measure_shared(
            settings, options.streams, rounds=options.rounds, seconds=options.seconds
        )
        finals, vad = asyncio.run(measuring)
        found["shared"], found["vad_ms"] = [asdict(one) for one in finals], vad
        print(report_shared(finals, vad))
    if options.only in (None, "exact"):
        found["exact"] = measure_exactness(settings.model_copy(update={"languages": ()}))
        print(json.dumps(found["exact"], indent=2))
    options.results.mkdir(exist_ok=True)
    (options.results / "engine_process.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Where a CPU-second goes, and how long a final takes: one live stream, part by part.

    python bench/costs.py --manifest PATH [--seconds 300] [--type fast] [--no-partials]

Clips with a second of silence after each make one stream. It is replayed on a clock of its own:
chunks arrive at their time, and each engine call takes as long as the processor time that it took
here, on as many workers as given. So what else runs on the machine changes nothing but the speed
of its caches; hand-overs between threads are not in it.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from unittest.mock import patch

import numpy as np

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.manifest import SPEECH_GROUPS, Clip, read_manifest, read_pcm
from bench.metering import Meter, Spent
from bench.own_rules import own_rules
from bench.spoken import Spoken, load_spoken
from bench.table import format_table
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.engines.engines import Engines
from scribewire.events import Final
from scribewire.recognition.endpointer import Boundary, UtteranceCut, UtteranceEnded
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    EmbeddingRequest,
    Request,
    Result,
    StreamRequest,
    TurnRequest,
    VadRequest,
)
from scribewire.recognition.segmenter import Segmenter
from scribewire.recognition.turns import SpeakerChanged
from scribewire.types import SAMPLE_RATE, Mode, ms_to_samples

if TYPE_CHECKING:
    from scribewire.types import Samples

RESULTS = Path(__file__).parent / "results"
PAUSE_SAMPLES = SAMPLE_RATE
RANKS = {"VAD": 0, "partial": 2}  # as the scheduler's; everything else is 1


@dataclass(slots=True)
class Replay:
    """One stream, on a clock of its own."""

    recognizer: Recognizer
    engines: Engines
    meter: Meter
    workers: int
    finals: list[tuple[Final, float]] = field(default_factory=list)
    """Each with when it was put out."""
    _now: float = 0.0
    _order: count[int] = field(default_factory=count)
    _waiting: list[tuple[int, int, Request]] = field(default_factory=list)
    _running: list[tuple[float, int, Request, Result]] = field(default_factory=list)

    def play(self, samples: Samples, chunk_samples: int) -> None:
        """Feed all of it, at the rate at which it would be spoken."""
        for start in range(0, len(samples), chunk_samples):
            chunk = samples[start : start + chunk_samples]
            self._run_until((start + len(chunk)) / SAMPLE_RATE)
            with self.meter.request("recognizer"):
                self.recognizer.receive_audio(chunk)
            self._pump()
        with self.meter.request("recognizer"):
            self.recognizer.receive_end()
        self._pump()
        self._run_until(float("inf"))

    def _run_until(self, then: float) -> None:
        while self._running and self._running[0][0] <= then:
            self._now, _, request, result = heapq.heappop(self._running)
            with self.meter.request("recognizer"):
                self.recognizer.receive_result(request, result)
            self._pump()
        self._now = then

    def _pump(self) -> None:
        with self.meter.request("recognizer"):
            while (request := self.recognizer.next_request()) is not None:
                job = (RANKS.get(kind_of(request), 1), next(self._order), request)
                heapq.heappush(self._waiting, job)
            while (event := self.recognizer.next_event()) is not None:
                if isinstance(event, Final):
                    self.finals.append((event, self._now))
        while self._waiting and len(self._running) < self.workers:
            _, order, request = heapq.heappop(self._waiting)
            before = time.thread_time()
            with self.meter.request(kind_of(request)):
                engines = self.engines
                result = engines.answer(request, engines.speech[0])
            done = self._now + time.thread_time() - before
            heapq.heappush(self._running, (done, order, request, result))


def kind_of(request: Request) -> str:
    """Return what a request is for."""
    match request:
        case VadRequest():
            return "VAD"
        case TurnRequest():
            return "turns"
        case EmbeddingRequest():
            return "embedding"
        case DecodeRequest():
            return "final" if request.is_required else "partial"
        case StreamRequest():
            return "partial"


@dataclass(frozen=True, slots=True)
class Ending:
    """What ended an utterance, and up to where the stream had to be heard to know it."""

    kind: type[Boundary | SpeakerChanged]
    decided_at: int


@contextmanager
def watched_endings() -> Iterator[list[Ending]]:
    """Give the list to which every ending is added, in the order of the utterances."""
    endings: list[Ending] = []
    original = Segmenter.next_boundary

    def next_boundary(segmenter: Segmenter) -> Boundary | SpeakerChanged | None:
        boundary = original(segmenter)
        if isinstance(boundary, UtteranceEnded | UtteranceCut | SpeakerChanged):
            endings.append(Ending(type(boundary), segmenter.judged_frames * FRAME_SAMPLES))
        return boundary

    with patch.object(Segmenter, "next_boundary", next_boundary):
        yield endings


def latencies_ms(
    finals: Sequence[tuple[Final, float]], endings: Sequence[Ending], chunk_samples: int
) -> list[float]:
    """Return how long after the last sample of its endpoint's silence each final came.

    Those that no silence ended are left out: a cut, a change of speaker, the end of the stream.
    """
    found = []
    for final, at_s in finals:
        ending = endings[final.utterance]
        is_last = final.utterance == len(endings) - 1
        if ending.kind is UtteranceEnded and not is_last:
            chunks = -(-ending.decided_at // chunk_samples)
            found.append(1000 * (at_s - chunks * chunk_samples / SAMPLE_RATE))
    return found


def read_stream(clips: Sequence[Clip], seconds: float) -> Samples:
    """Return the clips in their order, as many as fit, with a pause after each."""
    parts: list[Samples] = []
    size = 0
    for clip in clips:
        samples = decode_pcm(read_pcm(clip.path), WIRE_PCM)
        size += len(samples) + PAUSE_SAMPLES
        if size > seconds * SAMPLE_RATE:
            break
        parts += [samples, np.zeros(PAUSE_SAMPLES, np.float32)]
    return np.concatenate(parts)


def format_costs(meter: Meter, seconds: float) -> str:
    """Return one row for each part of each kind of request, the dearest kind first."""
    kinds: dict[str, list[tuple[str, Spent]]] = {}
    for (kind, part), spent in meter.parts.items():
        kinds.setdefault(kind, []).append((part, spent))
    totals = {kind: sum(spent.cpu_s for _, spent in parts) for kind, parts in kinds.items()}
    rows = [["all", "", "", _per_second(sum(totals.values()), seconds)]]
    for kind in sorted(kinds, key=lambda kind: -totals[kind]):
        rows.append([kind, "", "", _per_second(totals[kind], seconds)])
        for part, spent in sorted(kinds[kind], key=lambda row: -row[1].cpu_s):
            per_call = f"{1000 * spent.cpu_s / spent.calls:.2f}"
            calls = f"{spent.calls / seconds:.2f}"
            rows.append([f"  {part}", calls, per_call, _per_second(spent.cpu_s, seconds)])
    return format_table(["part", "calls a second", "ms a call", "ms a second of audio"], rows)


def format_latency(latencies: Sequence[float]) -> str:
    """Return the line about final latency."""
    if not latencies:
        return "no final after a silence"
    median, p95, worst = np.percentile(latencies, [50, 95, 100])
    return (
        f"final latency of {len(latencies)} finals after a silence, in ms: "
        f"median {median:.0f}, 95 % {p95:.0f}, worst {worst:.0f}"
    )


def _per_second(cpu_s: float, seconds: float) -> str:
    return f"{1000 * cpu_s / seconds:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Replay the stream, print both tables, and write them with the finals as JSON."""
    parser = argparse.ArgumentParser(prog="costs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--seconds", type=float, default=300.0, help="length of the stream")
    parser.add_argument("--type", choices=get_args(Mode), default="fast")
    parser.add_argument("--no-partials", action="store_true")
    parser.add_argument("--no-speakers", action="store_true")
    parser.add_argument("--chunk-ms", type=int, default=20, help="audio that arrives at once")
    parser.add_argument("--workers", type=int, default=2, help="engine calls at the same time")
    parser.add_argument("--json", type=Path, default=RESULTS / "costs.json")
    options = parser.parse_args(arguments)
    try:
        clips = SPEECH_GROUPS[0].clips_of(read_manifest(options.manifest))
    except (OSError, ValueError) as error:
        sys.exit(f"costs: {error}")
    samples = read_stream(clips, options.seconds)
    chunk_samples = ms_to_samples(options.chunk_ms)
    engines, meter = load_spoken(Spoken()), Meter()
    rules = own_rules(
        engines.speech[0],
        mode=options.type,
        partials=not options.no_partials,
        speakers=not options.no_speakers,
    )
    replay = Replay(Recognizer(rules), engines, meter, options.workers)
    before = time.process_time()
    with meter.installed(), watched_endings() as endings:
        replay.play(samples, chunk_samples)
    process_cpu_s = time.process_time() - before
    engines.close()
    seconds = len(samples) / SAMPLE_RATE
    latencies = latencies_ms(replay.finals, endings, chunk_samples)
    process = (
        f"the process, other threads and the replay included: {_per_second(process_cpu_s, seconds)}"
    )
    print(format_costs(meter, seconds), process, format_latency(latencies), sep="\n\n")
    found = {
        "seconds": seconds,
        "process_cpu_s": process_cpu_s,
        "parts": [
            {"kind": kind, "part": part, **asdict(spent)}
            for (kind, part), spent in meter.parts.items()
        ],
        "latencies_ms": latencies,
        "finals": [asdict(final) for final, _ in replay.finals],
        **asdict(note_circumstances()),
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

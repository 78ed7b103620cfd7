"""moonshine-voice's own stream API under live load, on the same weights and the same speech.

All streams are in one process, `python -m bench.live_peer`, which is told on its standard input
what to say and when, and prints what it noted as one line of JSON. Each stream has a transcriber
and a thread of its own, as one transcriber does one decode at a time; the transcribers are made
in one thread, because loading two at once crashes the library.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from bench.live_runs import SPREAD_S, Conditions, LiveRun, count_words, measure, text_of
from bench.live_speech import Speech, Speeches
from bench.peer import NAME
from bench.server_process import ROOT
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.capacity.latency import Window
from scribewire.capacity.load import CHUNK_MS, Arrival, StreamRecord
from scribewire.capacity.search import find_shortfalls, plan_starts
from scribewire.capacity.server_process import own_usage
from scribewire.client import FinalResult, PartialResult
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.capacity.utterances import SpokenUtterance
    from scribewire.types import Samples

PATIENCE_S = 60.0  # as our own streams have
PIECE_SAMPLES = CHUNK_MS * SAMPLE_RATE // 1000


class Order(TypedDict):
    """What one stream is to say."""

    path: str
    """Raw 16-bit PCM."""
    starts_s: float


class Note(TypedDict):
    """One line of a transcript, as the peer told of it."""

    at_s: float
    end_ms: int
    """Where the peer says that the audio of the line ends."""
    text: str
    is_complete: bool


class StreamNotes(TypedDict):
    """What came of one stream."""

    sent_s: list[float]
    notes: list[Note]
    ended_s: float | None


class Answer(TypedDict):
    """What the process prints."""

    streams: list[StreamNotes]
    cpu_s: float
    peak_rss_bytes: int


def run_peer_live(streams: int, speeches: Speeches, conditions: Conditions) -> LiveRun | str:
    """Load the peer with so many streams; a text says why it could not be run."""
    chosen = speeches.first(streams)
    starts = plan_starts(streams, spread_s=SPREAD_S)
    with _written(chosen) as paths:
        orders = [Order(path=p, starts_s=s) for p, s in zip(paths, starts, strict=True)]
        done = subprocess.run(
            [sys.executable, "-m", "bench.live_peer"],
            check=False,
            input=json.dumps(orders),
            capture_output=True,
            cwd=ROOT,
            text=True,
        )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return f"{NAME}: {reason}"
    answer: Answer = json.loads(done.stdout)
    records = read_records(answer["streams"], starts)
    speech = [replace(one, utterances=_of_unknown_endpoints(one)) for one in chosen]
    latencies = measure(records, speech, Window(starts[-1], speeches.seconds))
    return LiveRun(
        system=NAME,
        streams=streams,
        seconds=conditions.seconds,
        latencies=latencies,
        cpu_s_per_audio_s=answer["cpu_s"] / (streams * speeches.seconds),
        client_cpu_s_per_audio_s=None,
        outside_engines=None,
        peak_rss_bytes=answer["peak_rss_bytes"],
        words=count_words(records, chosen),
        differing_streams=None,
        shortfalls=find_shortfalls(latencies),
        texts=tuple(map(text_of, records)),
    )


def read_records(
    streams: Sequence[StreamNotes], starts: Sequence[float]
) -> tuple[StreamRecord, ...]:
    """Return what the peer's streams noted as if they were ours."""
    return tuple(
        StreamRecord(
            began_s=began_s,
            sent_s=tuple(stream["sent_s"]),
            arrivals=tuple(map(_arrival, stream["notes"])),
            ended_s=stream["ended_s"],
            failure="" if stream["ended_s"] is not None else "not waited for any longer",
        )
        for stream, began_s in zip(streams, starts, strict=True)
    )


def _arrival(note: Note) -> Arrival:
    kind = FinalResult if note["is_complete"] else PartialResult
    return Arrival(note["at_s"], kind(text=note["text"], offset_ms=note["end_ms"]))


def _of_unknown_endpoints(speech: Speech) -> tuple[SpokenUtterance, ...]:
    return tuple(replace(one, settled_ms=None) for one in speech.utterances)


@contextmanager
def _written(speeches: Sequence[Speech]) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory(prefix="scribewire-bench-") as folder:
        paths = [Path(folder) / f"{number}.pcm" for number in range(len(speeches))]
        for path, speech in zip(paths, speeches, strict=True):
            path.write_bytes(speech.pcm)
        yield [str(path) for path in paths]


# The process of the peer.


@dataclass
class _Stream:
    """One stream of the peer, fed as a live source is."""

    samples: Samples
    starts_s: float
    transcriber: Any
    sent_s: list[float] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    ended_s: float | None = None

    def run(self, zero: float) -> None:
        """Feed it on the clock that read `zero` at the start of the load."""
        stream = self.transcriber.create_stream()
        stream.add_listener(lambda event: self._note(event, zero))
        stream.start()
        seconds = self.samples.size / SAMPLE_RATE
        for number, at in enumerate(range(0, self.samples.size, PIECE_SAMPLES), start=1):
            due_s = self.starts_s + number * CHUNK_MS / 1000
            now_s = time.perf_counter() - zero
            if now_s > self.starts_s + seconds + PATIENCE_S:
                return
            time.sleep(max(0.0, due_s - now_s))
            stream.add_audio(self.samples[at : at + PIECE_SAMPLES].tolist(), SAMPLE_RATE)
            self.sent_s.append(time.perf_counter() - zero)
        stream.stop()
        self.ended_s = time.perf_counter() - zero

    def _note(self, event: Any, zero: float) -> None:  # noqa: ANN401 - it brings no types
        name = type(event).__name__
        if name not in ("LineTextChanged", "LineCompleted") or not event.line.text:
            return
        note = Note(
            at_s=time.perf_counter() - zero,
            end_ms=round((event.line.start_time + event.line.duration) * 1000),
            text=event.line.text,
            is_complete=event.line.is_complete,
        )
        if not self.notes or {**self.notes[-1], "at_s": 0} != {**note, "at_s": 0}:
            self.notes.append(note)


def _main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the library prints is no answer
    try:
        package = importlib.import_module("moonshine_voice")  # by name: it brings no types
    except OSError as error:
        sys.exit(f"{error} (apt-get install libportaudio2)")
    orders: list[Order] = json.load(sys.stdin)
    model = package.get_model_path("tiny-en")
    streams = [
        _Stream(
            decode_pcm(Path(order["path"]).read_bytes(), WIRE_PCM),
            order["starts_s"],
            package.Transcriber(model, package.ModelArch.TINY),
        )
        for order in orders
    ]
    before_s, zero = time.process_time(), time.perf_counter()
    threads = [threading.Thread(target=stream.run, args=(zero,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notes = [StreamNotes(sent_s=s.sent_s, notes=s.notes, ended_s=s.ended_s) for s in streams]
    answer = Answer(
        streams=notes,
        cpu_s=time.process_time() - before_s,
        peak_rss_bytes=own_usage(engine_cpu_s=0.0).peak_rss_bytes,
    )
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    _main()

"""Peers under live load: each a process of its own that is told what to say and when.

It gets its orders as JSON on its standard input, keeps to the clock of the load, and prints what it
noted as one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from bench.live_runs import SPREAD_S, Conditions, LiveRun, count_words, measure, text_of
from bench.live_speech import Speech, Speeches
from bench.server_process import ROOT
from scribewire.capacity.latency import Window
from scribewire.capacity.load import CHUNK_MS, Arrival, StreamRecord
from scribewire.capacity.search import find_shortfalls, plan_starts
from scribewire.client import FinalResult, PartialResult
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.capacity.utterances import SpokenUtterance

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A system that is loaded like ours."""

    name: str
    command: tuple[str, ...]
    """The module of its process, and what that is told on its command line."""
    has_our_endpoints: bool
    """Whether its utterances end as ours do; otherwise it has no final latency."""


def run_peer_process(
    peer: Peer, streams: int, speeches: Speeches, conditions: Conditions
) -> LiveRun | str:
    """Load a peer with so many streams; a text says why it could not be run."""
    chosen = speeches.first(streams)
    starts = plan_starts(streams, spread_s=SPREAD_S)
    with _written(chosen) as paths:
        orders = [Order(path=p, starts_s=s) for p, s in zip(paths, starts, strict=True)]
        done = subprocess.run(
            [sys.executable, "-m", *peer.command],
            check=False,
            input=json.dumps(orders),
            capture_output=True,
            cwd=ROOT,
            text=True,
        )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return f"{peer.name}: {reason}"
    answer: Answer = json.loads(done.stdout)
    records = read_records(answer["streams"], starts)
    speech = [
        one if peer.has_our_endpoints else replace(one, utterances=_of_unknown_endpoints(one))
        for one in chosen
    ]
    latencies = measure(records, speech, Window(starts[-1], speeches.seconds))
    return LiveRun(
        system=peer.name,
        streams=streams,
        seconds=conditions.seconds,
        latencies=latencies,
        cpu_s_per_audio_s=answer["cpu_s"] / (streams * speeches.seconds),
        client_cpu_s_per_audio_s=None,
        outside_engines=None,
        peak_rss_bytes=answer["peak_rss_bytes"],
        words=count_words(records, chosen),
        differing_streams=None,
        shortfalls=find_shortfalls(latencies, mode=conditions.wishes.mode),
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

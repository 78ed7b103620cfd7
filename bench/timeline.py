"""Two hours of one stream: how far its times drift, and how its memory grows.

The clips with speech are joined into one lap, with silence between them, and the lap is played
again and again through one recognizer with the real engines. Two things are measured. Drift:
what a final of the last lap says, less what the same final said in the second lap (in the first
the voice detector has heard nothing yet), beyond the laps between. Displacement: where the
finals of a clip lie, less where they lie when the clip is played alone: the detector's memory of
what came before moves a boundary by a frame or two, and that is no drift.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import psutil

from bench.circumstances import note_circumstances
from bench.manifest import Clip, read_manifest, read_pcm
from bench.own_rules import own_rules
from bench.spoken import Spoken, load_spoken
from bench.table import Progress, format_table
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.engines.engines import Engines
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.testing.scripted import answer_all
from scribewire.types import SAMPLE_RATE, samples_to_ms

if TYPE_CHECKING:
    from scribewire.types import Samples

GAP_SAMPLES = 2 * SAMPLE_RATE  # ends every utterance, so that none spans two clips
CHUNK_SAMPLES = SAMPLE_RATE
FRAME_MS = samples_to_ms(FRAME_SAMPLES)


@dataclass(frozen=True, slots=True)
class Placed:
    """A clip and where its first sample lies in the lap."""

    clip: Clip
    samples: Samples
    start: int

    @property
    def end(self) -> int:
        """Where the silence after it ends."""
        return self.start + self.samples.size + GAP_SAMPLES


@dataclass(frozen=True, slots=True)
class _Place:
    """What a final said and where in the lap it ends."""

    text: str
    end: int


@dataclass(frozen=True, slots=True)
class _Lap:
    """What one lap gave."""

    finals: list[_Place]
    most_buffered: int
    rss_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What two hours have shown."""

    hours: float
    laps: int
    finals: int
    largest_drift_samples: int
    """Over all finals of the laps after the second that say the same."""
    changed_finals: int
    """Finals of those laps that do not."""
    displacements_ms: list[int]
    """For each final of the second lap: its distance to the nearest of the clips alone."""
    most_buffered_s: float
    rss_mib: list[float]
    """After each lap."""
    wall_s: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(prog="timeline", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--json", type=Path, default=Path("bench/results/timeline.json"))
    options = parser.parse_args(arguments)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"timeline: {error}")
    lap = place([clip for clip in clips if clip.is_scorable and not clip.is_derived])
    engines = load_spoken(Spoken())
    measured = measure(lap, engines, hours=options.hours)
    engines.close()
    print(format_report(measured))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), **asdict(measured)}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def place(clips: Sequence[Clip]) -> list[Placed]:
    """Put clips one after the other, so that each starts with a frame."""
    placed: list[Placed] = []
    at = 0
    for clip in clips:
        samples = decode_pcm(read_pcm(clip.path), WIRE_PCM)
        samples = np.pad(samples, (0, -samples.size % FRAME_SAMPLES))
        placed.append(Placed(clip, samples, at))
        at = placed[-1].end
    return placed


def measure(lap: Sequence[Placed], engines: Engines, *, hours: float) -> Measured:
    """Play laps until the hours are full."""
    began_s = time.monotonic()
    alone = _play_alone(lap, engines)
    laps = max(3, -(-round(hours * 3600 * SAMPLE_RATE) // lap[-1].end))
    played = list(_play(lap, engines, laps=laps))
    second, *later = [one.finals for one in played[1:]]
    drifts = [_drifts(second, finals) for finals in later]
    return Measured(
        hours=laps * lap[-1].end / SAMPLE_RATE / 3600,
        laps=laps,
        finals=sum(len(one.finals) for one in played),
        largest_drift_samples=max(abs(drift) for some, _ in drifts for drift in some),
        changed_finals=sum(changed for _, changed in drifts),
        displacements_ms=_displacements_ms(second, alone),
        most_buffered_s=max(one.most_buffered for one in played) / SAMPLE_RATE,
        rss_mib=[one.rss_mib for one in played],
        wall_s=time.monotonic() - began_s,
    )


def _play(lap: Sequence[Placed], engines: Engines, *, laps: int) -> Iterator[_Lap]:
    progress = Progress("timeline", laps)
    recognizer = Recognizer(own_rules(engines.speech[0], partials=False))
    process = psutil.Process()
    for number in range(laps):
        finals: list[_Place] = []
        most_buffered = 0
        for chunk in _chunks(lap):
            recognizer.receive_audio(chunk)
            most_buffered = max(most_buffered, recognizer.buffered_samples)
            finals += _answer(recognizer, engines, origin=number * lap[-1].end)
        yield _Lap(finals, most_buffered, process.memory_info().rss / 2**20)
        progress.advance()


def _play_alone(lap: Sequence[Placed], engines: Engines) -> list[_Place]:
    """Return the finals of every clip in a stream of its own, by place in the lap."""
    progress = Progress("each clip alone", len(lap))
    heard: list[_Place] = []
    for placed in lap:
        recognizer = Recognizer(own_rules(engines.speech[0], partials=False))
        for chunk in _chunks([placed]):
            recognizer.receive_audio(chunk)
            heard += _answer(recognizer, engines, origin=-placed.start)
        progress.advance()
    return heard


def _answer(recognizer: Recognizer, engines: Engines, *, origin: int) -> list[_Place]:
    events = answer_all(recognizer, engines.vad, engines.speech[0])
    return [_Place(e.text, e.end_sample - origin) for e in events if isinstance(e, Final)]


def _chunks(lap: Sequence[Placed]) -> Iterator[Samples]:
    gap = np.zeros(GAP_SAMPLES, np.float32)
    for placed in lap:
        for samples in (placed.samples, gap):
            for start in range(0, samples.size, CHUNK_SAMPLES):
                yield samples[start : start + CHUNK_SAMPLES]


def _drifts(second: Sequence[_Place], later: Sequence[_Place]) -> tuple[list[int], int]:
    """Return how far each final has moved, in samples, and how many finals are not the same."""
    same = [(a, b) for a, b in zip(second, later, strict=False) if a.text == b.text]
    changed = max(len(second), len(later)) - len(same)
    return [b.end - a.end for a, b in same], changed


def _displacements_ms(lap: Sequence[_Place], alone: Sequence[_Place]) -> list[int]:
    """Return how far each final is from the nearest one of the clips alone."""
    ends = np.array([place.end for place in alone])
    return [samples_to_ms(int(np.min(np.abs(ends - place.end)))) for place in lap]


def format_report(measured: Measured) -> str:
    """Return all that is printed."""
    moved = np.array(measured.displacements_ms)
    rss = measured.rss_mib
    middle = len(rss) // 2
    rows = [
        ("hours of audio", f"{measured.hours:.2f} in {measured.laps} laps"),
        ("wall time", f"{measured.wall_s:.0f} s"),
        ("finals", str(measured.finals)),
        ("largest drift", f"{measured.largest_drift_samples} samples"),
        ("finals that changed", str(measured.changed_finals)),
        ("from the clip alone", f"{np.mean(moved <= FRAME_MS):.1%} within a frame of 32 ms"),
        ("most audio held", f"{measured.most_buffered_s:.1f} s"),
        ("RSS first, middle, last lap", f"{rss[0]:.1f}, {rss[middle]:.1f}, {rss[-1]:.1f} MiB"),
    ]
    return format_table(("timeline", "measured"), rows)


if __name__ == "__main__":
    main()

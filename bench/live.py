"""Live streams on one machine: latencies, what they cost, and how many are carried.

The server runs in a process of its own; the clients are paced WebSockets in this one. Clips are
joined to minutes of speech, different for each stream, with pauses of 0.5 to 2 s. The other
systems get the same speech at the same pace in the same call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.live_drill import CALM_S, Drill, format_drill, run_drill
from bench.live_files import FilesRun, format_files, run_our_files
from bench.live_idle import IdleRun, format_idle, run_idle
from bench.live_loop import agreement_loop
from bench.live_peer import MOONSHINE_VOICE
from bench.live_process import run_peer_process
from bench.live_report import describe_run, format_runs, format_shortfalls
from bench.live_runs import SPREAD_S, Conditions, LiveRun, run_ours
from bench.live_sherpa import run_sherpa_files
from bench.live_speech import Speeches
from bench.manifest import Clip, read_manifest
from bench.server_process import ROOT
from bench.spoken import find_weights
from scribewire.capacity.search import CapacitySearch
from scribewire.capacity.server_process import ADMIT_ALL
from scribewire.wishes import Wishes


@dataclass
class Found:
    """Everything that one call has measured."""

    runs: list[LiveRun] = field(default_factory=list)
    files: list[FilesRun] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    idle: IdleRun | None = None
    drill: Drill | None = None
    capacity: int | None = None
    refused: int | None = None

    def add_run(self, run: LiveRun | str) -> None:
        """Take a run, or why there is none; show it at once."""
        if isinstance(run, str):
            self.notes.append(f"not measured: {run}")
            return
        self.runs.append(run)
        print(format_runs([run]), format_shortfalls([run]), sep="\n", file=sys.stderr, flush=True)

    def add_files(self, run: FilesRun | str) -> None:
        """Take a run, or why there is none."""
        if isinstance(run, str):
            self.notes.append(f"not measured: {run}")
        else:
            self.files.append(run)

    @property
    def report(self) -> str:
        """All that is printed."""
        parts = [format_runs(self.runs), format_shortfalls(self.runs)] if self.runs else []
        if self.capacity is not None:
            parts.append(f"carried: {self.capacity} streams; too many: {self.refused}")
        if self.files:
            parts.append(format_files(self.files))
        if self.idle is not None:
            parts.append(format_idle(self.idle))
        if self.drill is not None:
            parts.append(format_drill(self.drill))
        return "\n\n".join([*parts, *self.notes])

    @property
    def document(self) -> dict[str, Any]:
        """All that is written."""
        return {
            "runs": [describe_run(run) for run in self.runs],
            "capacity": self.capacity,
            "files": [asdict(run) for run in self.files],
            "idle": self.idle and asdict(self.idle),
            "drill": self.drill and asdict(self.drill),
            "notes": self.notes,
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for, print the tables, and write them as JSON."""
    options = _read(arguments)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"live: {error}")
    conditions = Conditions(
        wishes=Wishes(language=options.language, mode=options.type, speakers=options.speakers),
        seconds=options.seconds,
        environment={**ADMIT_ALL, "SCRIBEWIRE_LOG_LEVEL": "error"},
    )
    spoken_s = options.seconds + SPREAD_S
    speeches = _speeches(clips, options, seconds=spoken_s)
    drilled = _speeches(clips, options, seconds=spoken_s + CALM_S)
    found = Found()
    try:
        asyncio.run(_measure(options, speeches, drilled, conditions, found))
    finally:  # what took half an hour is kept when the rest fails
        print(found.report)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        document = {**asdict(note_circumstances()), **found.document}
        options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    if options.plot is not None:
        from bench.live_plot import plot_latency  # noqa: PLC0415 - only this needs matplotlib

        plot_latency(found.document["runs"], options.plot)


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="live", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--streams", type=_numbers, default=(), help="how many at once: 4 or 1,2,4")
    parser.add_argument(
        "--find-capacity", action="store_true", help="search the most streams that are carried"
    )
    parser.add_argument("--peer", type=_numbers, default=(), help="the same with moonshine-voice")
    parser.add_argument(
        "--loop", type=_numbers, default=(), help="the same with faster-whisper and LocalAgreement"
    )
    parser.add_argument(
        "--weights", type=Path, help="the folder of --loop's weights, if not those of our model"
    )
    parser.add_argument("--language", default="en", help="what is spoken, and asked for")
    parser.add_argument("--idle", type=int, default=0, help="what so many silent sessions cost")
    parser.add_argument("--files", type=int, default=0, help="throughput of so many at once")
    parser.add_argument("--threads", type=int, default=2, help="that recognize files")
    parser.add_argument(
        "--drill", type=int, default=0, metavar="CAPACITY", help="twice that, then half leave"
    )
    parser.add_argument("--plot", type=Path, help="write latency against streams, .png and .svg")
    parser.add_argument("--first", type=int, default=4, help="where the search begins")
    parser.add_argument("--trials", type=int, default=8, help="how long it may take")
    parser.add_argument("--seconds", type=float, default=60.0, help="in which all streams speak")
    parser.add_argument("--type", choices=("fast", "quality"), default="fast")
    parser.add_argument(
        "--speakers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether sessions ask for speakers, as they do unless told otherwise",
    )
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/live.json")
    options = parser.parse_args(arguments)
    if options.peer and options.language != "en":
        parser.error("--peer: moonshine-voice has English alone; see --loop")
    return options


def _speeches(clips: Sequence[Clip], options: argparse.Namespace, *, seconds: float) -> Speeches:
    return Speeches(clips, seconds=seconds, mode=options.type, language=options.language)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


async def _measure(
    options: argparse.Namespace,
    speeches: Speeches,
    drilled: Speeches,
    conditions: Conditions,
    found: Found,
) -> None:
    for streams in options.streams:
        found.add_run(await run_ours(streams, speeches, conditions))
    if options.find_capacity:
        await find_capacity(options, speeches, conditions, found)
    for streams in options.peer:
        found.add_run(run_peer_process(MOONSHINE_VOICE, streams, speeches, conditions))
    for streams in options.loop:
        with find_weights(options.weights) as weights:
            loop = agreement_loop(weights, options.language, options.type, streams)
            found.add_run(run_peer_process(loop, streams, speeches, conditions))
    if options.idle:
        found.idle = await run_idle(options.idle, speeches, conditions)
    if options.files:
        chosen, threads = speeches.first(options.files), options.threads
        for speakers in (True, False):
            asked = replace(conditions, wishes=replace(conditions.wishes, speakers=speakers))
            found.add_files(await run_our_files(chosen, asked, threads=threads))
        found.add_files(await run_sherpa_files(chosen, threads=threads))
    if options.drill:
        found.drill = await run_drill(options.drill, drilled, conditions)


async def find_capacity(
    options: argparse.Namespace, speeches: Speeches, conditions: Conditions, found: Found
) -> None:
    """Search the largest number of streams that is carried, then compare its finals."""
    search = CapacitySearch(first=options.first, most_trials=options.trials)
    while (streams := search.next_streams()) is not None:
        run = await run_ours(streams, speeches, conditions)
        found.add_run(run)
        search.receive(streams, is_carried=not run.shortfalls)
    found.capacity, found.refused = search.carried, search.refused


if __name__ == "__main__":
    main()

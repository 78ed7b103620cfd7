"""Whether English is what it was: finals and processor time of two versions, in one run.

Every English clip that is scored, in every group and both modes, and live streams with partials go
through a server of an earlier version and one of this tree, by turns. Texts, times, confidences and
speakers are compared.

    git worktree add --detach FOLDER COMMIT
    python -m bench english_unchanged --before FOLDER --manifest PATH
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.accuracy import describe, format_report
from bench.circumstances import note_circumstances
from bench.comparison import compare, summarise
from bench.live_report import describe_run, format_runs
from bench.live_runs import SPREAD_S, Conditions, LiveRun, find_difference, run_ours
from bench.live_speech import Speeches
from bench.manifest import NO_SPEECH, Clip, read_manifest, read_pcm
from bench.server_process import ROOT, BenchServer, bench_server
from bench.systems import System
from bench.table import Progress
from scribewire.capacity.load import ENGLISH, push
from scribewire.capacity.server_process import ADMIT_ALL
from scribewire.client import FinalResult
from scribewire.types import SAMPLE_RATE, Mode

MODES: tuple[Mode, ...] = ("fast", "quality")
VERSIONS = ("before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one version made of the clips in one mode."""

    finals: Mapping[str, tuple[FinalResult, ...]]
    """By clip."""
    cpu_s: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them as JSON; the exit code says whether a final differs."""
    options = _read(arguments)
    check_version(options.before)
    try:
        manifest = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"english_unchanged: {error}")
    clips = [clip for clip in manifest if clip.is_scorable or NO_SPEECH.holds(clip)]
    heard = asyncio.run(_hear_all(clips, options.before))
    differing = find_differing(heard)
    comparison = compare(clips, make_systems(clips, heard))
    pairs = [(f"after {mode}", f"before {mode}") for mode in MODES]
    results = summarise(comparison, pairs=pairs)
    runs = asyncio.run(_run_live(manifest, options)) if options.streams else []
    print(format_report(comparison, results, pairs), format_differing(differing), sep="\n\n")
    if runs:
        print("", format_runs(runs), sep="\n")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {
        **asdict(note_circumstances()),
        "differing": differing,
        "live": [describe_run(run) for run in runs],
        **describe(comparison, results),
    }
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return int(any(differing.values()))


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="english_unchanged", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--before", type=Path, required=True, help="a tree of the earlier version")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--streams", type=int, default=4, help="live ones at once; 0: none")
    parser.add_argument("--seconds", type=float, default=60.0, help="in which all of them speak")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/english_unchanged.json")
    return parser.parse_args(arguments)


def environment_of(version: str, before: Path) -> dict[str, str]:
    """Return what makes Python run that version, with the libraries that are installed here."""
    return {"PYTHONPATH": str(before.resolve() / "src")} if version == "before" else {}


def check_version(before: Path) -> None:
    """End the program, with the reason, where Python would not run the earlier version."""
    package = before.resolve() / "src/scribewire/__init__.py"
    found = subprocess.run(
        [sys.executable, "-c", "import scribewire; print(scribewire.__file__)"],
        check=True,
        capture_output=True,
        env={**os.environ, **environment_of("before", before)},
        text=True,
    ).stdout.strip()
    if Path(found) != package:
        sys.exit(f"english_unchanged: {before}: no src/scribewire in it; make it with git worktree")


async def _hear_all(clips: Sequence[Clip], before: Path) -> dict[str, Heard]:
    """Hear the clips with both versions, by version and mode; by turns, as machines have moods."""
    heard: dict[str, Heard] = {}
    async with (
        bench_server(environment_of("before", before)) as old,
        bench_server(environment_of("after", before)) as new,
    ):
        for server in (old, new):  # a model may be loaded only when it is first asked for
            await push(server.target, bytes(2 * SAMPLE_RATE))
        for mode in MODES:
            found = await _hear((old, new), clips, mode)
            heard |= {
                f"{version} {mode}": one for version, one in zip(VERSIONS, found, strict=True)
            }
    return heard


async def _hear(servers: Sequence[BenchServer], clips: Sequence[Clip], mode: Mode) -> list[Heard]:
    progress = Progress(mode, len(clips))
    finals: list[dict[str, tuple[FinalResult, ...]]] = [{} for _ in servers]
    before_s = [await server.cpu_s() for server in servers]
    for clip in clips:
        pcm = read_pcm(clip.path)
        for server, by_clip in zip(servers, finals, strict=True):
            target = replace(server.target, wishes=replace(ENGLISH, mode=mode, partials=False))
            by_clip[clip.id] = (await push(target, pcm)).finals
        progress.advance()
    used_s = [await server.cpu_s() - at for server, at in zip(servers, before_s, strict=True)]
    return [Heard(finals=f, cpu_s=s) for f, s in zip(finals, used_s, strict=True)]


async def _run_live(clips: Sequence[Clip], options: argparse.Namespace) -> list[LiveRun]:
    speeches = Speeches(clips, seconds=options.seconds + SPREAD_S, mode="fast")
    runs = []
    for version in VERSIONS:
        conditions = Conditions(
            wishes=ENGLISH,
            seconds=options.seconds,
            environment={
                **ADMIT_ALL,
                "SCRIBEWIRE_LOG_LEVEL": "error",
                **environment_of(version, options.before),
            },
        )
        run = await run_ours(options.streams, speeches, conditions, is_compared=False)
        runs.append(replace(run, system=version))
    return runs


def make_systems(clips: Sequence[Clip], heard: Mapping[str, Heard]) -> list[System]:
    """Return each version in each mode as a system that can be scored."""
    seconds = sum(clip.seconds for clip in clips)
    return [
        System(
            name=name,
            transcripts={
                clip: " ".join(final.text for final in finals if final.text)
                for clip, finals in one.finals.items()
            },
            cpu_s_per_audio_s=one.cpu_s / seconds,
        )
        for name, one in heard.items()
    ]


def find_differing(heard: Mapping[str, Heard]) -> dict[str, dict[str, str]]:
    """Return, for each mode, the first final that differs of each clip that has one."""
    return {
        mode: {
            clip: difference
            for clip, finals in heard[f"after {mode}"].finals.items()
            if (difference := find_difference(finals, heard[f"before {mode}"].finals[clip]))
        }
        for mode in MODES
    }


def format_differing(differing: Mapping[str, Mapping[str, str]]) -> str:
    """Return a line for each mode, and one for each clip that is heard otherwise."""
    lines = []
    for mode, by_clip in differing.items():
        lines.append(f"{mode}: {len(by_clip)} clips whose finals differ; wanted: none")
        lines += [f"  {clip}: {difference}" for clip, difference in by_clip.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

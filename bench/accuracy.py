"""Word error rate through the real server, beside the same weights used in other ways.

Three ways to the same model: our server over its WebSocket, whole clips decoded greedily, and
moonshine-voice's stream API. What the first loses against the second is the price of cutting
speech while it is spoken; the third is the peer to beat.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.comparison import (
    Comparison,
    GroupResult,
    compare,
    format_differences,
    format_rates,
    summarise,
)
from bench.manifest import NO_SPEECH, Clip, read_manifest
from bench.peer import run_peer
from bench.server_process import ROOT, bench_server
from bench.systems import System, run_server, run_whole_clip
from scribewire.types import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    manifest: Path
    modes: tuple[Mode, ...]
    streams: int
    json: Path


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write everything that was found as JSON."""
    options = parse_options(arguments)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"accuracy: {error}")
    chosen = [clip for clip in clips if clip.is_scorable or NO_SPEECH.holds(clip)]
    if not any(clip.is_scorable for clip in chosen):
        sys.exit(f"accuracy: {options.manifest}: no English clip with a trusted reference")
    systems = [*asyncio.run(_run_ours(chosen, options)), run_whole_clip(chosen), run_peer(chosen)]
    comparison = compare(chosen, systems)
    pairs = choose_pairs(systems)
    results = summarise(comparison, pairs=pairs)
    print(format_report(comparison, results, pairs))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), **describe(comparison, results)}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def parse_options(arguments: Sequence[str] | None) -> Options:
    """Read the command line; ends the program with its usage when that is wrong."""
    parser = argparse.ArgumentParser(prog="accuracy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--type", choices=["fast", "quality", "both"], default="fast")
    parser.add_argument("--streams", type=int, default=1, help="connections at a time")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/accuracy.json")
    given = parser.parse_args(arguments)
    if given.streams < 1:
        parser.error(f"--streams {given.streams}: expected at least 1")
    modes: dict[str, tuple[Mode, ...]] = {
        "fast": ("fast",),
        "quality": ("quality",),
        "both": ("fast", "quality"),
    }
    return Options(
        manifest=given.manifest, modes=modes[given.type], streams=given.streams, json=given.json
    )


async def _run_ours(clips: Sequence[Clip], options: Options) -> list[System]:
    async with bench_server() as server:
        return [
            await run_server(server, clips, mode=mode, streams=options.streams)
            for mode in options.modes
        ]


def choose_pairs(systems: Sequence[System]) -> list[tuple[str, str]]:
    """Name the differences to show: ours against the others, and the better of ours by the fast."""
    ours = [system.name for system in systems if system.name.startswith("ours")]
    others = [system.name for system in systems if not system.name.startswith("ours")]
    return [(one, other) for one in ours for other in others] + [
        (two, one) for one, two in pairwise(ours)
    ]


def format_report(
    comparison: Comparison, results: Sequence[GroupResult], pairs: Sequence[tuple[str, str]]
) -> str:
    """Return all that is printed."""
    notes = []
    for system in comparison.systems:
        if system.note:
            notes.append(f"{system.name}: {system.note}")
        if system.cpu_s_per_audio_s is not None:
            notes.append(
                f"{system.name}: {system.cpu_s_per_audio_s:.3f} CPU seconds of its process per "
                "second of speech (finals only)"
            )
    rates = format_rates(results, comparison.systems)
    return "\n\n".join([rates, format_differences(results, pairs), "\n".join(notes)])


def describe(comparison: Comparison, results: Sequence[GroupResult]) -> dict[str, object]:
    """Return the whole outcome as plain values for JSON."""
    return {
        "systems": {
            system.name: {"note": system.note, "cpu_s_per_audio_s": system.cpu_s_per_audio_s}
            for system in comparison.systems
        },
        "groups": [asdict(result) for result in results],
        "clips": [_describe_clip(comparison, clip) for clip in comparison.clips],
    }


def _describe_clip(comparison: Comparison, clip: Clip) -> dict[str, object]:
    return {
        "id": clip.id,
        "seconds": clip.seconds,
        "tags": sorted(clip.tags),
        "is_derived": clip.is_derived,
        "reference": clip.reference,
        "hypotheses": {
            system.name: {
                "text": system.transcripts[clip.id],
                **asdict(comparison.errors[system.name][clip.id]),
            }
            for system in comparison.systems
            if system.transcripts is not None
        },
    }


if __name__ == "__main__":
    main()

"""Word error in languages that Whisper serves, through the real server, beside the same weights.

Clips of at most 30 s whose reference a person answers for, language by language and together. The
peer hears each clip whole, in a window of 30 s; ours cuts it as a stream and takes short windows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.accuracy import describe, format_report
from bench.circumstances import note_circumstances
from bench.comparison import compare, summarise
from bench.dialogue import transcribe
from bench.manifest import Clip, Group, core_of, read_manifest, read_pcm
from bench.server_process import ROOT, bench_server
from bench.spoken import find_weights
from bench.systems import System, run_server
from bench.whisper_peer import NAME, run_whisper_peer
from scribewire.types import Mode

MODES: tuple[Mode, ...] = ("quality", "fast")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write everything that was found as JSON."""
    options = _read(arguments)
    groups = groups_of(options.languages)
    try:
        clips = groups[-1].clips_of(read_manifest(options.manifest))
    except (OSError, ValueError) as error:
        sys.exit(f"languages: {error}")
    if not clips:
        sys.exit(f"languages: {options.manifest}: no clip with a trusted reference")
    systems = asyncio.run(_run_ours(clips))
    if options.peer:
        with find_weights(options.weights) as weights:
            systems.append(run_whisper_peer(clips, weights))
    comparison, pairs = compare(clips, systems), choose_pairs(systems)
    results = summarise(comparison, pairs=pairs, groups=groups)
    print(format_report(comparison, results, pairs))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), **describe(comparison, results)}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="languages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument(
        "--languages", type=lambda text: tuple(text.split(",")), default=("de", "fr", "nl")
    )
    parser.add_argument(
        "--weights", type=Path, help="the folder of the peer's weights, if not those of our model"
    )
    parser.add_argument(
        "--peer", action=argparse.BooleanOptionalAction, default=True, help="measure it too"
    )
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/languages.json")
    return parser.parse_args(arguments)


def groups_of(languages: Sequence[str]) -> tuple[Group, ...]:
    """Return one group for each language, and all of them together at the end."""
    each = tuple(map(core_of, languages))
    return (*each, Group("all", lambda clip: any(group.holds(clip) for group in each)))


def choose_pairs(systems: Sequence[System]) -> list[tuple[str, str]]:
    """Name the differences to show: ours against the peer, then `fast` against `quality`."""
    ours = [system.name for system in systems if system.name != NAME]
    against = [(one, NAME) for one in ours if len(ours) < len(systems)]
    return against + [(other, one) for one, other in pairwise(ours)]


async def _run_ours(clips: Sequence[Clip]) -> list[System]:
    async with bench_server() as server:
        first = {clip.language: clip for clip in clips}
        for (
            language,
            clip,
        ) in first.items():  # what is loaded when it is asked for is no clip's cost
            await transcribe(server, read_pcm(clip.path), mode="fast", language=language)
        return [await run_server(server, clips, mode=mode, streams=1) for mode in MODES]


if __name__ == "__main__":
    main()
